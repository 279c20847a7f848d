/**
 * One peer connection with another member: perfect negotiation, candidates that come early, ICE restart.
 * Both sides use the same section for a source; which one it is is told in `meta` beside each description.
 */
import { type Capabilities, prefer } from './codecs.js';
import { type Meta, readMeta } from './linkmeta.js';
import { kindOf, streamOf } from './participant.js';
import type { SignalData } from './protocol.js';
import { activate, type Beat, freshPicture } from './pulse.js';
import { ufragOf, withoutStrayFeedback } from './sdp.js';
import { alive } from './stats.js';
import type { RtcEnvironment, Source } from './types.js';

export type LinkState = 'connecting' | 'connected' | 'interrupted' | 'failed';

export interface LinkOptions {
  env: Pick<RtcEnvironment, 'RTCPeerConnection' | 'MediaStream'> & Capabilities;
  /** Fresh for each peer connection and restart. */
  config(): Promise<RTCConfiguration>;
  send(data: SignalData): void;
  /** The impolite side starts, and wins when both offer at once. */
  impolite: boolean;
  codecs: { audio: readonly string[]; video: readonly string[] };
  /** Sources that have a section from the start, so that switching them on needs no negotiation. */
  sections: readonly Source[];
  /** A data channel, label `data`, on both sides. */
  channel?: (channel: RTCDataChannel) => void;
  /** A channel that the other side opened. */
  opened?: (channel: RTCDataChannel) => void;
  track(source: Source, track: MediaStreamTrack | null, receiver: RTCRtpReceiver | null): void;
  state(state: LinkState): void;
}

/** `disconnected` may heal by itself within this time (ms); the polite side waits longer. */
const patience = 2_000;
/** Between attempts to restart. */
const restartEvery = 6_000;
/** A restart is given so long before a state that is told late begins another one. */
const settling = 3_000;
/** An offer without an answer for so long is made again: a server that was restarted has lost one of the two. */
const answerTimeout = 8_000;

export class Link {
  private pc: RTCPeerConnection | null = null;
  private readonly local = new Map<Source, MediaStreamTrack>();
  private sections = new Map<Source, RTCRtpTransceiver>();
  private remote: Map<string, { source: Source; on: boolean }> | null = null;
  private told = new Map<Source, MediaStreamTrack | null>();
  private early: (RTCIceCandidateInit | null)[] = [];
  private incoming: Promise<void> = Promise.resolve();
  private making = false;
  private offered = 0;
  private serial = 0;
  private answering: number | undefined;
  private started = false;
  private closed = false;
  private me = '';
  private peer: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private unanswered: ReturnType<typeof setTimeout> | undefined;
  /** Nothing comes, though it should. */
  private silent = false;
  private restarted = 0;
  /** Pictures that we, and that they, do not want at the moment. */
  private mine: ReadonlySet<Source> = new Set();
  private theirs: ReadonlySet<Source> = new Set();
  /** The last restart was left to the other side. */
  private asked = false;
  private streams: { camera: MediaStream; screen: MediaStream };
  state: LinkState = 'connecting';
  /** When the state changed, ms. */
  since = Date.now();

  constructor(private readonly options: LinkOptions) {
    const { MediaStream } = options.env;
    this.streams = { camera: new MediaStream(), screen: new MediaStream() };
  }

  /** The peer connection, for statistics. */
  get connection(): RTCPeerConnection | null {
    return this.pc;
  }

  /** What section carries a source. */
  transceiver(source: Source): RTCRtpTransceiver | undefined {
    return this.sections.get(source);
  }

  /** Begins: the impolite side offers, the polite one tells that it is there. */
  start(): void {
    this.run(async () => {
      await this.build();
      if (!this.options.impolite && this.pc && !this.started) this.send({});
    });
  }

  /** Sends a track, another one in its place without negotiation, or nothing. */
  set(source: Source, track: MediaStreamTrack | null): void {
    if ((this.local.get(source) ?? null) === track) return;
    if (track) this.local.set(source, track);
    else this.local.delete(source);
    if (!this.pc || !this.started) return;
    const section = this.sections.get(source);
    if (section) {
      this.fill(source, section);
      this.send({});
    }
    if (!section && track) this.open(source);
  }

  /** Pictures that the other side need not send now. */
  hold(sources: ReadonlySet<Source>): void {
    if (sources.size === this.mine.size && [...sources].every((s) => this.mine.has(s))) return;
    this.mine = new Set(sources);
    if (this.pc) this.run(async () => this.send({}));
  }

  /** What the other side says about this link. In order. */
  receive(data: SignalData): void {
    this.run(() => this.take(data));
  }

