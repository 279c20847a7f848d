/** Reads what getStats tells: paths, tracks and the quality of a connection, as differences between two looks. */
import { codecName } from './codecs.js';
import { kindOf } from './participant.js';
import type { Inspection } from './path.js';
import type { CandidateType, PathStats, Quality, Source, StreamStatus, TrackStats } from './types.js';

/** The members of the reports that are used; browsers leave out what they do not have. */
export interface Report {
  id: string;
  type: string;
  timestamp: number;
  [member: string]: unknown;
}
export type Reports = Map<string, Report>;

const num = (v: unknown): number | undefined => (typeof v === 'number' && Number.isFinite(v) ? v : undefined);
const str = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined);

export async function look(pc: RTCPeerConnection): Promise<Reports> {
  try {
    return new Map((await pc.getStats()) as unknown as Reports);
  } catch {
    return new Map(); // closed
  }
}

/** Bytes that have come so far, by the transport or else by the pair in use. */
export function heard(reports: Reports): number {
  for (const r of reports.values()) if (r.type === 'transport') return num(r.bytesReceived) ?? 0;
  return num(pairOf(reports)?.bytesReceived) ?? 0;
}

/** How long to listen whether a connection is alive that says it is (ms). */
const listenFor = 600;

/** Whether anything comes at this moment: the state of a connection tells it seconds later. */
export async function alive(pc: RTCPeerConnection): Promise<boolean> {
  const before = heard(await look(pc));
  await new Promise((resolve) => setTimeout(resolve, listenFor));
  return heard(await look(pc)) > before;
}

/** The candidate pair in use. */
function pairOf(reports: Reports): Report | undefined {
  for (const r of reports.values()) {
    if (r.type === 'transport' && str(r.selectedCandidatePairId)) {
      const pair = reports.get(r.selectedCandidatePairId as string);
      if (pair) return pair;
    }
  }
  for (const r of reports.values()) {
    if (r.type === 'candidate-pair' && (r.selected === true || (r.nominated === true && r.state === 'succeeded'))) {
      return r;
    }
  }
  return undefined;
}

export function pathStats(reports: Reports): PathStats | undefined {
  const pair = pairOf(reports);
  if (!pair) return undefined;
  const local = reports.get(str(pair.localCandidateId) ?? '');
  const remote = reports.get(str(pair.remoteCandidateId) ?? '');
  const out: PathStats = { relay: local?.candidateType === 'relay' || remote?.candidateType === 'relay' };
  if (str(local?.candidateType)) out.local = local?.candidateType as CandidateType;
  if (str(remote?.candidateType)) out.remote = remote?.candidateType as CandidateType;
  const protocol = str(local?.relayProtocol) ?? str(local?.protocol);
  if (protocol === 'udp' || protocol === 'tcp' || protocol === 'tls') out.protocol = protocol;
  const rtt = num(pair.currentRoundTripTime);
  if (rtt !== undefined) out.rttMs = Math.round(rtt * 1000);
  const available = num(pair.availableOutgoingBitrate);
  if (available !== undefined) out.availableOut = Math.round(available);
  return out;
}

/** What is told of a source: the member it comes from, null for ours. */
export interface Named {
  member: string | null;
  stats: TrackStats;
}

function midOf(r: Report, at: Inspection): string | undefined {
  const mid = str(r.mid);
  if (mid !== undefined) return mid;
  for (const t of at.pc.getTransceivers()) {
    if (t.mid !== null && t.receiver.track.id === r.trackIdentifier) return t.mid;
  }
  return undefined;
}

/** Since the look before; without one, since the beginning of the connection. */
function rate(now: Report, before: Report | undefined, member: string): number {
  const from = num(before?.[member]) ?? 0;
  const since = before ? now.timestamp - before.timestamp : 0;
  const grown = Math.max(0, (num(now[member]) ?? 0) - from);
  return since > 0 ? Math.round((grown * 8000) / since) : 0;
}

function share(lost: number, received: number): number {
  return lost > 0 && lost + received > 0 ? Math.round((1000 * lost) / (lost + received)) / 10 : 0;
}

const grown = (now: Report, before: Report | undefined, member: string) =>
  Math.max(0, (num(now[member]) ?? 0) - (num(before?.[member]) ?? 0));

function common(r: Report, reports: Reports, source: Source): Pick<TrackStats, 'kind' | 'source' | 'codec'> {
  const mime = str(reports.get(str(r.codecId) ?? '')?.mimeType);
  return { kind: kindOf(source), source, ...(mime ? { codec: codecName(mime) } : {}) };
}

function picture(r: Report): Partial<TrackStats> {
  const out: Partial<TrackStats> = {};
  const width = num(r.frameWidth);
  const height = num(r.frameHeight);
  const fps = num(r.framesPerSecond);
  if (width !== undefined && height !== undefined) Object.assign(out, { width, height });
  if (fps !== undefined) out.fps = Math.round(fps);
  return out;
}

