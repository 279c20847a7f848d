/** The path through the server: one connection that we always offer, with sections we send and seats. */
import { type Capabilities, describeLayers, otherClock, prefer, publishOrder, redundant, sameClock } from './codecs.js';
import { VecheError } from './errors.js';
import { kindOf, sourcesOf, streamOf } from './participant.js';
import { type Arrival, type Inspection, type Path, type Roster, says } from './path.js';
import type { Request, ServerFrames, WireLayers, WireSeat } from './protocol.js';
import { openings, Publication } from './publish.js';
import { type Beat, freshPicture } from './pulse.js';
import { withoutStrayFeedback, withSilence } from './sdp.js';
import { assign, heardOnly, needs, Seating, type SeatWish, type Shape, sameView, seatsFor } from './seats.js';
import { alive } from './stats.js';
import type { RtcEnvironment, Source, Status, StreamKind, StreamStatus, Wish } from './types.js';

export interface ServerOptions {
  env: Pick<RtcEnvironment, 'RTCPeerConnection' | 'MediaStream'> & Capabilities;
  roster: Roster;
  config(): Promise<RTCConfiguration>;
  /** A number higher than all before. */
  generation(): number;
  request(request: Request): Promise<ServerFrames['ok']>;
  post(request: Request): void;
  codecs(): { audio: readonly string[]; video: readonly string[]; publish: string | undefined };
  /** The most seats the server gives. */
  seats: number;
  /** What to show now. */
  wishes(): Wish[];
  changed(member: string): void;
  error(error: VecheError): void;
}

interface Seat {
  shape: Shape;
  a: RTCRtpTransceiver;
  /** Pairs only. */
  v: RTCRtpTransceiver | null;
}

/** Milliseconds. */
const patience = 2_000;
const rebuildPauses = [0, 300, 1_000, 2_000, 4_000];
const retryPause = 1_000;

export class Server implements Path {
  readonly mode = 'sfu';
  private pc: RTCPeerConnection | null = null;
  private generation = 0;
  private readonly local = new Map<Source, MediaStreamTrack>();
  private sending = new Map<Source, RTCRtpTransceiver>();
  private pictures = new Map<Source, Publication>();
  private seats: Seat[] = [];
  private negotiated = 0;
  private answered = false;
  private wishes = new Map<string, Wish>();
  private view: SeatWish[] = [];
  private told = '';
  /** Who is only heard has no own seat. */
  private shared = false;
  private readonly seating = new Seating();
  private readonly streams: Record<StreamKind, MediaStream>;
  private busy = false;
  private dirty = false;
  private closed = false;
  private failures = 0;
  private early: (RTCIceCandidateInit | null)[] | null = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Nothing comes, though it did. */
  private silent = false;
  /** An offer with new credentials is not answered yet. */
  private restarting = false;
  /** What was advised, and what is offered for it. */
  private advice = '';
  private publishing = '';

  constructor(private readonly options: ServerOptions) {
    const { MediaStream } = options.env;
    this.streams = { camera: new MediaStream(), screen: new MediaStream() };
  }

  start(): void {
    void this.build();
  }

  set(source: Source, track: MediaStreamTrack | null): void {
    if ((this.local.get(source) ?? null) === track) return;
    const before = this.local.has(source);
    if (track) this.local.set(source, track);
    else this.local.delete(source);
    const section = this.sending.get(source);
    if (section) {
      section.sender.replaceTrack(track).then(
        () => this.pictures.get(source)?.apply(),
        () => {},
      );
    }
    if (this.pc && before !== this.local.has(source)) this.negotiate();
  }

  update(): void {
    this.show();
    this.advise();
  }

  /** `seats` from the server. */
  seated(seats: readonly WireSeat[]): void {
    for (const id of this.seating.apply(seats)) this.options.changed(id);
  }

  /** `layers` from the server: which encodings of ours anybody watches. */
  layers(tracks: readonly WireLayers[]): void {
    for (const wanted of tracks) this.pictures.get(wanted.source)?.want(wanted);
  }

  /** `media` from the server: its side of a connection of ours. */
  media(generation: number, state: 'connected' | 'failed' | 'closed'): void {
    if (generation === this.generation && state !== 'connected') this.rebuild();
  }

  /** Builds the connection again: the server has lost its side. */
  rebuild(): void {
    if (this.closed) return;
    this.drop();
    const pause = rebuildPauses[Math.min(this.failures++, rebuildPauses.length - 1)] ?? 0;
    this.later(pause, () => void this.build());
  }

