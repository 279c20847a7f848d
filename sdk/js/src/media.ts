/**
 * The media of a room: the path in use, a second one during a change of topology (make before break), and the
 * streams of the participants, whose tracks come from whichever path gives them.
 */
import { FlowWatch } from './flow.js';
import { type ParticipantRecord, sourcesOf } from './participant.js';
import type { Inspection, Path } from './path.js';
import type { Beat } from './pulse.js';
import type { Mode, RtcEnvironment, Source, StreamKind, StreamStatus } from './types.js';

export interface MediaOptions {
  env: Pick<RtcEnvironment, 'MediaStream'>;
  /** Makes a path; it may begin at once. */
  open(mode: Mode): Path;
  /** The participants, by id. */
  records(): ReadonlyMap<string, ParticipantRecord>;
  ready(epoch: number): void;
  stream(id: string, kind: StreamKind): void;
}

/** The server settles a change after 5 s at the latest; if its word is lost, the old path goes all the same. */
const settleTimeout = 10_000;
const kinds = ['camera', 'screen'] as const;
const sources = ['mic', 'camera', 'screen', 'screen-audio'] as const;

export class Media {
  private paths: Path[] = [];
  private readonly local = new Map<Source, MediaStreamTrack>();
  private readonly flow: FlowWatch;
  private readonly tags = new WeakMap<Path, number>();
  private lastTag = 0;
  private epoch = -1;
  private readyFor = -1;
  private checking = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly options: MediaOptions) {
    this.flow = new FlowWatch((key) => this.refresh(key.split(' ')[1] ?? ''));
  }

  /** The newest path, which is or will be the only one. */
  get current(): Path | undefined {
    return this.paths[this.paths.length - 1];
  }

  /** The path of a mode, if it is open. */
  path(mode: Mode): Path | undefined {
    return this.paths.find((p) => p.mode === mode);
  }

  get published(): ReadonlyMap<Source, MediaStreamTrack> {
    return this.local;
  }

  /** The room's media goes this way from now on: at once, or until settled beside the old way. */
  switchTo(mode: Mode, epoch: number): void {
    this.epoch = epoch;
    this.readyFor = -1; // after a restart of the server its numbers begin anew
    let path = this.path(mode);
    if (!path) {
      path = this.options.open(mode);
      this.tags.set(path, ++this.lastTag);
      for (const [source, track] of this.local) path.set(source, track);
    }
    this.paths = [...this.paths.filter((p) => p !== path), path];
    path.update();
    clearTimeout(this.timer);
    if (this.paths.length > 1) this.timer = setTimeout(() => this.settle(), settleTimeout);
    this.flow.hurry();
    this.refreshAll();
  }

  /** Everybody is on this epoch's path: the old one may be closed. */
  settled(epoch: number): void {
    if (epoch === this.epoch) this.settle();
  }

  /** Closes what is not the current path. */
  settle(): void {
    clearTimeout(this.timer);
    const old = this.paths.slice(0, -1);
    this.paths = this.paths.slice(-1);
    this.refreshAll();
    for (const path of old) {
      path.close();
      this.flow.forget(`${this.tags.get(path)} `);
    }
  }

  publish(source: Source, track: MediaStreamTrack | null): void {
    if (track) this.local.set(source, track);
    else this.local.delete(source);
    for (const path of this.paths) path.set(source, track);
  }

  /** A member came, went or changed; without one, anything may have. */
  update(id?: string): void {
    for (const path of this.paths) path.update();
    if (id === undefined) this.refreshAll();
    else if (this.options.records().has(id)) this.refresh(id);
    else this.check();
  }

  inspect(): Inspection[] {
    return this.paths.flatMap((p) => p.inspect());
  }

  nudge(): void {
    for (const path of this.paths) path.nudge();
  }

  beat(pc: RTCPeerConnection, beat: Beat): void {
    for (const path of this.paths) path.beat(pc, beat);
  }

  reconfigure(): void {
    for (const path of this.paths) path.reconfigure();
  }

  /** Brings the streams of a participant up to date with the paths. */
  refresh(id: string): void {
    const record = this.options.records().get(id);
    if (!record || this.closed) return;
    for (const kind of kinds) this.refreshHalf(id, record, kind);
    this.check();
  }

  refreshAll(): void {
    for (const id of this.options.records().keys()) this.refresh(id);
    this.check();
  }

  /** Closes every path: we are somebody else now. */
  reset(): void {
    const old = this.paths;
    this.paths = [];
    for (const path of old) path.close();
    this.flow.forget('');
    this.refreshAll();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.flow.close();
    for (const path of this.paths) path.close();
    this.paths = [];
  }

  private flows(path: Path, id: string, source: Source): boolean {
    return this.flow.flows(`${this.tags.get(path)} ${id} ${source}`, path.arrival(id, source));
  }

  /** The track to use: of the newest path where it flows, else the oldest that has it. */
  private choose(id: string, source: Source): MediaStreamTrack | null {
    let fallback: MediaStreamTrack | null = null;
    for (const path of [...this.paths].reverse()) {
      const track = path.arrival(id, source)?.track;
      if (!track) continue;
      if (this.flows(path, id, source)) return track;
      fallback = track;
    }
    return fallback;
  }

  private refreshHalf(id: string, record: ParticipantRecord, kind: StreamKind): void {
    const half = record.halves[kind];
    const names = sourcesOf(kind);
    const wanted = [this.choose(id, names.audio), this.choose(id, names.video)].filter((t) => t !== null);
    let changed = false;
    if (wanted.length > 0 && !half.stream) half.stream = new this.options.env.MediaStream();
    const stream = half.stream;
    if (stream) {
      for (const t of stream.getTracks()) {
        if (wanted.includes(t)) continue;
        stream.removeTrack(t);
        changed = true;
      }
      for (const t of wanted) {
        if (stream.getTracks().includes(t)) continue;
        stream.addTrack(t);
        changed = true;
      }
    }
    const status = this.statusOf(id, kind);
    if (!changed && JSON.stringify(status) === JSON.stringify(half.status)) return;
    half.status = status;
    this.options.stream(id, kind);
  }

  /** During a change the better of the two paths speaks for each half. */
  private statusOf(id: string, kind: StreamKind): StreamStatus {
    const all = [...this.paths].reverse().map((p) => p.status(id, kind, (source) => this.flows(p, id, source)));
    const [newest, ...older] = all;
    if (!newest) return { audio: 'none', video: 'none' };
    const out = { ...newest };
    for (const old of older) {
      if (out.audio !== 'live' && old.audio === 'live') out.audio = 'live';
      if (out.video !== 'live' && old.video === 'live') {
        out.video = 'live';
        if (old.codec) out.codec = old.codec;
      }
    }
    return out;
  }

  /** Says once per epoch that what should come on the current path does; after the events of this moment. */
  private check(): void {
    if (this.checking || this.readyFor === this.epoch) return;
    this.checking = true;
    queueMicrotask(() => {
      this.checking = false;
      const path = this.current;
      if (this.closed || !path || this.readyFor === this.epoch) return;
      for (const [id, record] of this.options.records()) {
        if (!record.member.connected) continue;
        for (const source of sources) {
          if (source === 'screen-audio' || !path.expects(id, source)) continue;
          if (!this.flows(path, id, source)) return;
        }
      }
      this.readyFor = this.epoch;
      this.options.ready(this.epoch);
    });
  }
}
