/**
 * A small server: enough of a room for several clients to meet in one process. Topology is switched by hand.
 * What a real server decides is not imitated here; the end-to-end tests have a real one.
 */
import { Room } from '../../src/room.js';
import type { JoinOptions } from '../../src/types.js';
import { FakeConnection, rtc } from './rtc.js';
import { FakeSocket, member, welcome } from './server.js';

type Frame = Record<string, unknown> & { t: string; id?: number };
type Member = ReturnType<typeof member>;

interface Session {
  member: Member;
  socket: HubSocket | null;
  n: number;
  log: Frame[];
  peers: Map<number, FakeConnection>;
}

export class HubSocket extends FakeSocket {
  static hub: Hub;
  session: Session | null = null;
  constructor(url: string, protocol: string) {
    super(url, protocol);
    if (FakeSocket.refuse) return;
    setTimeout(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.onopen?.();
    }, 0);
  }
  override send(data: string): void {
    super.send(data);
    const frame = JSON.parse(data) as Frame;
    setTimeout(() => HubSocket.hub.receive(this, frame), 0);
  }
}

export class Hub {
  sessions = new Map<string, Session>();
  room: Record<string, unknown> = {};
  calls = new Map<string, Record<string, unknown>>();
  /** Every request, by the member that sent it. */
  requests: { from: string; frame: Frame }[] = [];
  /** Requests that are refused, by type. */
  refuse = new Map<string, string>();
  /** Resume tokens are worth nothing; who comes is new. */
  forget = false;
  private count = 0;

  constructor() {
    HubSocket.hub = this;
  }

  join(name: string, more: Partial<JoinOptions> = {}): Promise<Room> {
    return Room.join({
      url: 'http://server/',
      room: 'tea',
      name,
      rtc: { ...rtc, WebSocket: HubSocket as unknown as typeof WebSocket },
      ...more,
    });
  }

  of(id: string, t: string): Frame[] {
    return this.requests.filter((r) => r.from === id && r.frame.t === t).map((r) => r.frame);
  }

  /** Sends a numbered event to one, or to all. */
  tell(to: string | null, frame: Frame): void {
    for (const s of to === null ? this.sessions.values() : [this.sessions.get(to)]) {
      if (!s) continue;
      const numbered = { ...frame, n: ++s.n };
      s.log.push(numbered);
      s.socket?.raw(JSON.stringify(numbered));
    }
  }

  topology(mode: 'p2p' | 'sfu', epoch: number): void {
    Object.assign(this.room, { topology: mode, epoch });
    this.tell(null, { t: 'topology', mode, epoch });
  }

  /** The socket of a member breaks. */
  cut(id: string): void {
    const s = this.sessions.get(id);
    const socket = s?.socket;
    if (s) s.socket = null;
    socket?.drop();
  }

  leave(id: string, reason = 'left'): void {
    this.sessions.delete(id);
    this.tell(null, { t: 'left', member: id, reason });
  }

  receive(socket: HubSocket, frame: Frame): void {
    if (socket.readyState !== 1) return;
    if (frame.t === 'hello') {
      this.hello(socket, frame);
      return;
    }
    const s = socket.session;
    if (!s) return;
    this.requests.push({ from: s.member.id, frame });
    const code = this.refuse.get(frame.t);
    if (code) {
      if (frame.id) socket.push({ t: 'error', re: frame.id, code, message: code } as never);
      return;
    }
    void this.act(s, frame).then((rest) => {
      if (frame.id && socket.readyState === 1)
        socket.push({ t: frame.t === 'ping' ? 'pong' : 'ok', re: frame.id, ...rest });
    });
  }

