/** Where each tile of an arrangement stands. Without a document. */
import type { Arrangement } from './arrange.js';
import { capacity, pack, pagerHeight, pagerWidth, paginate, planSpeaker, type Size, selfView } from './layout.js';
import type { TileView } from './types.js';

export interface Placed {
  readonly tile: TileView;
  /** Of the upper left corner, from that of the box. */
  readonly x: number;
  readonly y: number;
  readonly size: Size;
  /** `large` fills the view, `small` is in the strip, `float` lies over the large one. */
  readonly look?: 'large' | 'small' | 'float';
}

export interface Pager {
  readonly page: number;
  readonly pages: number;
  readonly x: number;
  readonly y: number;
  readonly size: Size;
}

export interface Plan {
  readonly placed: readonly Placed[];
  readonly pager?: Pager;
}

/** Places what the wanted page shows into a box. */
export function place(shape: Arrangement, box: Size, gap: number, wanted: number): Plan {
  switch (shape.kind) {
    case 'empty':
      return { placed: [] };
    case 'solo':
      return { placed: [{ tile: shape.main, x: 0, y: 0, size: box, look: 'large' }] };
    case 'duet':
      return { placed: duet(shape.main, shape.self, box, gap) };
    case 'grid':
      return grid(shape.tiles, box, gap, wanted);
    case 'speaker':
      return speaker(shape.main, shape.others, { box, gap, wanted });
  }
}

function duet(main: TileView, self: TileView, box: Size, gap: number): Placed[] {
  const size = selfView(box);
  const edge = gap + 4;
  return [
    { tile: main, x: 0, y: 0, size: box, look: 'large' },
    { tile: self, x: box.width - size.width - edge, y: box.height - size.height - edge, size, look: 'float' },
  ];
}

function grid(tiles: readonly TileView[], box: Size, gap: number, wanted: number): Plan {
  if (tiles.length <= capacity(box, gap)) return { placed: rows(tiles, tiles.length, box, gap) };
  const field = { width: box.width, height: Math.max(0, box.height - pagerHeight - gap) };
  const { items, page, pages } = paginate(tiles, capacity(field, gap), wanted);
  const size = { width: box.width, height: pagerHeight };
  return {
    // Every page has the tile size of the fullest, so that turning pages does not change it.
    placed: rows(items, Math.ceil(tiles.length / pages), field, gap),
    pager: { page, pages, x: 0, y: box.height - pagerHeight, size },
  };
}

/** Rows of equal tiles in the middle of the box; the last one is centred. */
function rows(tiles: readonly TileView[], count: number, box: Size, gap: number): Placed[] {
  const { columns, tile: size } = pack(count, box, gap);
  const used = Math.ceil(tiles.length / columns);
  const top = Math.floor((box.height - used * (size.height + gap) + gap) / 2);
  return tiles.map((tile, i) => {
    const row = Math.floor(i / columns);
    const inRow = Math.min(columns, tiles.length - row * columns);
    const left = Math.floor((box.width - inRow * (size.width + gap) + gap) / 2);
    return { tile, x: left + (i % columns) * (size.width + gap), y: top + row * (size.height + gap), size };
  });
}

interface Room {
  readonly box: Size;
  readonly gap: number;
  readonly wanted: number;
}

/** On an upright phone a screen needs little height: the others get what is left, as a grid. */
function screenAbove(main: TileView, others: readonly TileView[], { box, gap, wanted }: Room): Plan {
  const height = Math.round(Math.min(box.height * 0.6, box.width / 1.6));
  const below = height + gap;
  const { placed, pager } = grid(others, { width: box.width, height: Math.max(0, box.height - below) }, gap, wanted);
  const top: Placed = { tile: main, x: 0, y: 0, size: { width: box.width, height }, look: 'large' };
  const lower = placed.map((spot) => ({ ...spot, y: spot.y + below }));
  return { placed: [top, ...lower], ...(pager && { pager: { ...pager, y: pager.y + below } }) };
}

function speaker(main: TileView, others: readonly TileView[], room: Room): Plan {
  const { box, gap, wanted } = room;
  const plan = planSpeaker(others.length, box, gap);
  const { items, page, pages } = paginate(others, plan.perPage, wanted);
  const { side, small } = plan;
  if (!side && main.kind === 'screen' && others.length > 0) return screenAbove(main, others, room);
  const step = (side ? small.height : small.width) + gap;
  const along = side ? box.height : box.width;
  const taken = items.length * step - gap + (pages > 1 ? gap + (side ? pagerHeight : pagerWidth) : 0);
  const start = Math.max(0, Math.floor((along - taken) / 2));
  const across = side ? plan.main.width + gap : plan.main.height + gap;
  const spot = (i: number) => (side ? { x: across, y: start + i * step } : { x: start + i * step, y: across });
  const placed: Placed[] = [
    { tile: main, x: 0, y: 0, size: plan.main, look: 'large' },
    ...items.map((tile, i) => ({ tile, ...spot(i), size: small, look: 'small' as const })),
  ];
  if (pages === 1) return { placed };
  const size = side ? { width: small.width, height: pagerHeight } : { width: pagerWidth, height: small.height };
  return { placed, pager: { page, pages, ...spot(items.length), size } };
}
