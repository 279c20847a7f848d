import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Call, CallEvents } from '../src/call.js';
import type { VecheError } from '../src/errors.js';
import type { Room } from '../src/room.js';
import { Hub } from './fake/hub.js';
import { connections, flowing, track } from './fake/rtc.js';
import { FakeSocket } from './fake/server.js';

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const settledAs = (p: Promise<unknown>) =>
  p.then(
    () => 'resolved',
    (e: VecheError) => e.code,
  );
let hub: Hub;
let ann: Room;
let bob: Room;
let incoming: Call[];

function record<K extends keyof CallEvents>(call: Call, kind: K): CallEvents[K][] {
  const list: CallEvents[K][] = [];
  call.on(kind, (e) => list.push(e));
  return list;
}
const states = (call: Call) => {
  const list: string[] = [call.state];
  call.on('state', (c) => list.push(c.state));
  return list;
};
const kinds = (stream: MediaStream | null) => stream?.getTracks().map((t) => t.kind) ?? null;
/** Lets time pass until it is settled. */
async function wait<T>(p: Promise<T>): Promise<T> {
  p.catch(() => {});
  await pass(50);
  return p;
}

async function ring(): Promise<[Call, Call]> {
  const call = await wait(ann.ring('bob', { video: true }));
  return [call, incoming.at(-1) as Call];
}

async function talk(): Promise<[Call, Call]> {
  const [a, b] = await ring();
  a.setTracks([track('audio'), track('video')]);
  await wait(b.accept([track('audio')]));
  await pass(200);
  return [a, b];
}

beforeEach(async () => {
  vi.useFakeTimers();
  FakeSocket.reset();
  connections.length = 0;
  flowing.audio = flowing.video = true;
  hub = new Hub();
  hub.room = { kind: 'lobby', forced: true };
  const rooms = [hub.join('ann'), hub.join('bob')];
  await pass(20);
  [ann, bob] = (await Promise.all(rooms)) as [Room, Room];
  incoming = [];
  bob.on('call', (c) => incoming.push(c));
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ringing', () => {
  test('the callee sees who calls; nothing connects before the answer', async () => {
    const [a, b] = await ring();
    expect([a.incoming, a.peer, a.state, a.video]).toEqual([false, { id: 'bob', name: 'bob' }, 'ringing', true]);
    expect([b.incoming, b.peer, b.state]).toEqual([true, { id: 'ann', name: 'ann' }, 'ringing']);
    expect(connections).toHaveLength(0);
    expect([...ann.calls.keys()]).toEqual([a.id]);
  });

  test('accepted: connecting, then active, with the tracks of both', async () => {
    const [a, b] = await ring();
    const [of, them] = [states(a), states(b)];
    a.setTracks([track('audio'), track('video')]);
    const streams = record(b, 'stream');
    await wait(b.accept([track('audio')]));
    await pass(100);
    expect(of).toEqual(['ringing', 'connecting', 'active']);
    expect(them).toEqual(['ringing', 'connecting', 'active']);
    expect(kinds(b.stream)).toEqual(['audio', 'video']);
    expect(kinds(a.stream)).toEqual(['audio']);
    expect(streams.every((s) => s.stream === b.stream)).toBe(true);
    expect(new Set(hub.requests.filter((r) => r.frame.t === 'signal').map((r) => r.frame.link))).toEqual(
      new Set([`c:${a.id}`]),
    );
  });

  test.each([
    ['decline', 'declined', (_: Call, b: Call) => b.decline()],
    ['hangup by the callee', 'declined', (_: Call, b: Call) => b.hangup()],
    ['cancel', 'cancelled', (a: Call) => a.cancel()],
    ['hangup by the caller', 'cancelled', (a: Call) => a.hangup()],
  ] as const)('%s ends both with %s', async (_, reason, end) => {
    const [a, b] = await ring();
    await wait(end(a, b));
    expect([a.state, a.reason, b.state, b.reason]).toEqual(['ended', reason, 'ended', reason]);
    expect([ann.calls.size, bob.calls.size]).toEqual([0, 0]);
    expect(await settledAs(b.accept([]))).toBe('no-call');
    expect(connections).toHaveLength(0);
  });

  test.each(['timeout', 'gone', 'unavailable'])('ended by the server with %s', async (reason) => {
    const [a, b] = await ring();
    const of = states(a);
    hub.call(a.id, { state: 'ended', reason });
    expect([a.reason, b.reason, of]).toEqual([reason, reason, ['ringing', 'ended']]);
  });

  test('busy at once: the call comes back ended', async () => {
    hub.tell('bob', {
      t: 'call',
      call: { id: 'x', from: 'ann', to: 'bob', video: true, state: 'ended', reason: 'busy', at: 1 },
    });
    expect(incoming.map((c) => [c.state, c.reason, c.peer.name])).toEqual([['ended', 'busy', 'ann']]);
    expect(bob.calls.size).toBe(0);
  });

  test('refused: the promise tells why', async () => {
    hub.refuse.set('ring', 'no-member');
    expect(await wait(settledAs(ann.ring('eve', { video: false })))).toBe('no-member');
    expect(ann.calls.size).toBe(0);
  });

  test('both at once is one call that is active, and no ringing is shown', async () => {
    const told: Call[] = [];
    ann.on('call', (c) => told.push(c));
    const both = Promise.all([ann.ring('bob', { video: true }), bob.ring('ann', { video: true })]);
    await pass(100);
    const [a, b] = await both;
    expect(a.id).toBe(b.id);
    a.setTracks([track('audio')]);
    b.setTracks([track('audio')]);
    await pass(200);
    expect([a.state, b.state]).toEqual(['active', 'active']);
    expect([a.incoming, b.incoming].sort()).toEqual([false, true]);
    expect([...told, ...incoming].filter((c) => c.state === 'ringing')).toEqual([]);
    expect(kinds(a.stream)).toEqual(['audio']);
  });

  test('accept is refused when the caller was faster to leave', async () => {
    const [, b] = await ring();
    hub.refuse.set('accept', 'no-call');
    expect(await wait(settledAs(b.accept([track('audio')])))).toBe('no-call');
    expect(b.state).toBe('ringing');
  });
});

