/** Protocol v1 (docs/protocol/veche-v1.md) without I/O: the messages, their rules, reading and writing. */
import { VecheError } from './errors.js';
import {
  bad,
  flag,
  integer,
  json,
  list,
  match,
  maybe,
  nullable,
  number,
  type Of,
  object,
  optional,
  type Reader,
  rule,
  text,
  word,
} from './schema.js';

export const version = 1;
/** The subprotocol of the WebSocket. */
export const subprotocol = 'veche.v1';
/** Limits of a frame in bytes; `large` is for `offer` and `signal`. */
export const limits = { frame: 64 << 10, large: 512 << 10, depth: 16, seats: 64 } as const;

const small = integer(0, 2 ** 31 - 1);
const id = match(/^[\w-]{1,64}$/, 'an id');
const mid = match(/^[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,32}$/, 'a token');
/** The section of a seat's picture; a seat for sound has none. */
const midOrNone: Reader<string> = (v, path) => (v === '' ? '' : mid(v, path));
const source = word('mic', 'camera', 'screen', 'screen-audio');
const shown = word('camera', 'screen');
const role = word('viewer', 'speaker', 'moderator');
const mode = word('p2p', 'sfu');
const time = integer(0, Number.MAX_SAFE_INTEGER);
const names = list(text());

const state = object({ mic: flag, camera: flag, screen: flag, hand: flag });
const track = object({ source, kind: word('audio', 'video'), codec: text() });
const member = object({
  id,
  name: text(),
  role,
  agent: word('web', 'whip', 'whep', 'bot', 'stream', 'output'),
  connected: flag,
  state,
  tracks: list(track),
});
const fileShape = {
  name: text(1, 255, 255),
  size: integer(0, Number.MAX_SAFE_INTEGER),
  mime: text(0, 127, 127),
};
const fileOffer = object({ id: match(/^[\w-]{1,62}$/, 'an id'), ...fileShape });
const chatMessage = object({
  id,
  from: id,
  name: text(),
  text: text(),
  to: optional(id),
  at: time,
  file: optional(fileOffer),
});
const call = object({
  id,
  from: id,
  to: id,
  video: flag,
  state: word('ringing', 'active', 'ended'),
  reason: optional(word('declined', 'busy', 'timeout', 'cancelled', 'hangup', 'gone', 'unavailable')),
  at: time,
});
const iceServer = object({ urls: list(text()), username: optional(text()), credential: optional(text()) });
const publish = object({ video: optional(text()) });
const candidate = object({
  candidate: text(0, 1024, 1024),
  sdpMid: maybe(text(0, 32, 32)),
  sdpMLineIndex: maybe(integer(0, 65535)),
  usernameFragment: maybe(text(0, 256, 256)),
});
const signalData = rule(
  object({
    description: optional(
      object({ type: word('offer', 'answer', 'pranswer', 'rollback'), sdp: text(0, limits.large) }),
    ),
    candidate: optional(nullable(candidate)),
    close: optional(flag),
    meta: optional(json),
  }),
  (v) => Object.keys(v).length > 0 || bad('data', 'nothing in it'),
);
const status = word('live', 'waiting', 'none', 'muted', 'paused', 'undecodable');
const seat = object({
  seat: integer(0, limits.seats - 1),
  member: optional(id),
  source: shown,
  audio: status,
  video: status,
  codec: optional(text()),
  rtp: optional(integer(0, 2 ** 32 - 1)),
  layer: optional(
    object({
      index: small,
      of: small,
      spatial: small,
      temporal: small,
      width: optional(small),
      height: optional(small),
    }),
  ),
  why: optional(word('tile', 'bandwidth', 'publisher', 'choice')),
});
/** What is wanted of one of our sources; no `spatial` or `temporal`: all of its layers. */
const wanted = object({
  source: shown,
  wanted: list(small),
  spatial: optional(small),
  temporal: optional(small),
});

