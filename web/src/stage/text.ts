/** Names, numbers and links as people read them. Without a document. */
import type { PathStats, TrackStats } from 'veche-client';

/** Up to two capital letters that stand for a name. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = words[0] ?? '';
  const last = words.length > 1 ? (words[words.length - 1] ?? '') : '';
  const letters = [...first]
    .slice(0, 1)
    .concat([...last].slice(0, 1))
    .join('');
  return letters.toLocaleUpperCase() || '?';
}

export const tints = 8;

/** The colour of a member's poster: 0 … 7, the same on every screen. */
export function tint(member: string): number {
  let hash = 2166136261;
  for (const char of member) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % tints;
}

/** 1:02:03, or 02:03. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

export function bytes(size: number, locale: string): string {
  const step = Math.min(units.length - 1, size < 1000 ? 0 : Math.floor(Math.log10(size) / 3));
  const value = size / 1000 ** step;
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: units[step] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: step > 0 && value < 10 ? 1 : 0,
  }).format(value);
}

export function bitrate(bits: number, locale: string): string {
  const mega = bits >= 1e6;
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: mega ? 'megabit-per-second' : 'kilobit-per-second',
    unitDisplay: 'short',
    maximumFractionDigits: mega ? 1 : 0,
  }).format(bits / (mega ? 1e6 : 1e3));
}

export function milliseconds(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: 'unit', unit: 'millisecond', maximumFractionDigits: 0 }).format(value);
}

export function percent(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }).format(value / 100);
}

export function clock(at: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(at);
}

export function resolution(track: TrackStats): string | undefined {
  return track.width && track.height ? `${track.width}×${track.height}` : undefined;
}

/** "host – srflx": how the two ends are reached. */
export function candidates(path: PathStats): string | undefined {
  return path.local || path.remote ? `${path.local ?? '?'} – ${path.remote ?? '?'}` : undefined;
}

export type Piece = string | { readonly href: string };

const address = /https?:\/\/[^\s<>"'`«»“”]+/giu;

/** Splits a message into text and addresses that are safe to follow (http and https only). */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(address)) {
    const href = trimTail(match[0]);
    if (!isWeb(href)) continue;
    if (match.index > at) pieces.push(text.slice(at, match.index));
    pieces.push({ href });
    at = match.index + href.length;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}

/** Punctuation that ends the sentence, and a bracket that was opened before the address, are not part of it. */
function trimTail(found: string): string {
  let href = found;
  for (;;) {
    const last = href.at(-1) ?? '';
    const open = last === ')' ? '(' : last === ']' ? '[' : '';
    if (open ? count(href, open) < count(href, last) : /[.,;:!?…]/.test(last)) href = href.slice(0, -1);
    else return href;
  }
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

function isWeb(href: string): boolean {
  return URL.canParse(href) && /^https?:$/.test(new URL(href).protocol) && new URL(href).hostname !== '';
}
