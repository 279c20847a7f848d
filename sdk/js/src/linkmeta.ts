/** What the two ends of a link tell each other beside descriptions and candidates. */
import type { Source } from './types.js';

/** What a link says about itself beside descriptions; other clients may leave it out. */
export interface Meta {
  /** The sender's incarnation: another one means a new peer connection (a page that was reloaded). */
  from?: string;
  /** The incarnation of the other side that this is for. */
  for?: string;
  /** Number of the offer, or of the one that is answered: with two under way, an answer fits one of them. */
  offer?: number;
  /** The sender has missed something: it needs a key frame. */
  picture?: boolean;
  /** The path is broken: restart ICE. */
  restart?: boolean;
  /** Sources whose picture the sender does not want at the moment. */
  hold?: Source[];
  /** Section → what the sender sends on it; false: nothing now. */
  sources?: Record<string, { source: Source; on: boolean }>;
}

const sourceNames = new Set<unknown>(['mic', 'camera', 'screen', 'screen-audio']);

/** Reads what the other side says about itself: it comes from another client, so nothing is taken for granted. */
export function readMeta(value: unknown): Meta {
  const out: Meta = {};
  if (typeof value !== 'object' || value === null) return out;
  const v = value as Record<string, unknown>;
  if (typeof v.from === 'string') out.from = v.from;
  if (typeof v.for === 'string') out.for = v.for;
  if (typeof v.offer === 'number') out.offer = v.offer;
  if (Array.isArray(v.hold)) out.hold = v.hold.filter((s): s is Source => sourceNames.has(s));
  for (const wish of ['picture', 'restart'] as const) if (v[wish] === true) out[wish] = true;
  if (typeof v.sources === 'object' && v.sources !== null) {
    const sources: NonNullable<Meta['sources']> = {};
    for (const [mid, s] of Object.entries(v.sources)) {
      if (typeof s !== 'object' || s === null || !sourceNames.has(s.source)) continue;
      sources[mid] = { source: s.source, on: s.on === true };
    }
    out.sources = sources;
  }
  return out;
}