  arrival(member: string, source: Source): Arrival | undefined {
    const kind = kindOf(source);
    const at = this.seating.find(member, streamOf(source), kind);
    if (!at || at.seat >= this.negotiated || absent(at[kind])) return undefined;
    const seat = this.seats[at.seat];
    const receiver = (kind === 'audio' ? seat?.a : seat?.v)?.receiver;
    return receiver && { track: receiver.track, receiver };
  }

  expects(id: string, source: Source): boolean {
    const member = this.options.roster.get(id);
    if (!member || !says(member, source)) return false;
    const wish = this.wishes.get(`${streamOf(source)} ${id}`);
    if (!wish || (wish.paused && kindOf(source) === 'video')) return false;
    const at = this.seating.find(id, streamOf(source), kindOf(source));
    if (!at && this.shared && heardOnly(wish)) return false; // only when loud
    return at?.[kindOf(source)] !== 'undecodable';
  }

  status(id: string, kind: StreamKind): StreamStatus {
    const { audio, video } = sourcesOf(kind);
    const member = this.options.roster.get(id);
    const sound = this.seating.find(id, kind, 'audio');
    const at = this.seating.find(id, kind, 'video');
    const up = this.pc?.connectionState === 'connected';
    const wish = this.wishes.get(`${kind} ${id}`);
    const waits = wish && !(this.shared && heardOnly(wish));
    const half = (source: Source, seat: Status | undefined): Status => {
      if (seat === 'live' && !up) return 'waiting';
      if (seat !== undefined && seat !== 'none') return seat;
      const on = !!member && says(member, source);
      if (!member?.tracks.some((t) => t.source === source)) return on && source !== 'screen-audio' ? 'waiting' : 'none';
      if (!on) return 'muted';
      return waits && !(kindOf(source) === 'video' && wish.paused) ? 'waiting' : 'paused';
    };
    const out: StreamStatus = { audio: half(audio, sound?.audio), video: half(video, at?.video) };
    if (at?.codec) out.codec = at.codec;
    if (at?.rtp !== undefined) out.rtp = at.rtp;
    if (at?.layer) out.layer = at.layer;
    if (at?.why) out.why = at.why;
    return out;
  }

  inspect(): Inspection[] {
    if (!this.pc) return [];
    const at: Inspection = { peer: null, pc: this.pc, incoming: new Map(), outgoing: new Map() };
    this.seats.forEach((seat, i) => {
      const info = this.seating.at(i);
      if (!info?.member) return;
      const { audio, video } = sourcesOf(info.source);
      if (seat.a.mid !== null) at.incoming.set(seat.a.mid, { member: info.member, source: audio });
      if (seat.v && seat.v.mid !== null) at.incoming.set(seat.v.mid, { member: info.member, source: video });
    });
    for (const [source, section] of this.sending) {
      if (section.mid !== null && this.local.has(source)) at.outgoing.set(section.mid, source);
    }
    return [at];
  }

  nudge(): void {
    const pc = this.pc;
    const waits = this.dirty && !this.busy;
    if (waits) this.negotiate();
    if (!pc || !this.answered || (waits && this.restarting)) return;
    if (pc.connectionState !== 'connected' || this.silent) {
      this.restart();
      return;
    }
    void alive(pc).then((yes) => {
      if (!yes && this.pc === pc) this.restart();
    });
  }

  beat(pc: RTCPeerConnection, beat: Beat): void {
    if (this.pc !== pc || this.closed) return;
    this.silent = beat !== 'back';
    if (beat === 'back') freshPicture(pc);
    else if (beat === 'lost' && !this.restarting && this.seating.live) this.restart();
  }

  reconfigure(): void {
    this.rebuild();
  }

  close(): void {
    this.closed = true;
    this.drop();
  }

  private drop(): void {
    clearTimeout(this.timer);
    const pc = this.pc;
    this.pc = null;
    this.seats = [];
    this.sending = new Map();
    this.pictures = new Map();
    this.negotiated = 0;
    this.answered = this.silent = this.restarting = false;
    this.told = '';
    const members = this.seating.members();
    this.seating.clear();
    if (pc) {
      pc.onicecandidate = pc.onconnectionstatechange = null;
      pc.close();
    }
    if (!this.closed) for (const id of members) this.options.changed(id);
  }

