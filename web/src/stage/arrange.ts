/** Which tiles are shown and how, and what that means for the server. Without a document. */
import type { Wish } from 'veche-client';
import type { Size } from './layout.js';
import type { Layout, TileView } from './types.js';

export type Arrangement =
  | { readonly kind: 'empty' }
  /** One tile that fills everything: alone, or the viewer of one publisher. */
  | { readonly kind: 'solo'; readonly main: TileView }
  /** One to one: the other person fills everything, the own picture floats. */
  | { readonly kind: 'duet'; readonly main: TileView; readonly self: TileView }
  | { readonly kind: 'grid'; readonly tiles: readonly TileView[] }
  | { readonly kind: 'speaker'; readonly main: TileView; readonly others: readonly TileView[] };

export interface Choice {
  readonly layout: Layout;
  /** Tile id. */
  readonly pinned: string | null;
  /** Member id. */
  readonly active: string | null;
}

export function arrange(tiles: readonly TileView[], choice: Choice): Arrangement {
  const [first, second] = tiles;
  if (!first) return { kind: 'empty' };
  if (!second) return { kind: 'solo', main: first };
  const pinned = tiles.find((tile) => tile.id === choice.pinned);
  if (pinned) return speaker(tiles, pinned);
  if (tiles.length === 2 && first.kind === 'camera' && second.kind === 'camera') {
    if (first.isLocal && !second.isLocal) return { kind: 'duet', main: second, self: first };
    if (second.isLocal && !first.isLocal) return { kind: 'duet', main: first, self: second };
  }
  return choice.layout === 'grid' ? { kind: 'grid', tiles } : speaker(tiles, lead(tiles, choice.active) ?? first);
}

function speaker(tiles: readonly TileView[], main: TileView): Arrangement {
  return { kind: 'speaker', main, others: tiles.filter((tile) => tile.id !== main.id) };
}

/** The tile that deserves to be large: the newest screen, who speaks, somebody with a picture, somebody. */
export function lead(tiles: readonly TileView[], active: string | null): TileView | undefined {
  const remote = tiles.filter((tile) => !tile.isLocal);
  return (
    remote.findLast((tile) => tile.kind === 'screen') ??
    remote.find((tile) => tile.member === active) ??
    remote.find((tile) => tile.video === 'live') ??
    remote[0]
  );
}

/** Who is shown as speaking: never oneself, and nobody new while nobody speaks. */
export function nextSpeaker(tiles: readonly TileView[], active: string | null, before: string | null): string | null {
  const isRemote = (member: string | null) => tiles.some((tile) => tile.member === member && !tile.isLocal);
  if (isRemote(active)) return active;
  return isRemote(before) ? before : null;
}

/**
 * Screens make the speaker layout the natural one: it is taken when the first one appears, and what was
 * chosen before comes back after the last one, unless the person has chosen since.
 */
export function layoutForScreens(before: Layout | null, layout: Layout, screens: number): [Layout, Layout | null] {
  if (screens > 0) return before === null ? ['speaker', layout] : [layout, before];
  return before === null ? [layout, null] : [layout === 'speaker' ? before : layout, null];
}

export interface Shown {
  readonly tile: TileView;
  readonly size: Size;
}

const none: ReadonlySet<string> = new Set();

/**
 * What is asked of the server: visible pictures from large to small, of everybody else only the sound. `away` are the
 * tiles (by id) that have a place but are scrolled out of sight or covered by what the page is in: they keep their seats.
 */
export function wishes(placed: readonly Shown[], all: readonly TileView[], away = none): Wish[] {
  const shown = placed
    .filter(({ tile }) => !tile.isLocal)
    .sort((a, b) => b.size.width * b.size.height - a.size.width * a.size.height);
  const ids = new Set(shown.map(({ tile }) => tile.id));
  return [
    ...shown.map(({ tile, size }) => ({
      member: tile.member,
      source: tile.kind,
      ...size,
      ...(away.has(tile.id) ? { paused: true } : {}),
    })),
    ...all
      .filter((tile) => !tile.isLocal && !ids.has(tile.id))
      .map((tile) => ({ member: tile.member, source: tile.kind, width: 0, height: 0, paused: true })),
  ];
}

export function sameWishes(a: readonly Wish[], b: readonly Wish[]): boolean {
  return (
    a.length === b.length &&
    a.every((wish, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        wish.member === other.member &&
        wish.source === other.source &&
        wish.width === other.width &&
        wish.height === other.height &&
        (wish.paused ?? false) === (other.paused ?? false)
      );
    })
  );
}