/** The shapes of what a server sends, without `t`, `n` and `re`. */
const events = {
  welcome: object({
    v: integer(version, version),
    you: member,
    room: object({
      id: text(),
      kind: word('meeting', 'broadcast', 'lobby'),
      locked: flag,
      topology: mode,
      forced: flag,
      epoch: small,
      video: names,
      audio: names,
      publish,
    }),
    members: list(member),
    iceServers: list(iceServer),
    may: names,
    resume: text(),
    n: time,
    resumed: optional(word('replayed', 'restored')),
    calls: list(call),
    chat: list(chatMessage),
    limits: object({ frame: small, sdp: small, seats: small }),
  }),
  ok: object({
    pc: optional(small),
    sdp: optional(text()),
    call: optional(call),
    chat: optional(chatMessage),
    iceServers: optional(list(iceServer)),
  }),
  error: object({ code: text(), message: text() }),
  pong: object({}),
  joined: object({ member }),
  left: object({ member: id, reason: word('left', 'gone', 'removed', 'slow', 'ended') }),
  updated: object({ member }),
  room: object({ locked: flag, video: names, audio: names, publish }),
  topology: object({ mode, epoch: small }),
  settled: object({ epoch: small }),
  seats: object({ seats: list(seat) }),
  signal: object({ from: id, link: text(1, 64, 64), data: signalData }),
  call: object({ call }),
  chat: object({ chat: chatMessage }),
  resume: object({ token: text(1, 4096, 4096) }),
  muted: object({ source, by: id }),
  media: object({ pc: small, state: word('connected', 'failed', 'closed') }),
  layers: object({ tracks: list(wanted) }),
  speaker: object({ member: optional(id) }),
  link: object({ estimate: time, lost: number(0, 100), rtt: small, limited: flag }),
  bye: object({ code: text(), message: text() }),
};

type Envelope = { n?: number; re?: number };
type ShapeOf<R> = R extends Reader<infer T> ? T : never;
/** A frame of the server, by its type. */
export type ServerFrames = { [T in keyof typeof events]: { t: T } & ShapeOf<(typeof events)[T]> & Envelope };
export type ServerFrame = ServerFrames[keyof ServerFrames];
export type Welcome = ServerFrames['welcome'];
export type WireMember = ShapeOf<typeof member>;
export type WireCall = ShapeOf<typeof call>;
export type WireSeat = ShapeOf<typeof seat>;
export type WireLayers = ShapeOf<typeof wanted>;
export type SignalData = ShapeOf<typeof signalData>;

const unnumbered = new Set(['welcome', 'ok', 'error', 'pong', 'bye']);
const envelope = object({ n: optional(integer(0, Number.MAX_SAFE_INTEGER)), re: optional(integer(1, 2 ** 31 - 1)) });

/**
 * Reads a frame of the server. Throws a VecheError: `bad-json`, `bad-message`, or `unknown-type` for an event
 * of a later version, which is to be ignored.
 */
export function decode(data: unknown): ServerFrame {
  const value = parse(data);
  const t = text()(value.t, 't');
  if (!Object.hasOwn(events, t)) throw new VecheError('unknown-type', `t: ${t}`);
  const key = t as keyof typeof events;
  const { n, re } = envelope(value, '');
  const frame: Record<string, unknown> = { t, ...events[key](value, '') };
  if (n !== undefined && !unnumbered.has(t)) frame.n = n;
  if (re !== undefined && unnumbered.has(t)) frame.re = re;
  return frame as ServerFrame;
}

