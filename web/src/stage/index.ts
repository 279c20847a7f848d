/** The in-call view: mount `<Stage model t locale />`; see types.ts for what the model provides. */
export { Stage } from './Stage.js';
export { stageEn, stageRu } from './strings.js';
export type * from './types.js';
export { createStageUi } from './ui.js';
