/** What a role may send in a kind of room: the table of veche-v1 §3, for a role that changes later. */
import type { Role, RoomKind } from './types.js';

const everyone = ['leave', 'ping', 'state', 'offer', 'candidate', 'view', 'signal', 'ready', 'chat', 'ice'];
const speakers = ['ring', 'accept', 'decline', 'cancel', 'hangup'];
const moderators = ['mute', 'remove', 'lock', 'role', 'end'];
const media = ['offer', 'candidate', 'view'];

export function mayOf(role: Role, kind: RoomKind): Set<string> {
  const may = new Set(everyone);
  if (role !== 'viewer' && kind !== 'broadcast') for (const t of speakers) may.add(t);
  if (role === 'moderator') for (const t of moderators) may.add(t);
  if (kind === 'lobby') for (const t of media) may.delete(t);
  return may;
}
