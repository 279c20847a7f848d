import { describe, expect, it } from 'vitest';
import { newCode, parseCode, parseRoute, Router, urlOf, validRoom } from '../src/router';

const root = new URL('https://meet.example/veche/');

describe('parseRoute', () => {
  it.each([
    ['https://meet.example/veche/', { page: 'start' }],
    ['https://meet.example/veche/?x=1#y', { page: 'start' }],
    ['https://meet.example/veche/r/abc', { page: 'r', room: 'abc' }],
    ['https://meet.example/veche/b/abc?topology=sfu', { page: 'b', room: 'abc' }],
    ['https://meet.example/veche/watch/%D0%B2%D0%B5%D1%87%D0%B5', { page: 'watch', room: 'вече' }],
    ['https://meet.example/veche/call/a%20b', { page: 'call', room: 'a b' }],
    ['https://meet.example/veche/r/', { page: 'missing' }],
    ['https://meet.example/veche/r', { page: 'missing' }],
    ['https://meet.example/veche/r/a/b', { page: 'missing' }],
    ['https://meet.example/veche/r/a%2Fb', { page: 'missing' }],
    ['https://meet.example/veche/r/%E0%A4%A', { page: 'missing' }],
    ['https://meet.example/veche/admin/a', { page: 'missing' }],
    ['https://meet.example/r/abc', { page: 'missing' }],
    ['https://evil.example/veche/r/abc', { page: 'missing' }],
  ])('%s', (href, route) => {
    expect(parseRoute(href, root)).toEqual(route);
  });

  it('is the inverse of urlOf', () => {
    for (const room of ['abcd-efgh-jkmn', 'вече', 'a b', '100%', '#?&', '😀'.repeat(64)]) {
      for (const page of ['r', 'b', 'watch', 'call'] as const) {
        expect(parseRoute(urlOf({ page, room }, root).href, root)).toEqual({ page, room });
      }
    }
  });
});

describe('validRoom', () => {
  it('counts code points, as the protocol does', () => {
    expect(validRoom('😀'.repeat(64))).toBe(true);
    expect(validRoom('😀'.repeat(65))).toBe(false);
    expect(['', 'a/b', '.', '..'].map(validRoom)).toEqual([false, false, false, false]);
  });
});

describe('parseCode', () => {
  it.each([
    ['  abcd-efgh ', { ok: true, route: { page: 'r', room: 'abcd-efgh' } }],
    ['abcd efgh', { ok: true, route: { page: 'r', room: 'abcd-efgh' } }],
    ['call/abc', { ok: true, route: { page: 'call', room: 'abc' } }],
    ['/watch/abc', { ok: true, route: { page: 'watch', room: 'abc' } }],
    ['https://meet.example/veche/b/x', { ok: true, route: { page: 'b', room: 'x' } }],
    ['https://meet.example/veche/r/x#token=t.t.t', { ok: true, route: { page: 'r', room: 'x' }, token: 't.t.t' }],
    ['HTTPS://meet.example/veche/r/x?token=t', { ok: true, route: { page: 'r', room: 'x' }, token: 't' }],
    ['', { ok: false, why: 'empty' }],
    ['   ', { ok: false, why: 'empty' }],
    ['https://other.example/r/x', { ok: false, why: 'other-server' }],
    ['https://meet.example/elsewhere/r/x', { ok: false, why: 'other-server' }],
    ['https://meet.example/veche/', { ok: false, why: 'invalid' }],
    ['https://', { ok: false, why: 'invalid' }],
    ['x/y/z', { ok: false, why: 'invalid' }],
    ['a'.repeat(65), { ok: false, why: 'invalid' }],
  ])('%s', (text, found) => {
    expect(parseCode(text, root)).toEqual(found);
  });
});

describe('newCode', () => {
  it('is long, readable and a valid room', () => {
    const codes = new Set(Array.from({ length: 200 }, () => newCode()));
    expect(codes.size).toBe(200);
    for (const code of codes) {
      expect(code).toMatch(/^[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}$/);
      expect(code).not.toMatch(/[ilo01]/);
      expect(validRoom(code)).toBe(true);
    }
  });

  it('takes only bytes that keep all letters equally likely', () => {
    let next = 255;
    const code = newCode((bytes) => bytes.map(() => next--));
    // 248 … 255 would make the first letters more likely.
    expect(code).toBe('9876-5432-zyxw');
  });
});

describe('Router', () => {
  it('opens pages, and follows the back button', () => {
    const entries: string[] = [];
    let back = () => {};
    const location = { href: 'https://meet.example/veche/r/a' };
    const go = (_state: unknown, _title: string, url: string) => {
      entries.push(url);
      location.href = url;
    };
    const router = new Router(root, {
      location,
      history: { pushState: go, replaceState: go },
      addEventListener: (_type: string, listener: () => void) => {
        back = listener;
      },
    } as unknown as ConstructorParameters<typeof Router>[1]);
    expect(router.route.value).toEqual({ page: 'r', room: 'a' });
    router.open({ page: 'call', room: 'b c' });
    expect(entries).toEqual(['https://meet.example/veche/call/b%20c']);
    expect(router.route.value).toEqual({ page: 'call', room: 'b c' });
    location.href = root.href;
    back();
    expect(router.route.value).toEqual({ page: 'start' });
  });
});