describe('talking', () => {
  test('hangup ends both at once, and then nothing is sent or told', async () => {
    const [a, b] = await talk();
    const all: string[] = [];
    for (const k of ['state', 'stream', 'chat', 'remoteState', 'quality', 'error'] as const) a.on(k, () => all.push(k));
    const sent = hub.requests.length;
    await wait(a.hangup());
    expect([a.reason, b.reason]).toEqual(['hangup', 'hangup']);
    expect(all).toEqual(['state']);
    expect([a.stream, b.stream]).toEqual([null, null]);
    expect(connections.map((c) => c.connectionState)).toEqual(['closed', 'closed']);
    await a.hangup();
    a.setTracks([track('audio')]);
    a.setState({ mic: true });
    expect(() => a.chat('x')).toThrow('unknown or finished');
    await pass(60_000);
    expect(
      hub.requests
        .slice(sent)
        .filter((r) => r.frame.t !== 'ping')
        .map((r) => r.frame.t),
    ).toEqual(['hangup']);
    expect(all).toEqual(['state']);
  });

  test('tracks are replaced without negotiation, a screen is shared and unshared', async () => {
    const [a, b] = await talk();
    const screens = record(b, 'screen');
    const offers = connections.reduce((n, c) => n + c.offers, 0);
    await a.replaceTrack('video', track('video'));
    await b.replaceTrack('video', track('video'));
    await pass(50);
    expect(connections.reduce((n, c) => n + c.offers, 0)).toBe(offers);
    expect(kinds(a.stream)).toEqual(['audio', 'video']);
    await a.share([track('video'), track('audio')]);
    await pass(100);
    expect(kinds(b.screen)?.sort()).toEqual(['audio', 'video']);
    expect(b.remoteState.screen).toBe(true);
    await a.share(null);
    await pass(100);
    expect(screens.at(-1)).toEqual({ stream: null });
    expect(b.remoteState.screen).toBe(false);
  });

  test('each side tells what it sends, also what it said before the channel was open', async () => {
    const [a, b] = await talk();
    expect(b.remoteState).toEqual({ mic: true, camera: true, screen: false, hand: false });
    const told = record(b, 'remoteState');
    a.setState({ mic: false });
    await pass(10);
    expect(told).toEqual([{ mic: false, camera: true, screen: false, hand: false }]);
  });

  test('chat', async () => {
    const [a, b] = await ring();
    const heard = record(b, 'chat');
    const early = a.chat('before the answer');
    await wait(b.accept([]));
    await pass(100);
    a.chat('hello');
    await pass(10);
    expect(heard.map((m) => [m.from, m.name, m.text])).toEqual([
      ['ann', 'ann', 'before the answer'],
      ['ann', 'ann', 'hello'],
    ]);
    expect(heard[0]?.id).toBe(early.id);
    expect(early.id).toMatch(/^[\w-]{22}$/);
    expect(() => a.chat('')).toThrow('code points');
    expect(() => a.chat('🦊'.repeat(4001))).toThrow('code points');
  });

  test('a file with progress, and one that is aborted', async () => {
    const [a, b] = await talk();
    const offers = record(b, 'file');
    const progress = record(a, 'fileProgress');
    const bytes = new Uint8Array(700_000).map((_, i) => i % 251);
    const transfer = a.sendFile(Object.assign(new Blob([bytes], { type: 'x/y' }), { name: 'plan.bin' }));
    await pass(10);
    expect(offers[0]).toMatchObject({
      id: transfer.id,
      name: 'plan.bin',
      size: 700_000,
      mime: 'x/y',
      fromName: 'ann',
      mine: false,
    });
    vi.useRealTimers();
    const got: number[] = [];
    const blob = await b.receiveFile(transfer.id, { onProgress: (done) => got.push(done) });
    await transfer.done;
    expect(new Uint8Array(await blob.arrayBuffer()).every((v, i) => v === bytes[i])).toBe(true);
    expect(got.at(-1)).toBe(700_000);
    expect(progress.at(-1)).toEqual({ id: transfer.id, to: 'bob', done: 700_000, total: 700_000 });
    const other = a.sendFile(new Blob(['x']));
    other.abort();
    expect(await settledAs(other.done)).toBe('aborted');
    expect(await settledAs(b.receiveFile('nothing'))).toBe('transfer');
  });

  test('the socket may be away: hanging up still ends both', async () => {
    const [a, b] = await talk();
    hub.cut('ann');
    hub.refuse.set('hangup', 'internal');
    void a.hangup();
    expect(a.state).toBe('ended');
    await pass(500);
    expect([b.state, b.reason]).toEqual(['ended', 'hangup']);
  });

  test('a server that was restarted does not end a call between two browsers', async () => {
    const [a, b] = await talk();
    hub.sessions.clear();
    hub.calls.clear();
    for (const s of FakeSocket.all.splice(0)) s.drop();
    await pass(5_000);
    expect([a.state, b.state]).toEqual(['active', 'active']);
    void b.hangup();
    await pass(500);
    expect([a.state, a.reason]).toEqual(['ended', 'hangup']);
  });

  test('a call whose media cannot connect fails after half a minute', async () => {
    const [a, b] = await ring();
    hub.refuse.set('signal', 'no-member');
    await wait(b.accept([]));
    await pass(35_000);
    expect([a.state, a.reason]).toEqual(['ended', 'failed']);
    expect(b.state).toBe('ended');
  });

  test('leaving the room ends it', async () => {
    const [a] = await talk();
    void ann.leave();
    expect([a.state, a.reason]).toEqual(['ended', 'gone']);
    expect(connections[0]?.connectionState).toBe('closed');
  });

  test('a call that was active when the page was reloaded is hung up', async () => {
    const [a] = await talk();
    const kept = new Map([[`veche ws://server/ws tea`, JSON.stringify({ token: 'bob', pc: 0 })]]);
    const storage = {
      getItem: (k: string) => kept.get(k) ?? null,
      setItem: (k: string, v: string) => void kept.set(k, v),
      removeItem: (k: string) => void kept.delete(k),
    };
    const again = await wait(hub.join('bob', { storage }));
    await pass(100);
    expect(again.me.id).toBe('bob');
    expect([a.state, a.reason]).toEqual(['ended', 'hangup']);
  });
});
