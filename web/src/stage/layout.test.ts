import { describe, expect, it } from 'vitest';
import { capacity, fitting, maxTiles, narrowest, pack, paginate, planSpeaker, selfView, squarest } from './layout.js';

const desk = { width: 1256, height: 660 };
const phone = { width: 374, height: 640 };
const tiny = { width: 304, height: 430 };
const flat = { width: 760, height: 340 };
const boxes = { desk, phone, tiny, flat };

describe('pack', () => {
  for (const [name, box] of Object.entries(boxes)) {
    it(`fits 1 … 49 tiles into a ${name} box, none smaller than it has to be`, () => {
      for (let count = 1; count <= maxTiles; count++) {
        const { columns, rows, tile } = pack(count, box, 8);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(columns * tile.width + (columns - 1) * 8).toBeLessThanOrEqual(box.width);
        expect(rows * tile.height + (rows - 1) * 8).toBeLessThanOrEqual(box.height);
        expect(tile.width / tile.height).toBeLessThanOrEqual(16 / 9 + 0.03);
        expect(tile.width / tile.height).toBeGreaterThanOrEqual(squarest(box) - 0.04);
        // One tile more in each direction must not fit: the tiles are as large as they can be.
        const wider = (tile.width + 2) * columns + 8 * (columns - 1) > box.width;
        const higher = (tile.height + 2) * rows + 8 * (rows - 1) > box.height;
        expect(wider || higher).toBe(true);
      }
    });
  }

  it.each([
    [1, 1, 1],
    [2, 2, 1],
    [3, 2, 2],
    [4, 2, 2],
    [5, 3, 2],
    [12, 4, 3],
    [25, 5, 5],
    [49, 7, 7],
  ])('puts %i tiles into %i columns and %i rows of a desk', (count, columns, rows) => {
    expect(pack(count, desk, 10)).toMatchObject({ columns, rows });
  });

  it('lets tiles become squarer on an upright phone only', () => {
    expect(pack(5, phone, 6)).toMatchObject({ columns: 2, rows: 3 });
    const wide = pack(5, flat, 6).tile;
    expect(wide.width / wide.height).toBeCloseTo(16 / 9, 1);
  });

  it('does not fail without room', () => {
    expect(pack(9, { width: 10, height: 10 }, 8).tile).toEqual({ width: 0, height: 0 });
    expect(pack(0, desk, 8)).toMatchObject({ columns: 1, rows: 1 });
  });
});

describe('capacity', () => {
  it('keeps names readable', () => {
    for (const box of Object.values(boxes)) {
      const count = capacity(box, 6);
      expect(pack(count, box, 6).tile.width).toBeGreaterThanOrEqual(narrowest(box));
    }
  });
  it('holds 49 tiles on a desk, fewer on a phone, one at least', () => {
    expect(capacity(desk, 10)).toBe(49);
    expect(capacity(tiny, 6)).toBeGreaterThanOrEqual(8);
    expect(capacity(tiny, 6)).toBeLessThan(20);
    expect(capacity({ width: 40, height: 40 }, 6)).toBe(1);
  });
});

describe('paginate', () => {
  const all = Array.from({ length: 26 }, (_, i) => i);
  it('makes even pages that hold everybody once', () => {
    const pages = [0, 1].map((page) => paginate(all, 25, page));
    expect(pages.map((page) => page.items.length)).toEqual([13, 13]);
    expect(pages.flatMap((page) => page.items)).toEqual(all);
  });
  it('stays on a page that exists when people leave', () => {
    expect(paginate(all.slice(0, 3), 2, 9)).toMatchObject({ page: 1, pages: 2, items: [2] });
    expect(paginate([], 4, 3)).toEqual({ items: [], page: 0, pages: 1 });
    expect(paginate(all, 25, -1).page).toBe(0);
  });
});

describe('planSpeaker', () => {
  it('puts the strip beside on a wide box and below on an upright one', () => {
    expect(planSpeaker(3, desk, 10).side).toBe(true);
    expect(planSpeaker(3, phone, 6).side).toBe(false);
  });
  it('never exceeds the box', () => {
    for (const box of Object.values(boxes)) {
      for (const others of [0, 1, 4, 24, 60]) {
        const { side, main, small, perPage } = planSpeaker(others, box, 8);
        expect(main.width + (side && others ? small.width + 8 : 0)).toBeLessThanOrEqual(box.width);
        expect(main.height + (!side && others ? small.height + 8 : 0)).toBeLessThanOrEqual(box.height);
        const shown = Math.min(others, perPage);
        const along = shown * ((side ? small.height : small.width) + 8) - 8;
        expect(along).toBeLessThanOrEqual(side ? box.height : box.width);
        if (others > 0) expect(perPage).toBeGreaterThanOrEqual(1);
      }
    }
  });
  it('gives everything to the large picture if there is nobody else', () => {
    expect(planSpeaker(0, phone, 6).main).toEqual(phone);
  });
});

describe('selfView', () => {
  it('hides little of the other person', () => {
    for (const box of Object.values(boxes)) {
      const own = selfView(box);
      expect((own.width * own.height) / (box.width * box.height)).toBeLessThan(0.12);
      expect(own.width).toBeGreaterThanOrEqual(80);
    }
  });
});

describe('fitting', () => {
  const tile = { width: 320, height: 180 };
  it.each([
    ['the same shape', { width: 1280, height: 720 }, 'cover'],
    ['4:3', { width: 640, height: 480 }, 'cover'],
    ['an upright phone', { width: 480, height: 640 }, 'contain'],
    ['a panorama', { width: 2000, height: 300 }, 'contain'],
    ['nothing yet', { width: 0, height: 0 }, 'cover'],
    ['a wide picture in an upright tile', { width: 160, height: 90 }, 'cover'],
  ] as const)('of %s', (_, picture, expected) => {
    expect(fitting(picture, tile, 0.4)).toBe(expected);
  });
});
