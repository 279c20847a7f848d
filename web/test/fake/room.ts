/** A room, a call and members that do what a test says. */
import type { Call, Participant, Room } from 'veche-client';
import type { FakeStream } from './media';

type Listener = (event: never) => void;

class Emitter {
  private readonly listeners = new Map<string, Set<Listener>>();
  on(kind: string, listener: Listener): () => void {
    const set = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, set.add(listener));
    return () => set.delete(listener);
  }
  emit(kind: string, event: unknown): void {
    for (const listener of [...(this.listeners.get(kind) ?? [])]) listener(event as never);
  }
  count(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

export function fakeMember(id: string, change: Partial<Record<keyof Participant, unknown>> = {}): Participant {
  return {
    ...{ id, name: id.toUpperCase(), role: 'speaker', agent: 'web', connected: true, isLocal: false, quality: 4 },
    ...{ tracks: [], state: { mic: true, camera: true, screen: false, hand: false } },
    stream: () => null,
    status: () => ({ audio: 'live', video: 'live' }),
    ...change,
  } as unknown as Participant;
}

export class FakeRoom extends Emitter {
  readonly id = 'room';
  kind = 'meeting';
  connection = 'connected';
  locked = false;
  topology = 'p2p';
  relayOnly = false;
  me = fakeMember('me', { isLocal: true });
  readonly participants = new Map<string, Participant>();
  readonly calls = new Map<string, FakeCall>();
  readonly may = new Set(['chat', 'offer']);
  readonly history: unknown[] = [];
  /** What was asked, in order. */
  readonly asked: unknown[][] = [];
  /** Rejects the next request of this name. */
  readonly refuse = new Map<string, Error>();
  nextCall: FakeCall | undefined;

  private request(name: string, ...values: unknown[]): Promise<void> {
    this.asked.push([name, ...values]);
    const error = this.refuse.get(name);
    return error ? Promise.reject(error) : Promise.resolve();
  }
  publish = (source: string, track: { id: string }) => this.request('publish', source, track.id);
  unpublish = (source: string) => this.request('unpublish', source);
  setState = (state: object) => this.request('state', { ...state });
  show = (wishes: unknown[]) => void this.asked.push(['show', wishes]);
  leave = () => this.request('leave');
  nudge = () => void this.asked.push(['nudge']);
  stats = async () => ({ path: 'p2p', local: { id: 'me', quality: 4, tracks: [] }, remote: [] });
  moderate = {
    mute: (member: string, source: string) => this.request('mute', member, source),
    remove: (member: string) => this.request('remove', member),
    lock: (locked: boolean) => this.request('lock', locked),
    role: (member: string, role: string) => this.request('role', member, role),
    end: () => this.request('end'),
  };
  async ring(member: string, options: { video: boolean }): Promise<FakeCall> {
    await this.request('ring', member, options.video);
    return this.nextCall ?? new FakeCall(false, member);
  }
  join(member: Participant): void {
    this.participants.set(member.id, member);
    this.emit('joined', member);
  }
  real(): Room {
    return this as unknown as Room;
  }
}

let made = 0;

export class FakeCall extends Emitter {
  readonly id = `call-${++made}`;
  readonly video = true;
  readonly peer;
  state = 'ringing';
  reason: string | undefined;
  remoteState = { mic: true, camera: true, screen: false, hand: false };
  stream: FakeStream | null = null;
  screen: FakeStream | null = null;
  pictures = true;
  readonly asked: unknown[][] = [];

  constructor(
    readonly incoming: boolean,
    peer = 'a',
  ) {
    super();
    this.peer = { id: peer, name: peer.toUpperCase() };
  }
  setPictures(wanted: boolean): void {
    this.pictures = wanted;
  }
  /** What the SDK does when the server or the other side says so. */
  to(state: string, reason?: string): void {
    this.state = state;
    this.reason = reason;
    this.emit('state', this);
  }
  accept = async (tracks: unknown[]) => {
    this.asked.push(['accept', tracks.length]);
    this.to('connecting');
  };
  decline = async () => this.to('ended', 'declined');
  cancel = async () => this.to('ended', 'cancelled');
  hangup = async () => this.to('ended', 'hangup');
  setTracks = (tracks: unknown[]) => void this.asked.push(['tracks', tracks.length]);
  replaceTrack = async (kind: string, track: unknown) => void this.asked.push(['replace', kind, track !== null]);
  share = async (tracks: unknown[] | null) => void this.asked.push(['share', tracks?.length ?? null]);
  setState = (state: object) => void this.asked.push(['state', { ...state }]);
  stats = async () => ({ quality: 4, tracks: [] });
  real(): Call {
    return this as unknown as Call;
  }
}