  private async build(): Promise<void> {
    const config = await this.options.config();
    if (this.closed || this.pc) return;
    const pc = new this.options.env.RTCPeerConnection(config);
    this.pc = pc;
    this.generation = this.options.generation();
    this.early = [];
    this.busy = this.dirty = false;
    pc.onicecandidate = (e) => this.pc === pc && this.candidate(e.candidate?.toJSON() ?? null);
    pc.onconnectionstatechange = () => this.pc === pc && this.changed(pc);
    this.show();
    this.negotiate();
  }

  /** Our candidates follow the offer that they belong to. */
  private candidate(candidate: RTCIceCandidateInit | null): void {
    if (this.early) this.early.push(candidate);
    else this.options.post({ t: 'candidate', pc: this.generation, candidate } as Request);
  }

  private changed(pc: RTCPeerConnection): void {
    clearTimeout(this.timer);
    switch (pc.connectionState) {
      case 'connected':
        this.failures = 0;
        this.silent = false;
        break;
      case 'disconnected':
        this.later(patience, () => this.restart());
        break;
      case 'failed':
        this.rebuild();
        return;
    }
    for (const id of this.seating.members()) this.options.changed(id);
  }

  /** New ICE credentials for the same connection. */
  private restart(): void {
    const pc = this.pc;
    if (!pc || this.closed) return;
    void this.options.config().then((config) => {
      if (this.pc !== pc) return;
      try {
        pc.setConfiguration(config);
      } catch {
        // a browser that compares with defaults it filled in itself: the old servers stay
      }
      pc.restartIce();
      this.restarting = true;
      this.negotiate();
    });
  }

  /** Opens the seats that the wishes need and says what they shall show. */
  private show(): void {
    const wishes = this.options.wishes();
    this.wishes = new Map(wishes.map((w) => [`${w.source} ${w.member}`, w]));
    if (!this.pc) return;
    const { pair, other, loud } = needs(wishes, (id) => this.foreign(id));
    this.shared = loud > 0;
    const before = this.seats.length;
    const limit = this.options.seats;
    this.grow('loud', loud, limit);
    this.grow('other', other.length, limit);
    this.grow('pair', seatsFor(pair.length, limit), limit);
    if (this.seats.length > before) this.negotiate();
    const view = [...this.place('pair', pair), ...this.place('other', other)];
    for (const seat of this.of('loud').slice(0, loud)) view.push({ seat, member: 'loud', ...voice });
    view.sort((a, b) => a.seat - b.seat);
    if (!sameView(view, this.view)) this.view = view;
    this.tell();
  }

  /** Whether the sound of a member does not fit into the sections of pairs. */
  private foreign(id: string): boolean {
    const codec = this.options.roster.get(id)?.tracks.find((t) => t.source === 'mic')?.codec;
    return !!codec && otherClock(this.options.codecs().audio).includes(codec);
  }

  /** The numbers of the seats of a shape. */
  private of(shape: Shape): number[] {
    return this.seats.flatMap((s, i) => (s.shape === shape ? [i] : []));
  }

  private place(shape: Shape, wishes: readonly Wish[]): SeatWish[] {
    const seats = this.of(shape);
    const before = this.view.flatMap((w) => (seats.includes(w.seat) ? [{ ...w, seat: seats.indexOf(w.seat) }] : []));
    const now = assign(wishes, before, seats.length).map((w) => ({ ...w, seat: seats[w.seat] ?? 0 }));
    return shape === 'pair' ? now : now.map((w) => ({ ...w, ...voice }));
  }

  private tell(): void {
    const seats = this.view.filter((w) => w.seat < this.negotiated);
    const told = JSON.stringify(seats);
    if (this.negotiated === 0 || told === this.told) return;
    this.told = told;
    this.options.post({ t: 'view', seats });
  }

  /** Opens seats until there are so many of a shape, at most `limit` of all. */
  private grow(shape: Shape, count: number, limit: number): void {
    const pc = this.pc;
    if (!pc) return;
    const { audio, video } = this.options.codecs();
    for (let n = this.of(shape).length; n < count && this.seats.length < limit; n++) {
      const a = pc.addTransceiver('audio', { direction: 'recvonly' });
      prefer(this.options.env, a, shape === 'other' ? otherClock(audio) : redundant(sameClock(audio)));
      const v = shape === 'pair' ? pc.addTransceiver('video', { direction: 'recvonly' }) : null;
      if (v) {
        prefer(this.options.env, v, video);
        describeLayers(v);
      }
      this.seats.push({ shape, a, v });
    }
  }