function parse(data: unknown): Record<string, unknown> {
  let value: unknown;
  try {
    if (typeof data !== 'string') throw new Error('not a text frame');
    value = JSON.parse(data);
  } catch (cause) {
    throw new VecheError('bad-json', undefined, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !shallow(value, limits.depth)) {
    throw new VecheError('bad-json');
  }
  return value as Record<string, unknown>;
}

/** Whether objects and arrays nest at most so deep; `value` itself is 1. */
function shallow(value: object, depth: number): boolean {
  if (depth === 0) return false;
  return Object.values(value).every((v) => typeof v !== 'object' || v === null || shallow(v, depth - 1));
}

const unique = <T>(items: T[]) => new Set(items).size === items.length;
const audioName = word('opus', 'g722', 'pcmu', 'pcma');
const videoName = word('vp8', 'vp9', 'av1', 'h264', 'h265');
const codecNames = <T extends string>(name: Reader<T>): Reader<T[]> => {
  const read = list(name, 32);
  return (v, path) => {
    const out = read(v, path);
    return unique(out) ? out : bad(path, 'a name twice');
  };
};
const caps = object({ audio: codecNames(text(0, 62)), video: codecNames(text(0, 62)) });
const plain: Reader<string> = (v, path) => {
  const s = text(1, 64)(v, path);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is the rule
  return /[\u0000-\u001f\u007f]/.test(s) ? bad(path, 'a control character') : s;
};

/** No common version is a fault of its own. */
const versions: Reader<number[]> = (v, path) => {
  const out = list(small, 32)(v, path);
  if (!out.includes(version)) throw new VecheError('version');
  return out;
};

/** The shapes of what a client sends, without `t` and `id`. */
const requests = {
  hello: object({
    v: versions,
    room: plain,
    kind: optional(word('meeting', 'broadcast', 'lobby')),
    name: text(0, 64),
    token: optional(text(1, 4096, 4096)),
    role: optional(word('viewer')),
    agent: optional(word('bot')),
    topology: optional(word('auto', 'p2p', 'sfu')),
    video: optional(codecNames(videoName)),
    audio: optional(codecNames(audioName)),
    decode: caps,
    encode: caps,
    state,
    resume: optional(object({ token: text(1, 4096, 4096), n: time })),
  }),
  leave: object({}),
  ping: object({ n: optional(time) }),
  state: object({ mic: optional(flag), camera: optional(flag), screen: optional(flag), hand: optional(flag) }),
  offer: rule(
    object({
      pc: small,
      sdp: text(1, limits.large, limits.large),
      tracks: list(object({ mid, source }), 4),
      seats: list(object({ a: mid, v: midOrNone }), limits.seats),
    }),
    (o, fail) => {
      if (!unique(o.tracks.map((t) => t.source))) fail('tracks', 'a source twice');
      if (!unique(o.tracks.map((t) => t.mid))) fail('tracks', 'a section is used twice');
      const all = [...o.tracks.map((t) => t.mid), ...o.seats.flatMap((s) => (s.v === '' ? [s.a] : [s.a, s.v]))];
      if (!unique(all)) fail('seats', 'a section is used twice');
    },
  ),
  candidate: object({ pc: small, candidate: nullable(candidate) }),
  view: rule(
    object({
      seats: list(
        object({
          seat: integer(0, limits.seats - 1),
          member: id,
          source: shown,
          width: number(0, 16384),
          height: number(0, 16384),
          paused: flag,
        }),
        limits.seats,
      ),
    }),
    (o, fail) => {
      if (!unique(o.seats.map((s) => s.seat))) fail('seats', 'a seat twice');
      for (const s of o.seats) [s.width, s.height] = [Math.ceil(s.width), Math.ceil(s.height)];
    },
  ),
  signal: object({ to: id, link: text(1, 64, 64), data: signalData }),
  ready: object({ epoch: small }),
  ring: object({ to: id, video: flag }),
  accept: object({ call: id }),
  decline: object({ call: id }),
  cancel: object({ call: id }),
  hangup: object({ call: id }),
  chat: rule(
    object({
      text: text(0, 4000),
      to: optional(id),
      file: optional(object({ id: optional(match(/^[\w-]{1,62}$/, 'an id')), ...fileShape })),
    }),
    (o, fail) => {
      if (o.text === '' && !o.file) fail('text', 'empty');
    },
  ),
  mute: object({ member: id, source }),
  remove: object({ member: id }),
  lock: object({ locked: flag }),
  role: object({ member: id, role }),
  end: object({}),
  ice: object({}),
};

/** What a client sends, by its type. */
export type Requests = { [T in keyof typeof requests]: ShapeOf<(typeof requests)[T]> };
export type Request = { [T in keyof Requests]: { t: T } & Requests[T] }[keyof Requests];

const encoder = new TextEncoder();

/** Writes a request, checked by the rules of the server, so that what the app says wrong is told at once. */
export function encode(request: Request, number?: number): string {
  const t = text()(request.t, 't') as Request['t'];
  if (!Object.hasOwn(requests, t)) throw new VecheError('unknown-type', `t: ${t}`);
  const limit = t === 'offer' || t === 'signal' ? limits.large : limits.frame;
  if (number !== undefined) integer(1, 2 ** 31 - 1)(number, 'id');
  const id = number === undefined ? {} : { id: number };
  if (!shallow(request, limits.depth)) throw new VecheError('bad-json', 'nested too deeply');
  let out: string;
  try {
    out = JSON.stringify({ t, ...id, ...requests[t](request, '') });
  } catch (error) {
    if (JSON.stringify(request).length > limit) throw new VecheError('too-big');
    throw error;
  }
  if (out.length > limit / 3 && encoder.encode(out).length > limit) throw new VecheError('too-big');
  return out;
}

/** @internal for the tests: the types this version knows */
export type { Of };
export const types = { server: Object.keys(events), client: Object.keys(requests) };
