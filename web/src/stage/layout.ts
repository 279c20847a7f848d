/** Where tiles go: plain arithmetic in CSS pixels, without a document. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Packing {
  readonly columns: number;
  readonly rows: number;
  /** Whole pixels, so that a row never wraps because of rounding. */
  readonly tile: Size;
}

export const widest = 16 / 9;
/** More tiles than this are turned over by pages. */
export const maxTiles = 49;

/** The most upright tile a box may get: 16:9, on an upright phone down to 4:5. */
export function squarest(box: Size): number {
  return box.width >= box.height ? widest : 0.8;
}

/** The largest equal tiles, between `squarest` and 16:9, of which `count` fit into the box. */
export function pack(count: number, box: Size, gap: number): Packing {
  let best: Packing = { columns: 1, rows: Math.max(1, count), tile: { width: 0, height: 0 } };
  let bestArea = -1;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const tile = tileIn(box, columns, rows, gap);
    const area = tile.width * tile.height;
    // Of equal areas the one with fewer holes is better; more columns never make fewer rows than needed.
    if (area > bestArea || (area === bestArea && columns * rows < best.columns * best.rows)) {
      best = { columns, rows, tile };
      bestArea = area;
    }
  }
  return best;
}

function tileIn(box: Size, columns: number, rows: number, gap: number): Size {
  const cell = {
    width: (box.width - gap * (columns - 1)) / columns,
    height: (box.height - gap * (rows - 1)) / rows,
  };
  if (cell.width <= 0 || cell.height <= 0) return { width: 0, height: 0 };
  const height = Math.min(cell.height, cell.width / squarest(box));
  return { width: Math.floor(Math.min(cell.width, height * widest)), height: Math.floor(height) };
}

/** The narrowest tile on which a name can be read. */
export function narrowest(box: Size): number {
  return box.width < 700 ? 128 : 150;
}

/** How many tiles a page of this size holds before they get too small: 1 … 49. */
export function capacity(box: Size, gap: number): number {
  const least = narrowest(box);
  for (let count = maxTiles; count > 1; count--) {
    if (pack(count, box, gap).tile.width >= least) return count;
  }
  return 1;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** 0 … pages − 1: the wanted page, or the nearest there is. */
  readonly page: number;
  readonly pages: number;
}

/** Pages of even length: 26 tiles on pages of 25 become 13 + 13, not 25 + 1. */
export function paginate<T>(all: readonly T[], perPage: number, wanted: number): Page<T> {
  const pages = Math.max(1, Math.ceil(all.length / Math.max(1, perPage)));
  const page = Math.min(Math.max(0, wanted), pages - 1);
  const size = Math.ceil(all.length / pages);
  return { items: all.slice(page * size, (page + 1) * size), page, pages };
}

export interface SpeakerPlan {
  /** The strip is beside the large picture, not below it. */
  readonly side: boolean;
  readonly main: Size;
  readonly small: Size;
  /** How many small tiles the strip shows at once. */
  readonly perPage: number;
}

/** Height of a row of page buttons. */
export const pagerHeight = 44;
/** Width of the page buttons at the end of a strip. */
export const pagerWidth = 92;

/** One large picture and a strip of `others` small ones. */
export function planSpeaker(others: number, box: Size, gap: number): SpeakerPlan {
  const side = box.width > box.height * 1.1;
  if (others === 0) return { side, main: floor(box), small: { width: 0, height: 0 }, perPage: 0 };
  const small = smallTile(side, box);
  const [along, step, pager] = side
    ? [box.height, small.height + gap, pagerHeight]
    : [box.width, small.width + gap, pagerWidth];
  const room = Math.max(1, Math.floor((along + gap) / step));
  const perPage = others <= room ? room : Math.max(1, Math.floor((along - pager) / step));
  const main = side
    ? { width: box.width - small.width - gap, height: box.height }
    : { width: box.width, height: box.height - small.height - gap };
  return { side, main: floor(main), small, perPage };
}

function smallTile(side: boolean, box: Size): Size {
  if (side) return byWidth(clamp(box.width * 0.17, 112, 240));
  if (box.width >= 500) return byHeight(clamp(box.height * 0.17, 64, 126));
  // A phone: squarer, so that a few of them stand beside the page buttons.
  const beside = box.width < 340 ? 2 : 3;
  const width = Math.floor((box.width - pagerWidth) / beside - 8);
  return { width, height: Math.round((width * 4) / 5) };
}

/** The own picture that floats over the other person's: wide on a wide box, upright on an upright one. */
export function selfView(box: Size): Size {
  if (box.width >= box.height) {
    return byHeight(clamp(box.height * 0.22, 72, 150));
  }
  const width = Math.round(clamp(box.width * 0.28, 84, 180));
  return { width, height: Math.round((width * 4) / 3) };
}

/**
 * How a camera's picture fills its tile: it covers it, unless too much would be hidden. Of a picture that is
 * wider than its tile `sides` (a share of its width) must stay visible; above and below faces are cut soon.
 */
export function fitting(picture: Size, tile: Size, sides: number): 'cover' | 'contain' {
  if (picture.width <= 0 || picture.height <= 0 || tile.width <= 0 || tile.height <= 0) return 'cover';
  const ratio = picture.width / picture.height / (tile.width / tile.height);
  return ratio >= 1 ? (1 / ratio >= sides ? 'cover' : 'contain') : ratio >= 0.55 ? 'cover' : 'contain';
}

function byWidth(width: number): Size {
  return { width: Math.round(width), height: Math.round(width / widest) };
}

function byHeight(height: number): Size {
  return { width: Math.round(height * widest), height: Math.round(height) };
}

function floor(size: Size): Size {
  return { width: Math.max(0, Math.floor(size.width)), height: Math.max(0, Math.floor(size.height)) };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
