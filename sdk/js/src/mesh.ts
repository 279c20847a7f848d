/** The P2P path of a meeting: one link with every member that speaks. */
import { Link, type LinkOptions, type LinkState } from './link.js';
import { sourcesOf } from './participant.js';
import { type Arrival, type Inspection, type Path, type Roster, says, type WireMemberView } from './path.js';
import type { SignalData } from './protocol.js';
import type { Beat } from './pulse.js';
import type { Source, Status, StreamKind, StreamStatus } from './types.js';

export interface MeshOptions {
  link: Pick<LinkOptions, 'env' | 'config' | 'codecs'>;
  roster: Roster;
  /** The room's epoch now. */
  epoch(): number;
  signal(to: string, link: string, data: SignalData): void;
  changed(member: string): void;
  /** Pictures that are not wanted now, by member. */
  held(): ReadonlyMap<string, ReadonlySet<Source>>;
}

interface Peer {
  name: string;
  epoch: number;
  link: Link;
  arrivals: Map<Source, Arrival>;
  held: ReadonlySet<Source>;
}

const nothing: ReadonlySet<Source> = new Set();

export class Mesh implements Path {
  readonly mode = 'p2p';
  private readonly local = new Map<Source, MediaStreamTrack>();
  private readonly peers = new Map<string, Peer>();
  private closed = false;

  constructor(private readonly options: MeshOptions) {}

  set(source: Source, track: MediaStreamTrack | null): void {
    if (track) this.local.set(source, track);
    else this.local.delete(source);
    for (const peer of this.peers.values()) peer.link.set(source, track);
  }

  update(): void {
    if (this.closed) return;
    const wanted = new Set<string>();
    for (const member of this.options.roster.others()) if (this.linked(member)) wanted.add(member.id);
    for (const id of [...this.peers.keys()]) if (!wanted.has(id)) this.drop(id);
    for (const id of wanted) if (!this.peers.has(id)) this.add(id, this.options.epoch());
    const held = this.options.held();
    for (const [id, peer] of this.peers) {
      const before = peer.held;
      peer.held = held.get(id) ?? nothing;
      peer.link.hold(peer.held);
      if (before.size !== peer.held.size) this.options.changed(id);
    }
  }

  /** A signal of a member about `m:` and an epoch. */
  receive(from: string, epoch: number, data: SignalData): void {
    const member = this.options.roster.get(from);
    if (this.closed || !member || !this.linked(member)) return;
    const peer = this.peers.get(from);
    if (peer && peer.epoch > epoch && epoch !== this.options.epoch()) return; // about a path that is gone
    if (peer && peer.epoch !== epoch) this.drop(from);
    (this.peers.get(from) ?? this.add(from, epoch)).link.receive(data);
  }

  arrival(member: string, source: Source): Arrival | undefined {
    return this.peers.get(member)?.arrivals.get(source);
  }

  expects(id: string, source: Source): boolean {
    const member = this.options.roster.get(id);
    const held = this.peers.get(id)?.held.has(source) === true;
    return !!member && this.linked(member) && says(member, source) && !held && !this.refused(id, source);
  }

  status(id: string, kind: StreamKind, flows: (source: Source) => boolean): StreamStatus {
    const { audio, video } = sourcesOf(kind);
    const half = (source: Source): Status => {
      const peer = this.peers.get(id);
      const member = this.options.roster.get(id);
      const on = !!member && says(member, source);
      if (this.refused(id, source)) return on ? 'undecodable' : 'none';
      if (!peer?.arrivals.has(source)) return on && source !== 'screen-audio' ? 'waiting' : 'none';
      if (!on) return 'muted';
      if (peer.held.has(source)) return 'paused';
      return flows(source) && peer.link.state === 'connected' ? 'live' : 'waiting';
    };
    return { audio: half(audio), video: half(video) };
  }

  inspect(): Inspection[] {
    const out: Inspection[] = [];
    for (const [id, peer] of this.peers) {
      const pc = peer.link.connection;
      if (!pc) continue;
      const at: Inspection = { peer: id, pc, incoming: new Map(), outgoing: new Map() };
      for (const source of ['mic', 'camera', 'screen', 'screen-audio'] as const) {
        const mid = peer.link.transceiver(source)?.mid;
        if (typeof mid !== 'string') continue;
        if (peer.arrivals.has(source)) at.incoming.set(mid, { member: id, source });
        if (this.local.has(source)) at.outgoing.set(mid, source);
      }
      out.push(at);
    }
    return out;
  }

  nudge(): void {
    for (const peer of this.peers.values()) peer.link.nudge();
  }

  beat(pc: RTCPeerConnection, beat: Beat): void {
    for (const peer of this.peers.values()) peer.link.beat(pc, beat);
  }

  reconfigure(): void {
    for (const peer of this.peers.values()) peer.link.renew();
  }

  close(): void {
    this.closed = true;
    for (const peer of this.peers.values()) peer.link.close();
    this.peers.clear();
  }

  private linked(member: WireMemberView): boolean {
    return this.options.roster.speaks && member.agent === 'web' && member.role !== 'viewer';
  }

  /** The two browsers have no codec in common for this source. */
  private refused(id: string, source: Source): boolean {
    const section = this.peers.get(id)?.link.transceiver(source);
    return section?.currentDirection === 'stopped';
  }

  private add(id: string, epoch: number): Peer {
    const { link, roster, signal, changed } = this.options;
    const name = `m:${epoch}`;
    const arrivals = new Map<Source, Arrival>();
    const peer: Peer = {
      name,
      epoch,
      arrivals,
      held: nothing,
      link: new Link({
        ...link,
        impolite: roster.me < id,
        sections: ['mic', 'camera'],
        send: (data) => signal(id, name, data),
        track: (source, track, receiver) => {
          if (track && receiver) arrivals.set(source, { track, receiver });
          else arrivals.delete(source);
          changed(id);
        },
        state: (_: LinkState) => changed(id),
      }),
    };
    this.peers.set(id, peer);
    for (const [source, track] of this.local) peer.link.set(source, track);
    peer.link.start();
    return peer;
  }

  private drop(id: string): void {
    const peer = this.peers.get(id);
    this.peers.delete(id);
    peer?.link.close();
    if (peer) this.options.changed(id);
  }
}
