import { describe, expect, it } from 'vitest';
import { stageEn, stageRu } from './strings.js';
import { bitrate, bytes, candidates, duration, initials, linkify, percent, tint, tints } from './text.js';

describe('initials', () => {
  it.each([
    ['Anna Berg', 'AB'],
    ['анна мария иванова', 'АИ'],
    ['guest', 'G'],
    ['  ', '?'],
    ['👋 Zed', 'Z'],
    ['7 of nine', '7N'],
    ['👩‍💻', '?'],
  ])('of %j are %j', (name, expected) => {
    expect(initials(name)).toBe(expected);
  });
});

describe('tint', () => {
  it('is the same each time and uses all colours', () => {
    const seen = new Set(Array.from({ length: 200 }, (_, i) => tint(`member-${i}`)));
    expect(seen.size).toBe(tints);
    expect(tint('x')).toBe(tint('x'));
    for (const value of seen) expect(value).toBeLessThan(tints);
  });
});

describe('numbers', () => {
  it.each([
    [0, '00:00'],
    [59_999, '00:59'],
    [61_000, '01:01'],
    [3_723_000, '1:02:03'],
    [-5, '00:00'],
  ])('duration of %i ms', (ms, expected) => {
    expect(duration(ms)).toBe(expected);
  });
  it('bytes', () => {
    expect(bytes(999, 'en')).toBe('999 byte');
    expect(bytes(1500, 'en')).toBe('1.5 kB');
    expect(bytes(12_345_678, 'en')).toBe('12 MB');
    expect(bytes(5e12, 'en')).toBe('5,000 GB');
    expect(bytes(1500, 'ru')).toBe('1,5 кБ');
  });
  it('bitrate and percent', () => {
    expect(bitrate(64_321, 'en')).toBe('64 kb/s');
    expect(bitrate(1_740_000, 'en')).toBe('1.7 Mb/s');
    expect(percent(2.34, 'en')).toBe('2.3%');
  });
  it('candidates', () => {
    expect(candidates({ relay: false, local: 'host', remote: 'srflx' })).toBe('host – srflx');
    expect(candidates({ relay: false })).toBeUndefined();
  });
});

describe('linkify', () => {
  it.each([
    ['nothing here', ['nothing here']],
    ['see https://a.example/b?c=d#e.', ['see ', { href: 'https://a.example/b?c=d#e' }, '.']],
    ['(https://a.example/x)', ['(', { href: 'https://a.example/x' }, ')']],
    ['https://a.example/x_(y)', [{ href: 'https://a.example/x_(y)' }]],
    ['a http://b.example, c', ['a ', { href: 'http://b.example' }, ', c']],
    ['javascript:alert(1)', ['javascript:alert(1)']],
    ['data:text/html,https', ['data:text/html,https']],
    ['https://', ['https://']],
    ['https://a.example"onclick=x', [{ href: 'https://a.example' }, '"onclick=x']],
  ])('%s', (text, expected) => {
    expect(linkify(text)).toEqual(expected);
  });
  it('loses nothing', () => {
    const text = 'one https://a.example two\nhttps://b.example/c). three';
    expect(
      linkify(text)
        .map((piece) => (typeof piece === 'string' ? piece : piece.href))
        .join(''),
    ).toBe(text);
  });
});

describe('strings', () => {
  it('have the same values to fill in, in both languages', () => {
    const slots = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, text] of Object.entries(stageEn)) {
      const other = stageRu[key as keyof typeof stageEn];
      expect(slots(other), key).toEqual(slots(text));
      expect(other.trim(), key).not.toBe('');
    }
  });
  it('keep the names that others rely on', () => {
    const names = (['mute', 'camera', 'screen', 'chat', 'leave', 'hangup'] as const).map(
      (key) => stageEn[`stage.${key}`],
    );
    expect(names).toEqual(['Mute', 'Camera', 'Share screen', 'Chat', 'Leave', 'Hang up']);
  });
});
