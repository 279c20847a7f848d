/** Goes into a room: devices and signalling at the same time, so that the picture is there soon. */
import { Room, type RoomKind, VecheError } from 'veche-client';
import { type App, copyText, inviteUrl, nameOrGuest, storageOf } from '../app';
import { roomWishes, unable } from '../env';
import type { RoomPage } from '../router';
import type { StageMode } from '../stage/types.js';
import { Conference } from './conference';
import { screenCapture } from './local';
import { savingOf } from './settings';

const kinds: Record<RoomPage, RoomKind> = { r: 'meeting', b: 'broadcast', watch: 'broadcast', call: 'lobby' };
const modes: Record<RoomPage, StageMode> = {
  r: 'meeting',
  b: 'broadcast-host',
  watch: 'broadcast-viewer',
  call: 'call',
};

/** Joins the room of a page; rejects with a VecheError. */
export function enterRoom(app: App, page: RoomPage, room: string, signal: AbortSignal): Promise<Room> {
  if (unable()) return Promise.reject(new VecheError('unsupported'));
  const settings = app.settings.peek();
  const { mic, camera } = app.media;
  const token = app.token.peek();
  const storage = storageOf(() => sessionStorage);
  return Room.join(
    {
      url: app.root,
      room,
      kind: kinds[page],
      name: nameOrGuest(settings),
      ...roomWishes(location.href),
      relayOnly: settings.relayOnly,
      state: { mic: mic.peek()?.enabled ?? false, camera: camera.peek() !== null },
      ...(token ? { token } : {}),
      ...(page === 'watch' ? { role: 'viewer' as const } : {}),
      ...(storage ? { storage } : {}),
    },
    signal,
  );
}

export function openConference(app: App, page: RoomPage, room: Room): Conference {
  const url = inviteUrl(app, { page: page === 'watch' ? 'watch' : page, room: room.id });
  return new Conference(room, {
    mode: modes[page],
    media: app.media,
    invite: { url, copy: () => copyText(url) },
    capture: screenCapture(),
    saving: savingOf(app.settings),
  });
}

const insideKey = 'veche.inside';

/** Remembers that this tab is in a room, so that a reload leads back in. */
export function markInside(path: string | null, state = { mic: true, camera: true }): void {
  const storage = storageOf(() => sessionStorage);
  if (path === null) storage?.removeItem(insideKey);
  else storage?.setItem(insideKey, JSON.stringify({ path, ...state }));
}

/** What this tab was in before it was reloaded, if this is a reload of it. */
export function wasInside(path: string): { mic: boolean; camera: boolean } | undefined {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  if (navigation?.type !== 'reload') return undefined;
  try {
    const stored: unknown = JSON.parse(storageOf(() => sessionStorage)?.getItem(insideKey) ?? 'null');
    if (typeof stored !== 'object' || stored === null) return undefined;
    const inside = stored as Record<string, unknown>;
    return inside.path === path ? { mic: inside.mic === true, camera: inside.camera === true } : undefined;
  } catch {
    return undefined;
  }
}
