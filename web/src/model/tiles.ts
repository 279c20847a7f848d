/** Which pictures there are. Pure: from what is known of the members to what is shown. */
import type { Participant, Status } from 'veche-client';
import type { LocalView, Person, TileView } from '../stage/types.js';

/** The part of a participant that is looked at. */
export type Seen = Pick<
  Participant,
  'id' | 'name' | 'role' | 'agent' | 'connected' | 'state' | 'tracks' | 'quality' | 'stream' | 'status'
>;

export interface LocalPictures {
  readonly view: LocalView;
  readonly camera: MediaStream;
  /** The camera looks away from its owner: no mirror. */
  readonly rear: boolean;
  readonly screen: MediaStream | null;
}

/** Viewers and players only watch: they are people, but no pictures. */
export function hasPicture(one: Pick<Seen, 'role' | 'agent' | 'tracks'>): boolean {
  return one.agent !== 'whep' && one.agent !== 'output' && (one.role !== 'viewer' || one.tracks.length > 0);
}

export function roomTiles(me: Seen, others: Iterable<Seen>, local: LocalPictures): TileView[] {
  const tiles: TileView[] = hasPicture(me) ? ownTiles(me, local) : [];
  for (const one of others) {
    if (!hasPicture(one)) continue;
    tiles.push(remoteTile(one));
    if (sharesScreen(one)) tiles.push(remoteScreen(one));
  }
  return tiles;
}

function ownTiles(me: Seen, { view, camera, rear, screen }: LocalPictures): TileView[] {
  const common = { ...identity(me), isLocal: true, hand: view.hand };
  const tiles: TileView[] = [
    {
      ...common,
      id: `${me.id}/camera`,
      kind: 'camera',
      stream: camera,
      mirrored: !rear,
      micMuted: !view.mic,
      cameraOff: !view.camera,
      video: view.camera ? 'live' : 'none',
      audio: view.mic ? 'live' : 'muted',
    },
  ];
  if (screen) {
    tiles.push({
      ...common,
      id: `${me.id}/screen`,
      kind: 'screen',
      stream: screen,
      mirrored: false,
      micMuted: true,
      cameraOff: false,
      video: 'live',
      audio: screen.getAudioTracks().length > 0 ? 'live' : 'none',
    });
  }
  return tiles;
}

function identity({ id, name, agent, role, connected, quality }: Seen) {
  return { member: id, name, agent, role, connected, quality };
}

function remoteTile(one: Seen): TileView {
  const { audio, video, codec, layer, why } = one.status('camera');
  return {
    ...identity(one),
    id: `${one.id}/camera`,
    kind: 'camera',
    stream: one.stream('camera'),
    isLocal: false,
    mirrored: false,
    micMuted: !one.state.mic,
    cameraOff: !one.state.camera && !shown(video),
    video,
    audio,
    codec,
    layer,
    why,
    hand: one.state.hand,
  };
}

function remoteScreen(one: Seen): TileView {
  const { audio, video, codec, layer, why } = one.status('screen');
  return {
    ...identity(one),
    id: `${one.id}/screen`,
    kind: 'screen',
    stream: one.stream('screen'),
    isLocal: false,
    mirrored: false,
    micMuted: true,
    cameraOff: false,
    video,
    audio,
    codec,
    layer,
    why,
    hand: false,
  };
}

const shown = (status: Status) => status === 'live' || status === 'waiting' || status === 'undecodable';

function sharesScreen(one: Seen): boolean {
  return one.state.screen || one.tracks.some((track) => track.source === 'screen');
}

export function person(one: Seen, isLocal: boolean, state = one.state): Person {
  const { id, name, role, agent, connected } = one;
  const { mic, camera, screen, hand } = state;
  return { id, name, role, agent, connected, isLocal, state: { mic, camera, screen, hand } };
}

/** Keeps the old objects where nothing changed, so that nothing is drawn again for them. */
export function keepSame<T extends object>(
  before: readonly T[],
  after: readonly T[],
  key: (one: T) => string,
): readonly T[] {
  const old = new Map(before.map((one) => [key(one), one]));
  const kept = after.map((one) => {
    const was = old.get(key(one));
    return was && same(was, one) ? was : one;
  });
  return kept.length === before.length && kept.every((one, i) => one === before[i]) ? before : kept;
}

function same(a: object, b: object): boolean {
  const left = Object.entries(a);
  const right = b as Record<string, unknown>;
  return left.length === Object.keys(b).length && left.every(([key, value]) => equal(value, right[key]));
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const plain = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return plain(a) && plain(b) && same(a, b);
}
