/** One call: ringing, connecting, talking, over. */
import { CallChannel } from './callchannel.js';
import { Emitter } from './emitter.js';
import { VecheError } from './errors.js';
import { randomId } from './ids.js';
import { Link, type LinkOptions, type LinkState } from './link.js';
import { Looker } from './monitor.js';
import { streamOf } from './participant.js';
import type { Inspection } from './path.js';
import type { Request, SignalData, WireCall } from './protocol.js';
import { feel, Pulse } from './pulse.js';
import { qualityOf } from './stats.js';
import type {
  CallReason,
  CallState,
  CallStats,
  ChatMessage,
  FileOffer,
  FileProgress,
  MemberState,
  Quality,
  ReceiveOptions,
  Source,
  Transfer,
} from './types.js';

export interface CallEvents {
  /** The state changed; `ended` is the last event of a call. */
  state: Call;
  /** Camera and microphone of the other side: the same object, its tracks change. */
  stream: { stream: MediaStream | null };
  /** The other side's screen. */
  screen: { stream: MediaStream | null };
  /** What the other side says it sends. */
  remoteState: MemberState;
  chat: ChatMessage;
  file: FileOffer;
  fileProgress: FileProgress;
  quality: { quality: Quality };
  error: VecheError;
}

/** @internal What a call needs of its room. */
export interface CallRoom {
  link: Pick<LinkOptions, 'env' | 'config' | 'codecs'>;
  me: { id: string; name: string };
  connected(): boolean;
  request(request: Request): Promise<unknown>;
  post(request: Request): void;
  signal(to: string, link: string, data: SignalData): void;
  /** Media that flowed comes no more. */
  stopped(): void;
  over(call: Call): void;
}

/** Without media for so long the call has failed (ms). */
const mediaTimeout = 30_000;
const lookEvery = 2_000;
const listenEvery = 250;
/** What is said over the data channel at the end is given time to leave (ms). */
const linger = 400;
const sources: readonly Source[] = ['mic', 'camera', 'screen', 'screen-audio'];

/** A call with another member; made by `room.ring()` or told by the room's `call` event. */
export class Call {
  private readonly events = new Emitter<CallEvents>();
  private readonly channel: CallChannel;
  private readonly local = new Map<Source, MediaStreamTrack>();
  private readonly remote = new Map<Source, MediaStreamTrack>();
  private readonly looker = new Looker();
  private readonly monitor = new Looker();
  private streams: { camera: MediaStream | null; screen: MediaStream | null } = { camera: null, screen: null };
  private mine: MemberState = { mic: false, camera: false, screen: false, hand: false };
  private theirs: MemberState = { mic: false, camera: false, screen: false, hand: false };
  private link: Link | null = null;
  private now: CallState = 'ringing';
  private why: CallReason | undefined;
  private quality: Quality | undefined;
  private held: ReadonlySet<Source> = new Set();
  private lostAt = 0;
  private detached = false;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly pulse = new Pulse();
  private listening: ReturnType<typeof setInterval> | undefined;

  /** @internal */
  constructor(
    private readonly room: CallRoom,
    private readonly wire: WireCall,
    /** Who is called, or calls. */
    readonly peer: { readonly id: string; readonly name: string },
  ) {
    this.channel = new CallChannel({
      open: (label) => this.link?.createChannel(label) ?? null,
      state: (state) => {
        this.theirs = state;
        this.events.emit('remoteState', { ...state });
      },
      chat: (m) => this.events.emit('chat', { ...m, from: peer.id, name: peer.name }),
      file: (f) => this.events.emit('file', { ...f, from: peer.id, fromName: peer.name, mine: false }),
      progress: (id, done, total) => this.events.emit('fileProgress', { id, to: peer.id, done, total }),
      hangup: () => this.finish('hangup'),
    });
  }

  get id(): string {
    return this.wire.id;
  }
  get incoming(): boolean {
    return this.wire.to === this.room.me.id;
  }
  /** The caller asks for a call with video. */
  get video(): boolean {
    return this.wire.video;
  }
  get state(): CallState {
    return this.now;
  }
  /** Why it ended. */
  get reason(): CallReason | undefined {
    return this.why;
  }
  get stream(): MediaStream | null {
    return this.streams.camera;
  }
  get screen(): MediaStream | null {
    return this.streams.screen;
  }
  get remoteState(): MemberState {
    return { ...this.theirs };
  }

