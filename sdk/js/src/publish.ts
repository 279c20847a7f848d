/**
 * How a picture is sent to the server: as several encodings (simulcast) or as one with layers, and which of them at the
 * moment. Pure but for what sets it.
 */
import { codecName } from './codecs.js';
import type { WireLayers } from './protocol.js';

/** The encodings of a section, smallest picture first; the server orders them by these names. */
const rids = ['l', 'm', 'h'] as const;
/** A shared screen is read: half of its size is the least that makes sense. */
const screenRids = ['l', 'h'] as const;
/** Codecs whose layers are in one stream. */
const scalable = new Set(['vp9', 'av1']);
/** So many temporal levels are sent of everything. */
const temporal = 3;

export interface Picture {
  source: 'camera' | 'screen';
  /** Of the protocol. */
  codec: string;
  /** The run-time knows layers in one stream; one that does not (Firefox) has several encodings of VP8 only. */
  layered: boolean;
  /** How many encodings were negotiated. */
  count: number;
  width: number;
  height: number;
  /** What the server wants; all before it has said anything. */
  wanted?: WireLayers | undefined;
}

export interface Encoding {
  active: boolean;
  scaleResolutionDownBy: number;
  maxBitrate: number;
  maxFramerate?: number;
  scalabilityMode?: string;
}

/**
 * The encodings to open a section with, as many as the picture has sizes: the server takes what is negotiated for what
 * can come. What each of them does is decided when the codec is known.
 */
export function openings(source: 'camera' | 'screen', track: MediaStreamTrack): RTCRtpEncodingParameters[] {
  const { width = 0, height = 0 } = track.getSettings?.() ?? {};
  const count = sizes(source, width, height);
  const scalabilityMode = `L1T${temporal}`;
  if (count === 1) return [{ scalabilityMode } as RTCRtpEncodingParameters];
  const names = source === 'screen' ? screenRids : rids.slice(0, count);
  return names.map((rid, i) => ({ rid, scaleResolutionDownBy: 2 ** (count - 1 - i), scalabilityMode }));
}

/** Bits per second that a camera picture of so many pixels is worth. */
const worth: readonly (readonly [pixels: number, rate: number])[] = [
  [1920 * 1080, 3_000_000],
  [1280 * 720, 1_700_000],
  [960 * 540, 1_100_000],
  [640 * 360, 600_000],
  [480 * 270, 350_000],
  [0, 180_000],
];

function rateOf(source: 'camera' | 'screen', pixels: number): number {
  const rate = worth.find(([least]) => pixels >= least)?.[1] ?? 180_000;
  return source === 'screen' ? Math.max(500_000, Math.min(2_500_000, Math.round(rate * 1.5))) : rate;
}

/** How many sizes a picture is worth sending in. Chromium leaves out the largest of more than these. */
export function sizes(source: 'camera' | 'screen', width: number, height: number): number {
  const pixels = width * height;
  if (source === 'screen') return pixels >= 960 * 540 || pixels === 0 ? 2 : 1;
  if (pixels >= 960 * 540 || pixels === 0) return 3;
  return pixels >= 480 * 270 ? 2 : 1;
}

/** What each encoding shall do now. */
export function plan(p: Picture): Encoding[] {
  const levels = sizes(p.source, p.width, p.height);
  const several = p.count > 1 && !scalable.has(p.codec) && (p.layered || p.codec === 'vp8');
  const out = several ? simulcast(p, Math.min(levels, p.count)) : [single(p, levels)];
  while (out.length < p.count) out.push({ active: false, scaleResolutionDownBy: 1, maxBitrate: 100_000 });
  return out;
}

function simulcast(p: Picture, levels: number): Encoding[] {
  return Array.from({ length: levels }, (_, i) => {
    const scale = 2 ** (levels - 1 - i);
    return {
      active: p.wanted ? p.wanted.wanted.includes(i) : true,
      scaleResolutionDownBy: scale,
      maxBitrate: rateOf(p.source, (p.width * p.height) / scale ** 2),
      ...(p.layered ? { scalabilityMode: `L1T${temporal}` } : {}),
    };
  });
}

/** One stream. Spatial layers nobody wants are left out from above, so that those below keep their size. */
function single(p: Picture, levels: number): Encoding {
  const layers = p.layered && scalable.has(p.codec) ? levels : 1;
  const kept = Math.min(layers, (p.wanted?.spatial ?? layers - 1) + 1);
  const scale = 2 ** (layers - kept);
  const out: Encoding = {
    active: p.wanted ? p.wanted.wanted.length > 0 : true,
    scaleResolutionDownBy: scale,
    maxBitrate: rateOf(p.source, (p.width * p.height) / scale ** 2),
  };
  // Layers of AV1 need a dependency descriptor that subscribers can follow; not all of them do as yet.
  if (p.layered) out.scalabilityMode = kept > 1 ? `L${kept}T${temporal}_KEY` : `L1T${temporal}`;
  return out;
}

/** A section that sends a picture, and what the server wants of it. */
export class Publication {
  private wanted: WireLayers | undefined;
  private readonly layered: boolean;
  private setting: Promise<void> = Promise.resolve();
  private last = '';

  constructor(
    readonly source: 'camera' | 'screen',
    readonly section: RTCRtpTransceiver,
  ) {
    this.layered = encodings(section.sender).some((e) => e.scalabilityMode !== undefined);
  }

  /** The server's word: what of it anybody watches. */
  want(wanted: WireLayers): void {
    this.wanted = wanted;
    this.apply();
  }

  /** Sets the encodings as they should be: after an exchange, with another track, when the server wants others. */
  apply(codec?: string): void {
    this.setting = this.setting.then(() => this.set(codec)).catch(() => {});
  }

  private async set(fallback: string | undefined): Promise<void> {
    const { sender } = this.section;
    if (!sender.track || !sender.getParameters) return;
    const parameters = sender.getParameters();
    const now = parameters.encodings ?? [];
    if (now.length === 0) return;
    const mime = parameters.codecs?.[0]?.mimeType;
    const codec = mime ? codecName(mime) : (fallback ?? 'vp8');
    const { width = 0, height = 0 } = sender.track.getSettings?.() ?? {};
    const next = plan({
      source: this.source,
      codec,
      layered: this.layered,
      count: now.length,
      width,
      height,
      wanted: this.wanted,
    });
    const wish = JSON.stringify(next);
    if (wish === this.last && next.every((e, i) => now[i]?.active === e.active)) return;
    for (const [i, e] of now.entries()) Object.assign(e, next[i]);
    try {
      await sender.setParameters(parameters);
    } catch {
      // A codec that cannot have these layers: it is sent without.
      const again = sender.getParameters();
      again.encodings.forEach((e, i) => {
        Object.assign(e, next[i]);
        delete (e as Encoding).scalabilityMode;
      });
      await sender.setParameters(again);
    }
    this.last = wish;
  }
}

function encodings(sender: RTCRtpSender): (RTCRtpEncodingParameters & { scalabilityMode?: string })[] {
  return sender.getParameters?.().encodings ?? [];
}
