import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Banners } from '../src/model/banners';
import { endCode, mayRetry } from '../src/model/end';
import { cleanName, defaults, openSettings, readSettings } from '../src/model/settings';
import { pathLabel, StatsBook } from '../src/model/stats';
import { keepSame, roomTiles } from '../src/model/tiles';
import type { StatsView } from '../src/stage/types.js';
import { FakeStream } from './fake/media';
import { fakeMember } from './fake/room';

describe('tiles', () => {
  const local = {
    view: { mic: false, camera: true, screen: false, hand: true },
    camera: new FakeStream() as unknown as MediaStream,
    rear: false,
    screen: null,
  };

  it('show the own state, not what the server last heard', () => {
    const [mine] = roomTiles(fakeMember('me'), [], local);
    expect(mine).toMatchObject({
      isLocal: true,
      mirrored: true,
      micMuted: true,
      cameraOff: false,
      video: 'live',
      hand: true,
    });
  });

  it.each([
    ['a speaker', {}, ['x/camera']],
    ['a viewer', { role: 'viewer' }, []],
    ['a viewer that an encoder feeds', { role: 'viewer', tracks: [{ source: 'camera' }] }, ['x/camera']],
    ['a player', { agent: 'whep' }, []],
    ['an encoder', { agent: 'whip' }, ['x/camera']],
    ['a screen', { tracks: [{ source: 'screen' }] }, ['x/camera', 'x/screen']],
  ])('of %s', (_who, change, ids) => {
    const tiles = roomTiles(fakeMember('me', { role: 'viewer' }), [fakeMember('x', change)], local);
    expect(tiles.map((tile) => tile.id)).toEqual(ids);
  });

  it('say that a camera is off only when nothing is on its way', () => {
    const off = { state: { mic: true, camera: false, screen: false, hand: false } };
    const tile = (video: string) =>
      roomTiles(fakeMember('me'), [fakeMember('x', { ...off, status: () => ({ audio: 'live', video }) })], local)[1];
    expect(tile('none')?.cameraOff).toBe(true);
    expect(tile('live')?.cameraOff).toBe(false);
  });

  it('keep their objects while they say the same', () => {
    const before = [
      { id: 'a', n: 1, s: { x: 1 } },
      { id: 'b', n: 2, s: { x: 1 } },
    ];
    const copy = () => before.map((one) => ({ ...one, s: { ...one.s } }));
    expect(keepSame(before, copy(), (one) => one.id)).toBe(before);
    const [a, b] = copy();
    if (!a || !b) throw new Error('two');
    b.s.x = 9;
    const after = keepSame(before, [a, b], (one) => one.id);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(b);
    expect(keepSame(before, [b, a], (one) => one.id)).not.toBe(before);
  });
});

describe('ends', () => {
  it.each([
    ['locked', true, 'locked', true],
    ['token', true, 'token', false],
    ['token', false, 'token-missing', false],
    ['rate', true, 'overloaded', true],
    ['hello-timeout', true, 'overloaded', true],
    ['removed', true, 'removed', false],
    ['what a later server invents', true, 'internal', true],
    ['__proto__', true, 'internal', true],
  ])('%s, token %s', (code, token, shown, again) => {
    const end = endCode(code, token);
    expect(end).toBe(shown);
    expect(mayRetry(end)).toBe(again);
  });
});

describe('settings', () => {
  it('take what fits and ignore the rest', () => {
    expect(readSettings('{"name":"Ann","relayOnly":true,"lowBandwidth":"yes","theme":"pink","evil":1}')).toEqual({
      ...defaults,
      name: 'Ann',
      relayOnly: true,
    });
    for (const text of [null, '', 'null', '[]', '{', '7']) expect(readSettings(text)).toEqual(defaults);
  });

  it('are kept, also where storage is blocked for a page', () => {
    const stored = new Map<string, string>();
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
    };
    openSettings(storage).value = { ...defaults, name: 'Ann' };
    expect(openSettings(storage).value.name).toBe('Ann');
    const blocked = () => {
      throw new DOMException('', 'SecurityError');
    };
    expect(openSettings({ getItem: blocked, setItem: blocked }).value).toEqual(defaults);
  });

  it('clean names', () => {
    expect(cleanName('  Ann \n  Lee ')).toBe('Ann Lee');
    expect([...cleanName('😀'.repeat(70))]).toHaveLength(64);
  });
});

describe('banners', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('replace their own kind and leave by themselves', () => {
    const banners = new Banners();
    banners.show({ id: 'a', tone: 'info', text: '1' }, { ms: 1000 });
    vi.advanceTimersByTime(600);
    banners.show({ id: 'a', tone: 'info', text: '2' }, { ms: 1000 });
    banners.show({ id: 'b', tone: 'warn', text: '3' });
    vi.advanceTimersByTime(600);
    expect(banners.list.value.map((one) => one.text)).toEqual(['2', '3']);
    expect(banners.list.value.map((one) => one.dismiss !== undefined)).toEqual([true, false]);
    vi.advanceTimersByTime(600);
    expect(banners.list.value.map((one) => one.text)).toEqual(['3']);
    banners.dispose();
  });
});

describe('statistics', () => {
  const view = (mode: StatsView['mode'], relay: boolean): StatsView =>
    mode === 'sfu'
      ? { mode, server: { relay }, groups: [] }
      : { mode, groups: [{ id: 'a', name: 'A', isLocal: false, path: { relay }, tracks: [] }] };

  it.each([
    ['p2p', true],
    ['p2p', false],
    ['sfu', true],
    ['sfu', false],
  ] as const)('label %s, relay %s', (mode, relay) => {
    expect(pathLabel(view(mode, relay))).toEqual({ mode, relay });
  });

  it('are measured often while watched, seldom otherwise, and not after the end', async () => {
    vi.useFakeTimers();
    let measured = 0;
    const book = new StatsBook(async () => {
      measured++;
      return view('p2p', false);
    });
    await vi.advanceTimersByTimeAsync(6_600);
    expect(measured).toBe(3);
    const unwatch = book.watch();
    await vi.advanceTimersByTimeAsync(3_500);
    expect(measured).toBe(7);
    expect(book.view.value?.mode).toBe('p2p');
    unwatch();
    unwatch();
    book.dispose();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(measured).toBe(7);
    vi.useRealTimers();
  });

  it('go on after a failed measurement', async () => {
    vi.useFakeTimers();
    let fail = true;
    const book = new StatsBook(async () => {
      if (fail) throw new Error('being rebuilt');
      return view('sfu', true);
    });
    await vi.advanceTimersByTimeAsync(600);
    expect(book.path.value.mode).toBe('none');
    fail = false;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(book.path.value).toEqual({ mode: 'sfu', relay: true });
    book.dispose();
    vi.useRealTimers();
  });
});