  /** Another codec was advised: it is negotiated. */
  private advise(): void {
    const { publish, video } = this.options.codecs();
    const advice = `${publish} ${video.join()}`;
    if (advice === this.advice) return;
    this.advice = advice;
    const order = publishOrder(this.options.env, video, publish);
    if (order.join() === this.publishing) return;
    this.publishing = order.join();
    for (const [source, section] of this.sending) {
      if (kindOf(source) === 'video') prefer(this.options.env, section, order);
    }
    if (this.answered) this.negotiate();
  }

  private openSections(pc: RTCPeerConnection): void {
    if (!this.options.roster.speaks) return;
    const codecs = this.options.codecs();
    for (const [source, track] of this.local) {
      if (this.sending.has(source)) continue;
      const kind = kindOf(source);
      const several = source === 'camera' || source === 'screen' ? { sendEncodings: openings(source, track) } : {};
      const streams = [this.streams[streamOf(source)]];
      const section = pc.addTransceiver(track, { direction: 'sendonly', streams, ...several });
      this.sending.set(source, section);
      if (source === 'camera' || source === 'screen') this.pictures.set(source, new Publication(source, section));
      const video = publishOrder(this.options.env, codecs.video, codecs.publish);
      if (kind === 'video') this.publishing = video.join();
      prefer(this.options.env, section, kind === 'audio' ? redundant(sameClock(codecs.audio)) : video);
    }
  }

  /** One exchange at a time; what changes meanwhile is in the next one. */
  private negotiate(): void {
    this.dirty = true;
    if (this.busy || !this.pc) return;
    void this.run(this.pc);
  }

  private async run(pc: RTCPeerConnection): Promise<void> {
    this.busy = true;
    try {
      while (this.dirty && this.pc === pc) {
        this.dirty = false;
        await this.exchange(pc);
      }
      if (this.pc === pc) this.busy = false;
    } catch (error) {
      if (this.pc !== pc) return;
      this.busy = false;
      this.failed(error instanceof VecheError ? error : new VecheError('sdp', String(error), { cause: error }));
    }
  }

  private async exchange(pc: RTCPeerConnection): Promise<void> {
    this.openSections(pc);
    if (pc.getTransceivers().length === 0) return; // nothing to send and nobody to see
    this.early ??= [];
    await pc.setLocalDescription(await pc.createOffer());
    const sdp = pc.localDescription?.sdp;
    if (this.pc !== pc || !sdp) return;
    const count = this.seats.filter((s) => s.a.mid !== null && s.v?.mid !== null).length;
    const answer = this.options.request({
      t: 'offer',
      pc: this.generation,
      sdp: withoutStrayFeedback(sdp),
      tracks: [...this.sending].flatMap(([source, s]) =>
        s.mid !== null && this.local.has(source) && this.options.roster.speaks ? [{ mid: s.mid, source }] : [],
      ),
      seats: this.seats.slice(0, count).map((s) => ({ a: s.a.mid ?? '', v: s.v?.mid ?? '' })),
    });
    const { sdp: remote } = await answer;
    if (this.pc !== pc || remote === undefined) return;
    const voice = new Set([this.sending.get('mic')?.mid ?? '']);
    await pc.setRemoteDescription({ type: 'answer', sdp: withSilence(remote, voice) });
    if (this.pc !== pc) return;
    this.negotiated = count;
    this.answered = true;
    this.restarting = false;
    for (const picture of this.pictures.values()) picture.apply(this.publishing.split(',')[0]);
    for (const c of this.early ?? [])
      this.options.post({ t: 'candidate', pc: this.generation, candidate: c } as Request);
    this.early = null;
    this.tell();
    for (const id of this.seating.members()) this.options.changed(id);
  }

  private failed(error: VecheError): void {
    switch (error.code) {
      case 'network':
        this.dirty = true; // goes on after the next welcome
        return;
      case 'left':
      case 'aborted':
        return;
      case 'sdp':
        this.options.error(error);
        this.rebuild();
        return;
      default:
        if (this.failures === 0) this.options.error(error);
        this.dirty = true;
        this.later(retryPause * 2 ** Math.min(this.failures++, 4), () => this.negotiate());
    }
  }

  private later(ms: number, act: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.closed) act();
    }, ms);
  }
}

/** What a seat without a picture is wished with. */
const voice = { source: 'camera', width: 0, height: 0, paused: false } as const;

const absent = (s: Status) => s === 'none' || s === 'undecodable';