  /**
   * The network has changed. The impolite side restarts, the polite one asks for it: of two offers at once one is rolled
   * back, and Chromium makes its receivers anew then, whose pictures stand still.
   */
  restart(): void {
    const asked = this.asked && Date.now() - this.restarted < restartEvery + settling;
    this.restarted = Date.now();
    this.asked = !this.options.impolite && !asked && this.remote !== null;
    if (this.asked) this.run(async () => this.send({}, { restart: true }));
    else this.renewIce();
    this.watch(this.asked ? settling : restartEvery);
  }

  private renewIce(): void {
    this.run(async () => {
      const pc = this.pc;
      if (!pc || !this.started) return;
      const config = await this.options.config();
      if (pc !== this.pc) return;
      try {
        pc.setConfiguration(config);
      } catch {
        // a browser that compares with defaults it filled in itself: the old servers stay
      }
      pc.restartIce();
      if (pc.signalingState === 'have-local-offer') await this.offer(pc); // the answer may be lost
    });
  }

  /** Builds the connection anew, for a configuration that a restart would not enforce on paths in use. */
  renew(): void {
    this.run(async () => {
      if (!this.pc) return; // it will be built with the new one
      this.drop();
      await this.build();
      if (!this.options.impolite) this.send({});
    });
  }

  /** Restarts now unless something comes. */
  nudge(): void {
    const pc = this.pc;
    if (!pc || !this.started) return;
    if (this.state !== 'connected' || this.silent) {
      this.restart();
      return;
    }
    void alive(pc).then((yes) => {
      if (!yes && this.pc === pc && !this.closed) this.restart();
    });
  }

  /** What comes over the connection has stopped, or is back. */
  beat(pc: RTCPeerConnection, beat: Beat): void {
    if (this.pc !== pc || this.closed) return;
    this.silent = beat !== 'back' && (this.silent || this.expecting());
    if (beat === 'back') {
      freshPicture(pc); // the other side has missed as much
      this.send({}, { picture: true });
    } else if (beat === 'lost' && this.silent) this.hasten(this.options.impolite ? 0 : patience / 2);
  }

  /** Whether the other side says that it sends something. */
  private expecting(): boolean {
    return this.remote === null || [...this.remote.values()].some((s) => s.on);
  }