  /** Adds a listener; the result removes it. */
  on<K extends keyof CallEvents>(kind: K, listener: (event: CallEvents[K]) => void): () => void {
    return this.events.on(kind, listener);
  }

  /** Answers with these tracks. Rejects with `no-call` when it is over. */
  async accept(tracks: MediaStreamTrack[]): Promise<void> {
    if (!this.incoming || this.now !== 'ringing') throw new VecheError('no-call');
    this.setTracks(tracks);
    await this.room.request({ t: 'accept', call: this.id });
    this.activate();
  }

  async decline(): Promise<void> {
    this.end('decline', 'declined');
  }

  async cancel(): Promise<void> {
    this.end('cancel', 'cancelled');
  }

  /** Ends the call, whatever its state is. */
  async hangup(): Promise<void> {
    if (this.now === 'ringing')
      this.end(this.incoming ? 'decline' : 'cancel', this.incoming ? 'declined' : 'cancelled');
    else this.end('hangup', 'hangup');
  }

  /** Sends these tracks: at most one audio and one video track, in place of those before. */
  setTracks(tracks: MediaStreamTrack[]): void {
    const of = (kind: string) => tracks.find((t) => t.kind === kind) ?? null;
    this.send('mic', of('audio'));
    this.send('camera', of('video'));
    this.setState({ mic: this.local.has('mic'), camera: this.local.has('camera') });
  }

  /** Another microphone or camera, or none, without negotiation. */
  async replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void> {
    this.send(kind === 'audio' ? 'mic' : 'camera', track);
  }

  /** Shares a screen (video and perhaps audio track); null ends it. */
  async share(tracks: MediaStreamTrack[] | null): Promise<void> {
    this.send('screen', tracks?.find((t) => t.kind === 'video') ?? null);
    this.send('screen-audio', tracks?.find((t) => t.kind === 'audio') ?? null);
    this.setState({ screen: this.local.has('screen') });
  }

  /** Whether the other side shall send pictures: false saves what they would take. */
  setPictures(wanted: boolean): void {
    this.held = wanted ? new Set() : new Set(['camera', 'screen']);
    this.link?.hold(this.held);
  }

  /** Tells the other side what is sent. */
  setState(state: Partial<MemberState>): void {
    this.mine = { ...this.mine, ...state };
    if (this.now !== 'ended') this.channel.tell(this.mine);
  }

  /** Sends a line over the call's own channel, as soon as there is one. Throws `bad-message`, `no-call`. */
  chat(text: string): ChatMessage {
    const length = [...text].length;
    if (length === 0 || length > 4000) throw new VecheError('bad-message', 'text: must have 1 to 4000 code points');
    const message = { id: randomId(), text, at: Date.now() };
    this.channel.send({ t: 'chat', ...message });
    return { ...message, from: this.room.me.id, name: this.room.me.name };
  }

  /** Offers a file; its bytes flow when the other side receives it. */
  sendFile(file: Blob & { name?: string }): Transfer {
    return this.channel.offer(file).transfer;
  }

  /** Receives a file that was offered by a `file` event. */
  receiveFile(id: string, options: ReceiveOptions = {}): Promise<Blob> {
    return this.channel.receive(id, options);
  }

  /** Figures since the last call of this method. */
  async stats(): Promise<CallStats> {
    const at = this.inspect();
    const seen = await this.looker.look(at ? [at] : []);
    const tracks = [...(seen.tracks.get(null) ?? []), ...(seen.tracks.get(this.peer.id) ?? [])];
    const path = seen.paths.get(this.peer.id);
    const quality = this.quality ?? (this.link?.state === 'connected' ? 4 : 0);
    return path ? { quality, path, tracks } : { quality, tracks };
  }

  /** @internal The server's word about this call. */
  update(wire: WireCall): void {
    if (wire.state === 'active') this.activate();
    else if (wire.state === 'ended') this.finish(wire.reason ?? 'hangup');
  }

  /** @internal */
  signal(data: SignalData): void {
    this.link?.receive(data);
  }

  /** @internal */
  nudge(): void {
    this.link?.nudge();
  }

  /** @internal The ICE configuration has changed. */
  reconfigure(): void {
    this.link?.renew();
  }