function incoming(r: Report, reports: Reports, before: Reports, source: Source): TrackStats {
  const old = before.get(r.id);
  const out: TrackStats = {
    ...common(r, reports, source),
    direction: 'in',
    bitrate: rate(r, old, 'bytesReceived'),
    lost: share(grown(r, old, 'packetsLost'), grown(r, old, 'packetsReceived')),
    ...picture(r),
  };
  const jitter = num(r.jitter);
  if (jitter !== undefined) out.jitterMs = Math.round(jitter * 1000);
  const level = num(r.audioLevel);
  if (level !== undefined) out.level = level;
  const freezes = num(r.freezeCount);
  if (freezes !== undefined) out.freezes = freezes;
  if (out.kind === 'video') {
    out.frames = num(r.framesDecoded) ?? 0;
    const repairs = num(r.retransmittedPacketsReceived) === undefined ? 'nackCount' : 'retransmittedPacketsReceived';
    out.resent = grown(r, old, repairs);
  }
  return out;
}

function outgoing(r: Report, reports: Reports, before: Reports, source: Source): TrackStats {
  const out: TrackStats = {
    ...common(r, reports, source),
    direction: 'out',
    bitrate: rate(r, before.get(r.id), 'bytesSent'),
    lost: 0,
    ...picture(r),
  };
  for (const remote of reports.values()) {
    if (remote.type !== 'remote-inbound-rtp' || remote.localId !== r.id) continue;
    const fraction = num(remote.fractionLost);
    if (fraction !== undefined) out.lost = Math.round(fraction * 1000) / 10;
    const rtt = num(remote.roundTripTime);
    if (rtt !== undefined) out.rttMs = Math.round(rtt * 1000);
    const jitter = num(remote.jitter);
    if (jitter !== undefined) out.jitterMs = Math.round(jitter * 1000);
  }
  const level = num(reports.get(str(r.mediaSourceId) ?? '')?.audioLevel);
  if (level !== undefined) out.level = level;
  if (out.kind === 'video') {
    out.frames = num(r.framesEncoded) ?? 0;
    out.resent = grown(r, before.get(r.id), 'retransmittedPacketsSent');
    out.sizes = out.bitrate > 0 ? 1 : 0;
    const limit = str(r.qualityLimitationReason);
    if (out.sizes && (limit === 'bandwidth' || limit === 'cpu')) out.limit = limit;
  }
  return out;
}

/** The tracks of a connection; several layers of one source are added up. */
export function trackStats(at: Inspection, reports: Reports, before: Reports): Named[] {
  const out: Named[] = [];
  for (const r of reports.values()) {
    const mid = r.type === 'inbound-rtp' || r.type === 'outbound-rtp' ? midOf(r, at) : undefined;
    if (mid === undefined) continue;
    const from = at.incoming.get(mid);
    const ours = at.outgoing.get(mid);
    if (r.type === 'inbound-rtp' && from) {
      out.push({ member: from.member, stats: incoming(r, reports, before, from.source) });
    } else if (r.type === 'outbound-rtp' && ours) {
      const stats = outgoing(r, reports, before, ours);
      const same = out.find((n) => n.member === null && n.stats.source === ours)?.stats;
      if (same) {
        add(same, stats);
      } else {
        out.push({ member: null, stats });
      }
    }
  }
  return out;
}

/** Another encoding of the same picture: the figures are those of the largest one that flows. */
function add(sum: TrackStats, more: TrackStats): void {
  const larger = more.bitrate > 0 && (more.height ?? 0) > (sum.bitrate > 0 ? (sum.height ?? 0) : 0);
  if (larger) {
    for (const key of ['width', 'height', 'fps'] as const) if (more[key] !== undefined) sum[key] = more[key];
  }
  if (more.limit) sum.limit = more.limit;
  sum.bitrate += more.bitrate;
  sum.frames = Math.max(sum.frames ?? 0, more.frames ?? 0);
  sum.sizes = (sum.sizes ?? 0) + (more.sizes ?? 0);
  sum.resent = (sum.resent ?? 0) + (more.resent ?? 0);
}

/** A number for people: from the worst of loss, jitter and round trip of what flows. */
export function qualityOf(
  tracks: readonly TrackStats[],
  path: PathStats | undefined,
  connected: boolean,
  picture?: StreamStatus,
): Quality {
  if (!connected) return 0;
  const found = measured(tracks, path);
  // What the connection does not carry is not well, whatever comes of the rest.
  if (picture?.why !== 'bandwidth') return found;
  return Math.min(found, picture.video === 'paused' ? 1 : 2) as Quality;
}

function measured(tracks: readonly TrackStats[], path: PathStats | undefined): Quality {
  const flowing = tracks.filter((t) => t.bitrate > 0);
  const lost = Math.max(0, ...flowing.map((t) => t.lost));
  const jitter = Math.max(0, ...flowing.map((t) => t.jitterMs ?? 0));
  const rtt = Math.max(path?.rttMs ?? 0, ...flowing.map((t) => t.rttMs ?? 0));
  if (lost >= 15 || rtt >= 1000 || jitter >= 250) return 1;
  if (lost >= 6 || rtt >= 500 || jitter >= 120) return 2;
  if (lost >= 2 || rtt >= 250 || jitter >= 60) return 3;
  return 4;
}
