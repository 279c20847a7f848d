import { describe, expect, it } from 'vitest';
import { arrange, layoutForScreens, lead, nextSpeaker, sameWishes, wishes } from './arrange.js';
import { place } from './place.js';
import type { TileView } from './types.js';

function tile(member: string, more: Partial<TileView> = {}): TileView {
  const kind = more.kind ?? 'camera';
  return {
    id: `${member}/${kind}`,
    member,
    kind,
    name: member,
    stream: null,
    isLocal: member === 'me',
    mirrored: false,
    micMuted: false,
    cameraOff: false,
    video: 'live',
    audio: 'live',
    quality: 4,
    hand: false,
    agent: 'web',
    role: 'speaker',
    connected: true,
    ...more,
  };
}

const me = tile('me');
const anna = tile('anna');
const boris = tile('boris');
const screen = tile('boris', { kind: 'screen' });
const plain = { layout: 'grid', pinned: null, active: null } as const;

describe('arrange', () => {
  it('shows nothing, oneself, and one to one', () => {
    expect(arrange([], plain)).toEqual({ kind: 'empty' });
    expect(arrange([me], plain)).toEqual({ kind: 'solo', main: me });
    expect(arrange([me, anna], plain)).toEqual({ kind: 'duet', main: anna, self: me });
    expect(arrange([anna, me], { ...plain, layout: 'speaker' })).toEqual({ kind: 'duet', main: anna, self: me });
  });
  it('makes a grid of more, or of two without oneself', () => {
    expect(arrange([me, anna, boris], plain)).toEqual({ kind: 'grid', tiles: [me, anna, boris] });
    expect(arrange([anna, boris], plain).kind).toBe('grid');
    expect(arrange([me, tile('me', { kind: 'screen' })], plain).kind).toBe('grid');
  });
  it('makes the pinned tile large in any layout, and forgets a pin that has left', () => {
    expect(arrange([me, anna, boris], { ...plain, pinned: me.id })).toEqual({
      kind: 'speaker',
      main: me,
      others: [anna, boris],
    });
    expect(arrange([me, anna, boris], { ...plain, pinned: 'gone/camera' }).kind).toBe('grid');
  });
  it('keeps the order of the others when the speaker changes', () => {
    const choice = { layout: 'speaker', pinned: null } as const;
    const all = [me, anna, boris];
    expect(arrange(all, { ...choice, active: 'boris' })).toMatchObject({ main: boris, others: [me, anna] });
    expect(arrange(all, { ...choice, active: 'anna' })).toMatchObject({ main: anna, others: [me, boris] });
  });
});

describe('lead', () => {
  it('prefers a screen, then who speaks, then a picture', () => {
    expect(lead([me, anna, boris, screen], 'anna')).toBe(screen);
    expect(lead([me, anna, boris], 'boris')).toBe(boris);
    expect(lead([me, tile('anna', { video: 'none' }), boris], null)).toBe(boris);
    expect(lead([me], null)).toBeUndefined();
  });
});

describe('nextSpeaker', () => {
  const all = [me, anna, boris];
  it.each([
    ['anna', null, 'anna'],
    ['me', 'anna', 'anna'],
    [null, 'boris', 'boris'],
    [null, 'gone', null],
    ['gone', null, null],
  ])('of %s after %s is %s', (active, before, expected) => {
    expect(nextSpeaker(all, active, before)).toBe(expected);
  });
});

describe('layoutForScreens', () => {
  it('turns to the speaker layout for a screen and back', () => {
    let state = layoutForScreens(null, 'grid', 1);
    expect(state).toEqual(['speaker', 'grid']);
    state = layoutForScreens(state[1], state[0], 2);
    expect(state).toEqual(['speaker', 'grid']);
    expect(layoutForScreens(state[1], state[0], 0)).toEqual(['grid', null]);
  });
  it('leaves what the person chose meanwhile', () => {
    expect(layoutForScreens('grid', 'grid', 1)).toEqual(['grid', 'grid']);
    expect(layoutForScreens('speaker', 'grid', 0)).toEqual(['grid', null]);
    expect(layoutForScreens(null, 'speaker', 0)).toEqual(['speaker', null]);
  });
});

