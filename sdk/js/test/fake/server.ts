/** The server's side of WebSockets, driven by hand. */
import type { ServerFrame } from '../../src/protocol.js';

type Frame = Record<string, unknown> & { t: string };

export class FakeSocket {
  static all: FakeSocket[] = [];
  /** What a new socket does. */
  static refuse = false;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: Frame[] = [];
  closed: number | undefined;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.all.push(this);
    if (FakeSocket.refuse) setTimeout(() => this.drop(), 0);
  }
  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1] as FakeSocket;
  }
  static reset(): void {
    FakeSocket.all = [];
    FakeSocket.refuse = false;
  }

  send(data: string): void {
    if (this.readyState !== 1) throw new Error('InvalidStateError');
    this.sent.push(JSON.parse(data));
  }
  close(code?: number): void {
    this.readyState = 3;
    this.closed = code ?? 1005;
  }

  // What the server does.
  open(): Frame {
    this.readyState = 1;
    this.onopen?.();
    return this.find('hello');
  }
  push(frame: Partial<ServerFrame> & { t: string }): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  raw(data: unknown): void {
    this.onmessage?.({ data });
  }
  drop(): void {
    this.readyState = 3;
    this.onclose?.();
  }
  all(t: string): Frame[] {
    return this.sent.filter((f) => f.t === t);
  }
  find(t: string): Frame {
    const frame = this.all(t).at(-1);
    if (!frame) throw new Error(`no ${t} was sent, only ${this.sent.map((f) => f.t).join(', ')}`);
    return frame;
  }
  /** Says ok to the last request of this type. */
  ok(t: string, rest: object = {}): void {
    this.push({ t: 'ok', re: this.find(t).id as number, ...rest });
  }
  error(t: string, code: string): void {
    this.push({ t: 'error', re: this.find(t).id as number, code, message: code });
  }
}

export const off = { mic: false, camera: false, screen: false, hand: false };

export const member = (id: string, more: object = {}) => ({
  id,
  name: id.toUpperCase(),
  role: 'speaker' as const,
  agent: 'web' as const,
  connected: true,
  state: { ...off },
  tracks: [],
  ...more,
});

export const welcome = (more: Record<string, unknown> = {}, room: object = {}) =>
  ({
    t: 'welcome',
    v: 1,
    you: member('a', { role: 'moderator' }),
    room: {
      id: 'tea',
      kind: 'meeting',
      locked: false,
      topology: 'p2p',
      forced: false,
      epoch: 1,
      video: ['vp8', 'vp9', 'h264', 'av1'],
      audio: ['opus', 'g722', 'pcmu', 'pcma'],
      publish: { video: 'vp8' },
      ...room,
    },
    members: [],
    iceServers: [{ urls: ['stun:192.0.2.1:7788'] }],
    may: ['leave', 'ping', 'state', 'offer', 'candidate', 'view', 'signal', 'ready', 'ring', 'chat', 'mute', 'ice'],
    resume: 'token1',
    n: 0,
    calls: [],
    chat: [],
    limits: { frame: 65536, sdp: 524288, seats: 49 },
    ...more,
  }) as unknown as ServerFrame & { t: 'welcome' };