  private hello(socket: HubSocket, frame: Frame): void {
    const token = this.forget ? undefined : (frame.resume as { token: string; n: number } | undefined)?.token;
    const seen = (frame.resume as { n: number } | undefined)?.n ?? 0;
    const old = token ? this.sessions.get(token) : undefined;
    const id = old?.member.id ?? token ?? `${frame.name}${this.forget ? 2 : ''}`;
    const fresh = {
      member: member(id, { name: frame.name, state: frame.state }),
      socket,
      n: 0,
      log: [],
      peers: new Map(),
    };
    const session: Session = old ?? fresh;
    const replay = !!old && seen <= old.n;
    if (!old) this.tell(null, { t: 'joined', member: session.member });
    this.sessions.set(id, session);
    session.socket = socket;
    socket.session = session;
    const resumed = token ? { resumed: replay ? 'replayed' : 'restored' } : {};
    const w = welcome(
      {
        you: session.member,
        members: [...this.sessions.values()].filter((s) => s !== session).map((s) => s.member),
        resume: id,
        n: replay ? seen : session.n,
        calls: [...this.calls.values()].filter((c) => c.state !== 'ended' && (c.from === id || c.to === id)),
        ...resumed,
      },
      this.room,
    );
    socket.push({ ...w, re: frame.id as number });
    if (replay) for (const f of session.log.slice(seen)) socket.raw(JSON.stringify(f));
  }

  private async act(s: Session, frame: Frame): Promise<object> {
    const me = s.member.id;
    switch (frame.t) {
      case 'state':
        for (const k of ['mic', 'camera', 'screen', 'hand'] as const) {
          if (typeof frame[k] === 'boolean') s.member.state[k] = frame[k];
        }
        for (const id of this.sessions.keys()) if (id !== me) this.tell(id, { t: 'updated', member: { ...s.member } });
        return {};
      case 'signal':
        this.tell(frame.to as string, { t: 'signal', from: me, link: frame.link, data: frame.data });
        return {};
      case 'chat':
        return { chat: this.chat(s, frame) };
      case 'offer':
        return this.answer(s, frame);
      case 'ring':
        return { call: this.ring(me, frame) };
      case 'accept':
        this.call(frame.call as string, { state: 'active' });
        return {};
      case 'decline':
      case 'cancel':
      case 'hangup': {
        const reason = { decline: 'declined', cancel: 'cancelled', hangup: 'hangup' }[frame.t];
        this.call(frame.call as string, { state: 'ended', reason });
        return {};
      }
      default:
        return {};
    }
  }

  private chat(s: Session, frame: Frame): object {
    const id = `chat${++this.count}`;
    const file = frame.file ? { file: { id: `file${this.count}`, ...(frame.file as object) } } : {};
    const to = frame.to ? { to: frame.to } : {};
    const chat = { id, from: s.member.id, name: s.member.name, text: frame.text, at: this.count, ...to, ...file };
    for (const other of this.sessions.keys()) {
      if (other !== s.member.id && (!frame.to || frame.to === other)) this.tell(other, { t: 'chat', chat });
    }
    return chat;
  }

  private ring(from: string, frame: Frame): object {
    const to = frame.to as string;
    for (const c of this.calls.values()) {
      if (c.state === 'ringing' && c.from === to && c.to === from) {
        this.call(c.id as string, { state: 'active' });
        return this.calls.get(c.id as string) as object;
      }
    }
    const call = { id: `call${++this.count}`, from, to, video: frame.video, state: 'ringing', at: this.count };
    this.calls.set(call.id, call);
    this.tell(to, { t: 'call', call });
    return call;
  }

  call(id: string, change: object): void {
    const call = this.calls.get(id);
    if (!call || call.state === 'ended') return;
    Object.assign(call, change);
    this.tell(call.from as string, { t: 'call', call: { ...call } });
    this.tell(call.to as string, { t: 'call', call: { ...call } });
  }

  private async answer(s: Session, frame: Frame): Promise<object> {
    const generation = frame.pc as number;
    const pc = s.peers.get(generation) ?? new FakeConnection();
    s.peers.set(generation, pc);
    await pc.setRemoteDescription({ type: 'offer', sdp: frame.sdp as string });
    for (const t of pc.transceivers) t.direction = 'sendrecv';
    await pc.setLocalDescription();
    return { pc: generation, sdp: pc.localDescription?.sdp };
  }
}
