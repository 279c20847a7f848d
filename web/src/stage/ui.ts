import { signal } from '@preact/signals';
import type { Layout, Panel, StageUi } from './types.js';

/** What the person chooses in the view, at its start. */
export function createStageUi(layout: Layout = 'grid'): StageUi {
  return { layout: signal<Layout>(layout), pinned: signal<string | null>(null), panel: signal<Panel | null>(null) };
}
