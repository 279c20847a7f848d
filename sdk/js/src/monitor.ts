/** Looks at the connections again and again: who speaks, how good each connection is. */
import type { Inspection } from './path.js';
import { type Beat, feel, Pulse } from './pulse.js';
import { look, pathStats, qualityOf, type Reports, trackStats } from './stats.js';
import type { PathStats, Quality, StreamStatus, TrackStats } from './types.js';

export interface Look {
  tracks: Map<string | null, TrackStats[]>;
  paths: Map<string | null, PathStats>;
}

/** Statistics with a memory of the last look, so that rates are over the time between two looks. */
export class Looker {
  private before = new WeakMap<RTCPeerConnection, Reports>();

  async look(connections: readonly Inspection[]): Promise<Look> {
    const out: Look = { tracks: new Map(), paths: new Map() };
    await Promise.all(
      connections.map(async (at) => {
        const reports = await look(at.pc);
        const before = this.before.get(at.pc) ?? new Map();
        this.before.set(at.pc, reports);
        const path = pathStats(reports);
        if (path) out.paths.set(at.peer, path);
        for (const { member, stats } of trackStats(at, reports, before)) {
          const list = out.tracks.get(member) ?? [];
          out.tracks.set(member, list);
          list.push(stats);
        }
      }),
    );
    return out;
  }
}

/** Louder than this is speech (audio level 0 … 1); quieter than the second, silence. */
const loud = 0.02;
const quiet = 0.008;
/** Somebody else has to be louder for so long before the active speaker changes (ms). */
const takeover = 700;
/** After so much silence nobody is active. */
const silence = 3_000;

/** Decides from levels who speaks. Pure but for the time it is given. */
export class Speakers {
  private speaking = new Map<string, number>();
  private active: string | null = null;
  private heard = 0;
  private rival: { id: string; since: number } | null = null;

  /** Takes levels of this moment; says whether there is something to tell. */
  update(levels: ReadonlyMap<string, number>, now: number): boolean {
    const before = this.speaking;
    this.speaking = new Map();
    for (const [id, level] of levels) {
      if (level >= (before.has(id) ? quiet : loud)) this.speaking.set(id, level);
    }
    const changed = this.choose(now);
    return changed || this.speaking.size > 0 || before.size > 0;
  }

  state(): { levels: Map<string, number>; active: string | null } {
    return { levels: new Map(this.speaking), active: this.active };
  }

  private choose(now: number): boolean {
    const before = this.active;
    let top: string | null = null;
    for (const [id, level] of this.speaking) if (level > (top ? (this.speaking.get(top) ?? 0) : 0)) top = id;
    if (this.active && this.speaking.has(this.active)) this.heard = now;
    if (top === null || top === this.active) {
      this.rival = null;
      if (top === null && this.active && now - this.heard > silence) this.active = null;
      return this.active !== before;
    }
    if (this.rival?.id !== top) this.rival = { id: top, since: now };
    if (!this.active || now - this.rival.since >= takeover) {
      this.active = top;
      this.heard = now;
      this.rival = null;
    }
    return this.active !== before;
  }
}

export interface MonitorOptions {
  me(): string;
  inspect(): Inspection[];
  speaking(event: { levels: Map<string, number>; active: string | null }): void;
  quality(member: string, quality: Quality): void;
  /** What of a member's pictures comes and why not more. */
  picture(member: string): StreamStatus | undefined;
  /** Who speaks as the server says; undefined: it does not say. */
  speaker(): string | null | undefined;
  /** Media that flowed comes no more (somebody fell silent, or the network has changed), or comes again. */
  beat(pc: RTCPeerConnection, beat: Beat): void;
}

/** Milliseconds. */
const levelEvery = 250;
/** While a connection is silent. */
const worriedEvery = 100;
const qualityEvery = 2_000;
/** Looking at more tracks than these costs more than it is worth; it is done half as often. */
const manyTracks = 16;

export class Monitor {
  private readonly speakers = new Speakers();
  private readonly looker = new Looker();
  private readonly pulse = new Pulse();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastQuality = 0;
  private closed = false;

  constructor(private readonly options: MonitorOptions) {}

  start(): void {
    this.timer = setTimeout(() => void this.tick(), levelEvery);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async tick(): Promise<void> {
    const connections = this.options.inspect();
    const now = Date.now();
    if (now - this.lastQuality >= qualityEvery) {
      this.lastQuality = now;
      await this.rate(connections);
    }
    if (this.closed) return;
    const levels = await this.levels(connections);
    if (this.closed) return;
    if (this.speakers.update(levels, now)) this.tell();
    const many = connections.reduce((n, c) => n + c.incoming.size, 0) > manyTracks;
    const every = this.pulse.worried ? worriedEvery : many ? levelEvery * 2 : levelEvery;
    this.timer = setTimeout(() => void this.tick(), every);
  }

  /** Tells who speaks how loud. */
  tell(): void {
    const { levels, active } = this.speakers.state();
    this.options.speaking({ levels, active: this.options.speaker() ?? active });
  }

  private async levels(connections: readonly Inspection[]): Promise<Map<string, number>> {
    const out = new Map<string, number>();
    const raise = (id: string, level: number) => out.set(id, Math.max(level, out.get(id) ?? 0));
    const seen = await feel(
      this.pulse,
      connections.map((at) => at.pc),
      (pc, beat) => {
        if (!this.closed) this.options.beat(pc, beat);
      },
    );
    for (const at of connections) {
      for (const r of seen.get(at.pc)?.values() ?? []) {
        if (typeof r.audioLevel !== 'number') continue;
        if (r.type === 'media-source') raise(this.options.me(), r.audioLevel);
        else if (r.type === 'inbound-rtp') {
          const from = typeof r.mid === 'string' ? at.incoming.get(r.mid) : undefined;
          if (from?.source === 'mic') raise(from.member, r.audioLevel);
        }
      }
    }
    return out;
  }

  private async rate(connections: readonly Inspection[]): Promise<void> {
    const seen = await this.looker.look(connections);
    if (this.closed) return;
    const up = (peer: string | null) =>
      connections.some((c) => c.peer === peer && c.pc.connectionState === 'connected');
    const members = new Set(connections.flatMap((c) => [...c.incoming.values()].map((i) => i.member)));
    for (const c of connections) if (c.peer !== null) members.add(c.peer);
    for (const id of members) {
      const own = connections.some((c) => c.peer === id);
      const at = own ? id : null;
      this.options.quality(
        id,
        qualityOf(seen.tracks.get(id) ?? [], seen.paths.get(at), up(at), this.options.picture(id)),
      );
    }
    const anything = connections.some((c) => c.pc.connectionState === 'connected');
    const mine = seen.tracks.get(null) ?? [];
    if (connections.length > 0) {
      const worst = [...seen.paths.values()].sort((a, b) => (b.rttMs ?? 0) - (a.rttMs ?? 0))[0];
      this.options.quality(this.options.me(), qualityOf(mine, worst, anything));
    }
  }
}