  /** @internal The server has forgotten the call. Who talks talks on; who rings has nobody to ring any more. */
  detach(): void {
    if (this.now === 'ringing') this.finish('gone');
    else this.detached = true;
  }

  /** @internal Ends it without a word to the server. */
  finish(reason: CallReason): void {
    if (this.now === 'ended') return;
    this.now = 'ended';
    this.why = reason;
    clearInterval(this.timer);
    clearInterval(this.listening);
    this.channel.close();
    const link = this.link;
    this.link = null;
    link?.close();
    this.streams = { camera: null, screen: null };
    this.local.clear();
    this.room.over(this);
    this.events.emit('state', this);
    this.events.close();
  }

  private end(t: 'decline' | 'cancel' | 'hangup', reason: CallReason): void {
    if (this.now === 'ended') return;
    const alone = this.detached || !this.room.connected();
    const link = this.link;
    if (alone && link) {
      this.channel.send({ t: 'hangup' });
      link.close(linger);
    }
    this.room.post({ t, call: this.id });
    this.finish(reason);
  }

  private activate(): void {
    if (this.now !== 'ringing') return;
    this.now = 'connecting';
    this.lostAt = Date.now();
    const link = new Link({
      ...this.room.link,
      impolite: this.wire.from === this.room.me.id,
      sections: ['mic', 'camera'],
      send: (data) => this.room.signal(this.peer.id, `c:${this.id}`, data),
      channel: (channel) => this.channel.attach(channel),
      opened: (channel) => this.channel.opened(channel),
      track: (source, track) => this.arrived(source, track),
      state: (state) => this.moved(state),
    });
    this.link = link;
    for (const [source, track] of this.local) link.set(source, track);
    link.hold(this.held);
    link.start();
    this.timer = setInterval(() => void this.look(), lookEvery);
    this.listening = setInterval(() => void this.listen(), listenEvery);
    this.events.emit('state', this);
  }

  private send(source: Source, track: MediaStreamTrack | null): void {
    if (this.now === 'ended') return;
    if (track) this.local.set(source, track);
    else this.local.delete(source);
    this.link?.set(source, track);
  }

  private moved(state: LinkState): void {
    if (state === 'connected') {
      this.lostAt = 0;
      if (this.now !== 'connecting') return;
      this.now = 'active';
      this.events.emit('state', this);
    } else if (this.lostAt === 0) {
      this.lostAt = Date.now();
    }
  }

  private arrived(source: Source, track: MediaStreamTrack | null): void {
    const kind = streamOf(source);
    const before = this.remote.get(source);
    if (track) this.remote.set(source, track);
    else this.remote.delete(source);
    let stream = this.streams[kind];
    if (!stream && track) stream = this.streams[kind] = new this.room.link.env.MediaStream();
    if (!stream) return;
    if (before) stream.removeTrack(before);
    if (track) stream.addTrack(track);
    if (kind === 'camera') this.events.emit('stream', { stream });
    else this.events.emit('screen', { stream: this.remote.has('screen') ? stream : null });
  }

  private inspect(): Inspection | undefined {
    const pc = this.link?.connection;
    if (!pc) return undefined;
    const at: Inspection = { peer: this.peer.id, pc, incoming: new Map(), outgoing: new Map() };
    for (const source of sources) {
      const mid = this.link?.transceiver(source)?.mid;
      if (typeof mid !== 'string') continue;
      if (this.remote.has(source)) at.incoming.set(mid, { member: this.peer.id, source });
      if (this.local.has(source)) at.outgoing.set(mid, source);
    }
    return at;
  }

  private async listen(): Promise<void> {
    const pc = this.link?.connection;
    if (!pc) return;
    await feel(this.pulse, [pc], (_, beat) => {
      if (this.now !== 'active') return;
      if (beat === 'stopped') this.room.stopped();
      this.link?.beat(pc, beat);
    });
  }

  private async look(): Promise<void> {
    if (this.lostAt > 0 && Date.now() - this.lostAt > mediaTimeout) {
      this.end('hangup', 'failed');
      return;
    }
    const at = this.inspect();
    if (!at) return;
    const seen = await this.monitor.look([at]);
    const tracks = [...seen.tracks.values()].flat();
    const quality = qualityOf(tracks, seen.paths.get(this.peer.id), this.link?.state === 'connected');
    if (quality === this.quality || this.now === 'ended') return;
    this.quality = quality;
    this.events.emit('quality', { quality });
  }
}
