import { describe, expect, it } from 'vitest';
import { fetchInfo, roomWishes, rootOf, takeToken, unable } from '../src/env';

describe('rootOf', () => {
  it.each([
    ['./', 'https://h/', 'https://h/'],
    ['../', 'https://h/r/x', 'https://h/'],
    ['../', 'https://h/deep/prefix/watch/x?y#z', 'https://h/deep/prefix/'],
    ['./', 'https://h/prefix/', 'https://h/prefix/'],
    ['/__root__/', 'http://localhost:5173/', 'http://localhost:5173/'],
    [undefined, 'http://localhost:5173/', 'http://localhost:5173/'],
  ])('%s at %s', (mark, href, root) => {
    expect(rootOf(mark, href).href).toBe(root);
  });
});

describe('takeToken', () => {
  it.each([
    ['https://h/r/x#token=a.b.c', 'a.b.c', 'https://h/r/x'],
    ['https://h/r/x?token=a.b.c&topology=sfu', 'a.b.c', 'https://h/r/x?topology=sfu'],
    ['https://h/r/x?token=q#token=h&more=1', 'h', 'https://h/r/x#more=1'],
    ['https://h/r/x#token=', undefined, 'https://h/r/x'],
    ['https://h/r/x', undefined, undefined],
  ])('%s', (href, token, cleaned) => {
    expect(takeToken(href)).toEqual({ token, cleaned });
  });
});

describe('roomWishes', () => {
  it('takes what is known and leaves the rest', () => {
    expect(roomWishes('https://h/r/x?topology=sfu&audio=G722,opus&video=vp9')).toEqual({
      topology: 'sfu',
      audio: ['g722', 'opus'],
      video: ['vp9'],
    });
    expect(roomWishes('https://h/r/x?topology=star&audio=')).toEqual({});
  });
});

describe('unable', () => {
  it('names what is missing', () => {
    const rtc = class {};
    expect(unable({ RTCPeerConnection: rtc, WebSocket: rtc } as unknown as typeof globalThis)).toBeUndefined();
    expect(unable({ WebSocket: rtc } as unknown as typeof globalThis)).toBe('no-webrtc');
  });
});

describe('fetchInfo', () => {
  const answer = (body: string, status = 200) => (async () => new Response(body, { status })) as typeof fetch;
  const root = new URL('https://h/p/');

  it('asks relative to the root', async () => {
    let asked = '';
    await fetchInfo(root, (async (url: URL) => {
      asked = url.href;
      return new Response('{}');
    }) as typeof fetch);
    expect(asked).toBe('https://h/p/app.json');
  });

  it.each([
    ['{"version":"1","openRooms":false,"demoRoom":"demo"}', { version: '1', openRooms: false, demoRoom: 'demo' }],
    ['{"version":1,"demoRoom":7}', { version: '', openRooms: true }],
    ['null', { version: '', openRooms: true }],
    ['<html>', { version: '', openRooms: true }],
  ])('%s', async (body, info) => {
    expect(await fetchInfo(root, answer(body))).toEqual(info);
  });

  it('takes a server without an answer for an ordinary one', async () => {
    expect(await fetchInfo(root, answer('', 404))).toEqual({ version: '', openRooms: true });
    expect(await fetchInfo(root, () => Promise.reject(new TypeError('offline')))).toEqual({
      version: '',
      openRooms: true,
    });
  });
});