  /** Ends it. What was said over its channels just before is given `linger` ms to leave; media is not. */
  close(linger = 0): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.unanswered);
    if (linger === 0) {
      this.drop();
      return;
    }
    for (const section of this.sections.values()) section.sender.replaceTrack(null).catch(() => {});
    setTimeout(() => this.drop(), linger);
  }

  /** Opens another data channel. */
  createChannel(label: string): RTCDataChannel | null {
    return this.pc?.createDataChannel(label) ?? null;
  }

  private run(step: () => Promise<void>): void {
    this.incoming = this.incoming.then(async () => {
      if (this.closed) return;
      try {
        await step();
      } catch {
        // A description that does not fit leaves the link as it is; if media cannot connect, the restart
        // timer or the other side begins again.
      }
    });
  }

  private async build(): Promise<void> {
    const config = await this.options.config();
    if (this.closed) return;
    const pc = new this.options.env.RTCPeerConnection(config);
    this.pc = pc;
    this.me = incarnation();
    this.peer = undefined;
    this.remote = null;
    this.early = [];
    this.making = this.started = this.silent = false;
    this.theirs = new Set();
    this.sections = new Map();
    pc.onicecandidate = (e) => this.pc === pc && this.send({ candidate: e.candidate?.toJSON() ?? null } as SignalData);
    pc.onnegotiationneeded = () => this.pc === pc && this.started && void this.offer(pc);
    pc.onconnectionstatechange = () => this.pc === pc && this.changed(pc);
    pc.ondatachannel = (e) => this.pc === pc && this.options.opened?.(e.channel);
    if (this.options.channel) this.options.channel(pc.createDataChannel('data', { negotiated: true, id: 0 }));
    if (this.options.impolite) {
      this.started = true;
      for (const source of new Set([...this.options.sections, ...this.local.keys()])) this.open(source);
      await this.offer(pc);
    }
    this.enter('connecting');
    this.watch(restartEvery * 2);
  }

  private drop(): void {
    const pc = this.pc;
    this.pc = null;
    if (pc) {
      pc.onicecandidate = pc.onnegotiationneeded = pc.onconnectionstatechange = pc.ondatachannel = null;
      pc.close();
    }
    for (const [source, track] of [...this.told]) {
      this.told.delete(source);
      if (track && !this.closed) this.options.track(source, null, null);
    }
  }

  private open(source: Source): void {
    const pc = this.pc;
    if (!pc) return;
    const kind = kindOf(source);
    const section = pc.addTransceiver(kind, { direction: 'sendrecv', streams: [this.streams[streamOf(source)]] });
    this.adopt(source, section);
  }

  private adopt(source: Source, section: RTCRtpTransceiver): void {
    this.sections.set(source, section);
    prefer(this.options.env, section, this.options.codecs[kindOf(source)]);
    this.fill(source, section);
  }

  private held(sources: ReadonlySet<Source>): void {
    const changed = [...sources, ...this.theirs].filter((s) => sources.has(s) !== this.theirs.has(s));
    this.theirs = sources;
    for (const source of changed) {
      const section = this.sections.get(source);
      if (section && kindOf(source) === 'video') activate(section.sender, !sources.has(source));
    }
  }

  private fill(source: Source, section: RTCRtpTransceiver): void {
    if (this.theirs.has(source) && kindOf(source) === 'video') activate(section.sender, false);
    section.sender.replaceTrack(this.local.get(source) ?? null).catch(() => {
      // stopped meanwhile: its successor gets the track
    });
  }

  private async offer(pc: RTCPeerConnection): Promise<void> {
    if (this.making) return;
    this.making = true;
    try {
      await pc.setLocalDescription();
      const description = pc.localDescription;
      // An answer, if an offer of the other side was faster.
      if (this.pc !== pc || !description) return;
      if (description.type === 'offer') this.expectAnswer(pc, ++this.serial);
      this.describe(description);
    } catch {
      // closed meanwhile
    } finally {
      this.making = false;
    }
  }

  private expectAnswer(pc: RTCPeerConnection, serial: number): void {
    clearTimeout(this.unanswered);
    this.unanswered = setTimeout(() => {
      const waits = this.pc === pc && this.serial === serial && pc.signalingState === 'have-local-offer';
      if (waits) this.run(() => this.offer(pc));
    }, answerTimeout);
  }

  private describe(description: RTCSessionDescription): void {
    this.offered = Date.now();
    const offer = description.type === 'offer' ? this.serial : this.answering;
    this.send(
      { description: { type: description.type, sdp: withoutStrayFeedback(description.sdp) } },
      offer === undefined ? {} : { offer },
    );
  }

  private send(data: SignalData, more: Meta = {}): void {
    if (this.closed) return;
    const meta: Meta = { ...more, from: this.me };
    if (this.peer !== undefined) meta.for = this.peer;
    if (!('candidate' in data)) {
      meta.sources = {};
      meta.hold = [...this.mine];
      for (const [source, section] of this.sections) {
        if (section.mid !== null) meta.sources[section.mid] = { source, on: this.local.has(source) };
      }
    }
    this.options.send({ ...data, meta });
  }

  private async take(data: SignalData): Promise<void> {
    const meta = readMeta(data.meta);
    if (!this.pc) await this.build();
    if (meta.for !== undefined && meta.for !== this.me) return; // for a connection we no longer have
    if (meta.from !== undefined && meta.from !== this.peer) {
      // Only a connection that is bound to another life has to go: two new ones would chase each other.
      if (this.peer !== undefined && this.pc?.remoteDescription) {
        this.drop(); // the other side began anew: so do we
        await this.build();
        this.peer = meta.from;
        if (this.options.impolite) return; // our new offer is on its way
      }
      this.peer = meta.from;
      const stale = this.pc?.signalingState === 'have-local-offer' && Date.now() - this.offered > 1_500;
      if (stale && !data.description && this.pc?.localDescription) this.describe(this.pc.localDescription);
    }
    const pc = this.pc;
    if (!pc) return;
    if (data.description && !this.acceptable(pc, data.description.type, meta.offer)) return;
    if (data.description?.type === 'offer') this.answering = meta.offer;
    if (meta.picture) freshPicture(pc);
    if (meta.restart && Date.now() - this.restarted > settling) this.restart();
    if (meta.hold) this.held(new Set(meta.hold));
    if (meta.sources) this.remote = new Map(Object.entries(meta.sources));
    if (data.description) await this.apply(pc, data.description);
    if ('candidate' in data) await this.candidate(pc, data.candidate ?? null);
    this.sync(pc);
  }

  /** Of two offers at once that of the impolite side stands; an answer is taken once. */
  private acceptable(pc: RTCPeerConnection, type: RTCSdpType, offer: number | undefined): boolean {
    if (type !== 'offer') return pc.signalingState === 'have-local-offer' && (offer ?? this.serial) === this.serial;
    return !this.options.impolite || (!this.making && pc.signalingState === 'stable');
  }

  private async apply(pc: RTCPeerConnection, description: NonNullable<SignalData['description']>): Promise<void> {
    const offer = description.type === 'offer';
    const before = ufragOf(pc.remoteDescription?.sdp);
    await pc.setRemoteDescription(description);
    if (before && before !== ufragOf(description.sdp)) {
      // The other side has begun to mend it: once is enough.
      this.restarted = Date.now();
      this.watch(restartEvery);
    }
    for (const c of this.early.splice(0)) await this.candidate(pc, c);
    if (!offer) return;
    this.started = true;
    this.claim(pc);
    if (pc.signalingState === 'have-remote-offer') {
      await pc.setLocalDescription();
      if (this.pc === pc && pc.localDescription) this.describe(pc.localDescription);
    }
    if (this.pc !== pc) return;
    for (const source of this.local.keys()) if (!this.sections.has(source)) this.open(source);
  }

  /** Uses the sections of the other side's offer for our tracks of the same sources. */
  private claim(pc: RTCPeerConnection): void {
    for (const section of pc.getTransceivers()) {
      if (section.mid === null || section.direction === 'stopped') continue;
      const source = this.sourceOf(pc, section);
      const mine = source && this.sections.get(source);
      if (!source || mine === section) continue;
      if (mine && mine.mid === null) mine.stop(); // both opened one at once; theirs won
      section.direction = 'sendrecv';
      section.sender.setStreams?.(this.streams[streamOf(source)]);
      this.adopt(source, section);
    }
  }

  /** What a section is for; a client that does not say so sends microphone, camera and screen in this order. */
  private sourceOf(pc: RTCPeerConnection, section: RTCRtpTransceiver): Source | undefined {
    if (section.mid !== null && this.remote?.has(section.mid)) return this.remote.get(section.mid)?.source;
    if (this.remote) return undefined;
    const kind = section.receiver.track.kind;
    const same = pc.getTransceivers().filter((t) => t.receiver.track.kind === kind);
    const order: Source[] = kind === 'audio' ? ['mic', 'screen-audio'] : ['camera', 'screen'];
    return order[same.indexOf(section)];
  }

  private async candidate(pc: RTCPeerConnection, candidate: RTCIceCandidateInit | null): Promise<void> {
    if (!pc.remoteDescription) {
      if (this.early.length < 200) this.early.push(candidate);
      return;
    }
    try {
      // Without an argument it is the end of candidates in every browser.
      await (candidate ? pc.addIceCandidate(candidate) : pc.addIceCandidate());
    } catch {
      // of an offer we ignored, or of a generation before a restart
    }
  }

  /** Tells which remote tracks there are now. */
  private sync(pc: RTCPeerConnection): void {
    if (this.closed || pc.signalingState === 'closed') return;
    const now = new Map<Source, RTCRtpReceiver>();
    for (const section of pc.getTransceivers()) {
      if (section.mid === null || !/recv/.test(section.currentDirection ?? '')) continue;
      const source = this.sourceOf(pc, section);
      const on = this.remote?.get(section.mid)?.on ?? true;
      if (source && on) now.set(source, section.receiver);
    }
    for (const source of ['mic', 'camera', 'screen', 'screen-audio'] as const) {
      const receiver = now.get(source) ?? null;
      const track = receiver?.track ?? null;
      if ((this.told.get(source) ?? null) === track) continue;
      this.told.set(source, track);
      this.options.track(source, track, receiver);
    }
  }

  private changed(pc: RTCPeerConnection): void {
    this.sync(pc);
    switch (pc.connectionState) {
      case 'connected':
        clearTimeout(this.timer);
        this.timer = undefined;
        this.silent = false;
        this.enter('connected');
        break;
      case 'disconnected':
        this.enter('interrupted');
        this.hasten(this.options.impolite ? patience : patience * 1.5);
        break;
      case 'failed':
        this.enter('failed');
        this.watch(this.options.impolite ? 0 : patience / 2);
        break;
    }
  }

  private enter(state: LinkState): void {
    if (this.state === state || this.closed) return;
    this.state = state;
    this.since = Date.now();
    this.options.state(state);
  }

  /** The same, unless a restart is under way that deserves its time. */
  private hasten(after: number): void {
    this.watch(Math.max(after, this.restarted + settling - Date.now()));
  }

  /** Restarts ICE if there is no connection by then, again and again. */
  private watch(after: number): void {
    clearTimeout(this.timer);
    if (this.closed) return;
    this.timer = setTimeout(() => {
      if (this.pc?.connectionState === 'connected' && !this.silent) return;
      if (this.started) this.restart();
      else {
        this.run(async () => this.send({}));
        this.watch(restartEvery);
      }
    }, after);
  }
}

/** Tells one life of a connection from another; it is no secret. */
function incarnation(): string {
  return Math.random().toString(36).slice(2, 10) || '0';
}
