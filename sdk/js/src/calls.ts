/** The calls of this client: rings, answers, both ringing at once. */
import { Call, type CallRoom } from './call.js';
import { VecheError } from './errors.js';
import type { ServerFrames, SignalData, WireCall } from './protocol.js';

export interface CallsOptions {
  room: Omit<CallRoom, 'over' | 'request'>;
  request(request: Parameters<CallRoom['request']>[0]): Promise<ServerFrames['ok']>;
  nameOf(member: string): string;
  /** Somebody calls, or called while we talked to somebody else. */
  incoming(call: Call): void;
}

const remembered = 100;

export class Calls {
  readonly all = new Map<string, Call>();
  private readonly past: string[] = [];
  /** Whom we are ringing at this moment: a call of theirs is the answer to ours. */
  private readonly ringing = new Set<string>();

  constructor(private readonly options: CallsOptions) {}

  /** Calls a member; the call may have ended at once (`busy`, `unavailable`). */
  async ring(to: string, video: boolean): Promise<Call> {
    if (this.ringing.has(to)) throw new VecheError('busy');
    this.ringing.add(to);
    try {
      const { call } = await this.options.request({ t: 'ring', to, video });
      if (!call) throw new VecheError('internal', 'no call in the reply');
      return this.find(call) ?? this.make(call);
    } catch (error) {
      for (const call of this.all.values()) {
        if (call.peer.id === to && call.state === 'ringing' && call.incoming) this.options.incoming(call);
      }
      throw error;
    } finally {
      this.ringing.delete(to);
    }
  }

  /** The server's word about a call. */
  event(wire: WireCall): void {
    const call = this.find(wire);
    if (call) return;
    if (this.past.includes(wire.id)) return;
    const made = this.make(wire);
    if (made.incoming && !this.ringing.has(made.peer.id)) this.options.incoming(made);
  }

  signal(from: string, id: string, data: SignalData): void {
    const call = this.all.get(id);
    if (call?.peer.id === from) call.signal(data);
  }

  /** What is true after the server lost its memory. */
  restored(wires: readonly WireCall[], fresh: boolean): void {
    const known = new Set(wires.map((w) => w.id));
    for (const call of [...this.all.values()]) if (!known.has(call.id)) call.detach();
    for (const wire of wires) {
      if (fresh && wire.state === 'active') {
        // Its media went with the page that was reloaded.
        this.options.room.post({ t: 'hangup', call: wire.id });
        this.forget(wire.id);
      } else {
        this.event(wire);
      }
    }
  }

  nudge(): void {
    for (const call of this.all.values()) call.nudge();
  }

  reconfigure(): void {
    for (const call of this.all.values()) call.reconfigure();
  }

  /** We leave. */
  close(): void {
    for (const call of [...this.all.values()]) call.finish('gone');
  }

  private find(wire: WireCall): Call | undefined {
    const call = this.all.get(wire.id);
    call?.update(wire);
    return call;
  }

  private make(wire: WireCall): Call {
    const { room, request } = this.options;
    const peer = wire.from === room.me.id ? wire.to : wire.from;
    const name = this.options.nameOf(peer);
    const call = new Call({ ...room, request, over: (c) => this.over(c) }, wire, { id: peer, name });
    this.all.set(wire.id, call);
    call.update(wire);
    return call;
  }

  private over(call: Call): void {
    this.all.delete(call.id);
    this.forget(call.id);
  }

  private forget(id: string): void {
    this.past.push(id);
    if (this.past.length > remembered) this.past.shift();
  }
}
