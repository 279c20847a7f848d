/** veche-client: calls, meetings and broadcasts over a Veche server. See docs/sdk.md. */
export { Call, type CallEvents } from './call.js';
export { type ErrorCode, errorCode, errorReasons, VecheError } from './errors.js';
export { Participant } from './participant.js';
export { Room, type RoomEvents } from './room.js';
export type * from './types.js';