describe('place', () => {
  const box = { width: 1256, height: 660 };
  const many = Array.from({ length: 60 }, (_, i) => tile(`m${i}`));

  it('keeps every tile inside of the box and apart from the others', () => {
    for (const width of [304, 374, 760, 1256]) {
      const field = { width, height: 430 };
      for (const count of [1, 2, 3, 5, 12, 25, 60]) {
        for (const layout of ['grid', 'speaker'] as const) {
          const all = count === 5 ? [...many.slice(0, count), screen] : many.slice(0, count);
          const { placed, pager } = place(arrange(all, { ...plain, layout }), field, 6, 0);
          const spots = pager ? [...placed, pager] : placed;
          for (const [i, spot] of spots.entries()) {
            expect(spot.x).toBeGreaterThanOrEqual(0);
            expect(spot.y).toBeGreaterThanOrEqual(0);
            expect(spot.x + spot.size.width).toBeLessThanOrEqual(field.width);
            expect(spot.y + spot.size.height).toBeLessThanOrEqual(field.height);
            for (const other of spots.slice(i + 1)) {
              const apart =
                other.x >= spot.x + spot.size.width ||
                spot.x >= other.x + other.size.width ||
                other.y >= spot.y + spot.size.height ||
                spot.y >= other.y + other.size.height;
              expect(apart).toBe(true);
            }
          }
        }
      }
    }
  });

  it('shows everybody exactly once over all pages', () => {
    for (const layout of ['grid', 'speaker'] as const) {
      const shape = arrange(many, { ...plain, layout });
      const pages = place(shape, box, 10, 0).pager?.pages ?? 1;
      const seen = Array.from({ length: pages }, (_, page) => place(shape, box, 10, page).placed)
        .flat()
        .filter((spot) => layout === 'grid' || spot.look === 'small')
        .map((spot) => spot.tile.id);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBe(layout === 'grid' ? 60 : 59);
    }
  });

  it('lays the own picture over the other person', () => {
    const { placed } = place(arrange([me, anna], plain), box, 10, 0);
    expect(placed.map((spot) => [spot.tile.member, spot.look])).toEqual([
      ['anna', 'large'],
      ['me', 'float'],
    ]);
  });
});

describe('wishes', () => {
  it('asks for what is seen, large first, and for the sound of the others', () => {
    const shown = [
      { tile: me, size: { width: 100, height: 60 } },
      { tile: anna, size: { width: 100, height: 60 } },
      { tile: screen, size: { width: 900, height: 500 } },
    ];
    expect(wishes(shown, [me, anna, boris, screen])).toEqual([
      { member: 'boris', source: 'screen', width: 900, height: 500 },
      { member: 'anna', source: 'camera', width: 100, height: 60 },
      { member: 'boris', source: 'camera', width: 0, height: 0, paused: true },
    ]);
  });
  it('pauses what is out of sight, in its seat', () => {
    const shown = [anna, boris].map((one) => ({ tile: one, size: { width: 100, height: 60 } }));
    expect(wishes(shown, [me, anna, boris], new Set([boris.id]))).toEqual([
      { member: 'anna', source: 'camera', width: 100, height: 60 },
      { member: 'boris', source: 'camera', width: 100, height: 60, paused: true },
    ]);
  });
  it('knows when nothing changed', () => {
    const now = wishes([{ tile: anna, size: { width: 1, height: 2 } }], [anna]);
    expect(sameWishes(now, structuredClone(now))).toBe(true);
    expect(sameWishes(now, [])).toBe(false);
    expect(sameWishes(now, [{ member: 'anna', source: 'camera', width: 1, height: 3 }])).toBe(false);
    expect(sameWishes(now, [{ member: 'anna', source: 'camera', width: 1, height: 2, paused: true }])).toBe(false);
  });
});
