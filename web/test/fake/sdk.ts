/**
 * A stand-in for the SDK without a server, for looking at pages (VECHE_FAKE=folder npm run build): the room's name
 * says who is in it (`alone`, `two`, `many`, `stream`) or how the join fails (`locked`, `full`, `token` …).
 */
import { type ErrorCode, errorReasons, VecheError } from '../../../sdk/js/src/errors';
import type { ChatMessage, JoinOptions, MemberState, StreamStatus } from '../../../sdk/js/src/types';

export * from '../../../sdk/js/src/errors';

type Listener = (event: never) => void;

class Emitter {
  private readonly listeners = new Map<string, Set<Listener>>();
  on(kind: string, listener: Listener): () => void {
    const set = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, set.add(listener));
    return () => set.delete(listener);
  }
  emit(kind: string, event: unknown): void {
    for (const listener of this.listeners.get(kind) ?? []) listener(event as never);
  }
}

const hues = [28, 200, 340, 130, 265, 50, 180, 310, 90, 230, 10, 160];

function paint(name: string, hue: number): MediaStream {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const g = canvas.getContext('2d');
  let frame = 0;
  const draw = () => {
    if (!g) return;
    const sky = g.createLinearGradient(0, 0, 640, 360);
    sky.addColorStop(0, `hsl(${hue} 35% 42%)`);
    sky.addColorStop(1, `hsl(${hue + 40} 45% 22%)`);
    g.fillStyle = sky;
    g.fillRect(0, 0, 640, 360);
    g.fillStyle = `hsl(${hue} 30% 75%)`;
    g.beginPath();
    g.arc(320, 150 + Math.sin(frame / 20) * 4, 62, 0, 7);
    g.fill();
    g.beginPath();
    g.ellipse(320, 340, 130, 110, 0, 0, 7);
    g.fill();
    g.fillStyle = 'rgb(255 255 255 / 0.001)';
    g.fillText(name, 0, frame++ % 9);
  };
  draw();
  setInterval(draw, 100);
  return canvas.captureStream(10);
}

function participant(id: string, name: string, extra: Record<string, unknown> = {}) {
  const state: MemberState = { mic: true, camera: true, screen: false, hand: false, ...(extra.state as object) };
  const stream = state.camera && id !== 'me' ? paint(name, hues[id.charCodeAt(1) % hues.length] ?? 0) : null;
  const screen = state.screen ? paint('screen', 210) : null;
  return {
    ...{ id, name, role: 'speaker', agent: 'web', connected: true, isLocal: id === 'me', tracks: [], quality: 4 },
    ...extra,
    state,
    stream: (kind: string) => (kind === 'camera' ? stream : screen),
    status: (kind: string): StreamStatus => ({
      audio: state.mic ? 'live' : 'muted',
      video: kind === 'camera' ? (state.camera ? 'live' : 'none') : screen ? 'live' : 'none',
      codec: 'vp8',
    }),
  };
}

const names = [
  'Anna Petrova',
  'Boris',
  'Chiara Lombardi',
  'Dmitri',
  'Eva',
  'Farid Aliev',
  'Greta',
  'Hugo',
  'Ivan',
  'Jana',
];

function members(room: string) {
  const count = { alone: 0, two: 1, many: 5, nine: 9, stream: 1, lobby: 3 }[room] ?? 1;
  return names.slice(0, count).map((name, i) =>
    participant(`p${String.fromCharCode(65 + i)}`, name, {
      quality: i === 2 ? 2 : 4,
      role: room === 'stream' ? 'moderator' : 'speaker',
      state: { mic: i !== 1, camera: i !== 3, hand: i === 2, screen: room === 'many' && i === 4 },
    }),
  );
}

export class Room extends Emitter {
  readonly connection = 'connected';
  readonly topology;
  readonly forced = false;
  locked = false;
  readonly may = new Set(['chat', 'offer', 'ring']);
  readonly calls = new Map();
  readonly publishCodec = { video: undefined };
  relayOnly = false;
  readonly history: ChatMessage[] = [];
  readonly me;
  readonly participants;
  readonly id: string;
  readonly kind: string;
  static async join(options: JoinOptions): Promise<Room> {
    await new Promise((done) => setTimeout(done, 300));
    if (Object.hasOwn(errorReasons, options.room)) throw new VecheError(options.room as ErrorCode);
    return new Room(options);
  }
  constructor({ room, kind = 'meeting', name, role }: JoinOptions) {
    super();
    this.id = room;
    this.kind = kind;
    this.me = participant('me', name, { role: role ?? 'moderator' });
    this.participants = new Map(members(room).map((one) => [one.id, one]));
    this.topology = this.participants.size > 1 ? 'sfu' : 'p2p';
    Object.assign(globalThis, { fakeRoom: this });
    const levels = () => new Map([...this.participants.keys()].map((id) => [id, id === 'pA' ? Math.random() : 0]));
    setInterval(() => this.emit('speaking', { levels: levels(), active: 'pA' }), 300);
    if (room === 'many') setTimeout(() => this.say('pA', 'Good morning! Shall we begin?'), 600);
    if (room === 'incoming') setTimeout(() => this.emit('call', new Call(true)), 500);
  }
  say(from: string, text: string): void {
    const name = this.participants.get(from)?.name ?? '';
    this.emit('chat', { id: crypto.randomUUID(), from, name, text, at: Date.now() });
  }
  publish = async () => undefined;
  unpublish = async () => undefined;
  setState = async () => undefined;
  show = () => undefined;
  nudge = () => undefined;
  leave = async () => undefined;
  ring = async () => new Call(false);
  chat = async (text: string) => ({ id: crypto.randomUUID(), from: 'me', name: this.me.name, text, at: Date.now() });
  sendFile = async (file: File) => ({
    ...{ id: crypto.randomUUID(), name: file.name, size: file.size, mime: file.type },
    ...{ from: 'me', fromName: this.me.name, at: Date.now(), mine: true },
  });
  receiveFile = async () => new Blob(['x']);
  moderate = { mute: done, remove: done, lock: done, role: done, end: done };
  stats = async () => ({
    path: this.topology,
    server: { relay: false, protocol: 'udp', rttMs: 23, local: 'srflx', remote: 'host', availableOut: 2_400_000 },
    local: { id: 'me', quality: 4, tracks: [] },
    remote: [],
  });
}

const done = async () => undefined;

export class Call extends Emitter {
  readonly id = crypto.randomUUID();
  readonly peer = { id: 'pA', name: 'Anna Petrova' };
  readonly video = true;
  state = 'ringing';
  reason: string | undefined;
  readonly remoteState = { mic: true, camera: true, screen: false, hand: false };
  stream: MediaStream | null = null;
  readonly screen = null;
  readonly incoming: boolean;
  constructor(incoming: boolean) {
    super();
    this.incoming = incoming;
    Object.assign(globalThis, { fakeCall: this });
  }
  to(state: string, reason?: string): void {
    this.state = state;
    this.reason = reason;
    if (state === 'active') this.stream = paint('Anna', 28);
    this.emit('state', this);
  }
  accept = async () => this.to('active');
  decline = async () => this.to('ended', 'declined');
  cancel = async () => this.to('ended', 'cancelled');
  hangup = async () => this.to('ended', 'hangup');
  setTracks = () => undefined;
  replaceTrack = done;
  share = done;
  setState = () => undefined;
  chat = (text: string) => ({ id: crypto.randomUUID(), from: 'me', name: 'Me', text, at: Date.now() });
  stats = async () => ({ quality: 4, tracks: [], path: { relay: false, protocol: 'udp', rttMs: 12 } });
}
