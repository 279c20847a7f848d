import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Connection, type ConnectionOptions } from '../src/connection.js';
import type { VecheError } from '../src/errors.js';
import type { Request, ServerFrame, Welcome } from '../src/protocol.js';
import { FakeSocket, off, welcome } from './fake/server.js';

interface Log {
  events: ServerFrame[];
  welcomes: Welcome[];
  states: string[];
  closed: VecheError[];
  renewed: string[];
  refused: [Request, VecheError][];
}

function connect(more: Partial<ConnectionOptions> = {}) {
  const log: Log = { events: [], welcomes: [], states: [], closed: [], renewed: [], refused: [] };
  const connection = new Connection({
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    url: 'ws://server/ws',
    hello: () => ({
      room: 'tea',
      name: 'Ann',
      decode: { audio: ['opus'], video: ['vp8'] },
      encode: { audio: ['opus'], video: ['vp8'] },
      state: off,
    }),
    welcome: (w) => log.welcomes.push(w),
    event: (f) => log.events.push(f),
    state: (s) => log.states.push(s),
    renewed: (token) => log.renewed.push(token),
    closed: (e) => log.closed.push(e),
    refused: (r, e) => log.refused.push([r, e]),
    ...more,
  });
  return { connection, log };
}

async function joined(more: Partial<ConnectionOptions> = {}) {
  const { connection, log } = connect(more);
  const start = connection.start();
  const socket = FakeSocket.last;
  const hello = socket.open();
  socket.push({ ...welcome(), re: hello.id as number });
  await start;
  return { connection, log, socket };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const settledAs = (p: Promise<unknown>) =>
  p.then(
    () => 'resolved',
    (e: VecheError) => e.code,
  );

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.reset();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a renewed token is the one to come back with', async () => {
  const { log, socket } = await joined();
  socket.push({ t: 'resume', n: 1, token: 'newer' });
  expect(log.renewed).toEqual(['newer']);
  expect(log.events).toEqual([]);
  socket.drop();
  await pass(1_000);
  expect(FakeSocket.last.open().resume).toEqual({ token: 'newer', n: 1 });
});

describe('joining', () => {
  test('says hello in the subprotocol and resolves with the welcome', async () => {
    const { log, socket } = await joined();
    expect(socket.url).toBe('ws://server/ws');
    expect(socket.protocol).toBe('veche.v1');
    expect(socket.sent[0]).toMatchObject({ t: 'hello', v: [1], room: 'tea', name: 'Ann' });
    expect(socket.sent[0]?.resume).toBeUndefined();
    expect(log.welcomes).toHaveLength(1);
    expect(log.states).toEqual(['connected']);
  });

  test.each(['token', 'locked', 'full', 'ended', 'not-allowed', 'version', 'bad-message'])(
    'rejects with %s',
    async (code) => {
      const { connection, log } = connect();
      const start = settledAs(connection.start());
      FakeSocket.last.open();
      FakeSocket.last.error('hello', code);
      FakeSocket.last.push({ t: 'bye', code, message: '' });
      expect(await start).toBe(code);
      expect(log.closed).toEqual([]); // the promise has told it
      await pass(60_000);
      expect(FakeSocket.all).toHaveLength(1);
    },
  );

  test('gives up with network when nobody answers three times', async () => {
    FakeSocket.refuse = true;
    const { connection } = connect();
    const start = settledAs(connection.start());
    await pass(5_000);
    expect(await start).toBe('network');
    expect(FakeSocket.all).toHaveLength(3);
  });

  test('comes again when the server is overloaded for a moment', async () => {
    const { connection } = connect();
    const start = settledAs(connection.start());
    FakeSocket.last.open();
    FakeSocket.last.error('hello', 'overloaded');
    await pass(1_000);
    expect(FakeSocket.all).toHaveLength(2);
    const hello = FakeSocket.last.open();
    FakeSocket.last.push({ ...welcome(), re: hello.id as number });
    expect(await start).toBe('resolved');
  });

  test('can be aborted', async () => {
    const stop = new AbortController();
    const { connection } = connect();
    const start = settledAs(connection.start(stop.signal));
    stop.abort();
    expect(await start).toBe('aborted');
    expect(FakeSocket.last.closed).toBe(1000);
    expect(await settledAs(connect().connection.start(stop.signal))).toBe('aborted');
  });
});

describe('requests', () => {
  test('are answered by number', async () => {
    const { connection, socket } = await joined();
    const first = connection.request({ t: 'chat', text: 'one' });
    const second = settledAs(connection.request({ t: 'mute', member: 'b', source: 'mic' }));
    socket.push({ t: 'error', re: socket.find('mute').id as number, code: 'not-allowed', message: 'no' });
    socket.ok('chat', { chat: { id: 'c1', from: 'a', name: 'A', text: 'one', at: 1 } });
    expect((await first).chat?.text).toBe('one');
    expect(await second).toBe('not-allowed');
  });

  test('that break a rule are not sent', async () => {
    const { connection, socket } = await joined();
    expect(await settledAs(connection.request({ t: 'chat', text: '' }))).toBe('bad-message');
    expect(await settledAs(connection.request({ t: 'chat', text: 'x'.repeat(4001) }))).toBe('bad-message');
    expect(socket.all('chat')).toEqual([]);
  });

  test('under way when the socket is lost are rejected with network, and so are those without one', async () => {
    const { connection, socket } = await joined();
    const chat = settledAs(connection.request({ t: 'chat', text: 'x' }));
    socket.drop();
    expect(await chat).toBe('network');
    expect(await settledAs(connection.request({ t: 'chat', text: 'x' }))).toBe('network');
  });

  test('a code of a later server is internal', async () => {
    const { connection, socket } = await joined();
    const end = settledAs(connection.request({ t: 'end' }));
    socket.error('end', 'constructor');
    expect(await end).toBe('internal');
  });
});

describe('events', () => {
  test('come once and in order; a later version is counted and ignored', async () => {
    const { log, socket } = await joined();
    socket.push({ t: 'settled', n: 1, epoch: 1 });
    socket.push({ t: 'settled', n: 1, epoch: 1 });
    socket.raw('{"t":"from-the-future","n":2}');
    socket.push({ t: 'settled', n: 3, epoch: 3 });
    expect(log.events.map((f) => f.n)).toEqual([1, 3]);
  });

  test('a hole is closed by a resume', async () => {
    const { log, socket } = await joined();
    socket.push({ t: 'settled', n: 1, epoch: 1 });
    socket.push({ t: 'settled', n: 3, epoch: 3 });
    expect(log.events.map((f) => f.n)).toEqual([1]);
    expect(socket.closed).toBeDefined();
    await pass(10);
    const hello = FakeSocket.last.open();
    expect(hello.resume).toEqual({ token: 'token1', n: 1 });
    FakeSocket.last.push({ ...welcome({ n: 1, resumed: 'replayed', resume: 'token2' }), re: hello.id as number });
    FakeSocket.last.push({ t: 'settled', n: 2, epoch: 2 });
    FakeSocket.last.push({ t: 'settled', n: 3, epoch: 3 });
    expect(log.events.map((f) => f.n)).toEqual([1, 2, 3]);
  });

  test('what is no frame of ours costs the socket, not the session', async () => {
    const { log, socket } = await joined();
    socket.raw('{"t":"settled","n":1,"epoch":"x"}');
    expect(socket.closed).toBeDefined();
    expect(log.states).toEqual(['connected', 'reconnecting']);
    await pass(10);
    expect(FakeSocket.last).not.toBe(socket);
  });

  test('of a socket that was given up are not heard', async () => {
    const { log, socket } = await joined();
    const hear = socket.onmessage;
    socket.drop();
    hear?.({ data: '{"t":"settled","n":1,"epoch":1}' });
    expect(log.events).toEqual([]);
  });
});

describe('coming back', () => {
  test('at once the first time, then with growing pauses of at most 3 s, for as long as the page lives', async () => {
    const { log, socket } = await joined();
    FakeSocket.refuse = true;
    socket.drop();
    await pass(5);
    expect(FakeSocket.all.length).toBeGreaterThanOrEqual(2);
    await pass(10_000);
    const early = FakeSocket.all.length;
    expect(early).toBeGreaterThan(5);
    expect(early).toBeLessThan(12);
    await pass(3_600_000);
    const perHour = FakeSocket.all.length - early;
    expect(perHour).toBeGreaterThan(3_600 / 3 - 1);
    expect(perHour).toBeLessThan(3_600 / 1.5 + 1);
    expect(log.states).toEqual(['connected', 'reconnecting', ...log.states.slice(2)]);
    expect(log.closed).toEqual([]);
  });

  test('a nudge does not wait for the pause', async () => {
    const { connection, socket } = await joined();
    FakeSocket.refuse = true;
    socket.drop();
    await pass(8_000);
    FakeSocket.refuse = false;
    await pass(1);
    while (FakeSocket.last.readyState === 0) FakeSocket.last.drop();
    const before = FakeSocket.all.length;
    connection.nudge();
    expect(FakeSocket.all.length).toBe(before + 1);
  });

  test.each(['shutdown', 'slow', 'idle', 'overloaded', 'internal'])('after %s', async (code) => {
    const { log, socket } = await joined();
    socket.push({ t: 'bye', code, message: '' });
    await pass(400);
    expect(FakeSocket.all.length).toBe(2);
    expect(log.closed).toEqual([]);
  });

  test.each(['replaced', 'removed', 'ended', 'rate', 'token'])('not after %s', async (code) => {
    const { log, socket } = await joined();
    socket.push({ t: 'bye', code, message: 'why' });
    await pass(60_000);
    expect(FakeSocket.all.length).toBe(1);
    expect(log.closed.map((e) => e.code)).toEqual([code]);
  });

  test('a refusal then is final and told once', async () => {
    const { log, socket } = await joined();
    socket.drop();
    await pass(10);
    FakeSocket.last.open();
    FakeSocket.last.error('hello', 'token');
    FakeSocket.last.push({ t: 'bye', code: 'token', message: '' });
    await pass(60_000);
    expect(log.closed.map((e) => e.code)).toEqual(['token']);
    expect(FakeSocket.all.length).toBe(2);
  });

  test('a connection that hangs is given up after 10 s', async () => {
    const { socket } = await joined();
    socket.drop();
    await pass(10);
    const hanging = FakeSocket.last;
    await pass(11_000);
    expect(hanging.closed).toBeDefined();
    expect(FakeSocket.last).not.toBe(hanging);
  });
});

describe('half-open sockets', () => {
  test('ping every 10 s with the last event seen', async () => {
    const { socket } = await joined();
    socket.push({ t: 'settled', n: 1, epoch: 1 });
    await pass(10_100);
    expect(socket.find('ping')).toMatchObject({ n: 1 });
    socket.push({ t: 'pong', re: socket.find('ping').id as number });
    await pass(10_000);
    expect(socket.all('ping')).toHaveLength(2);
    expect(socket.closed).toBeUndefined();
  });

  test('silence after a ping means another socket', async () => {
    const { socket, log } = await joined();
    await pass(15_500);
    expect(socket.closed).toBeDefined();
    expect(log.states).toEqual(['connected', 'reconnecting']);
    expect(FakeSocket.all.length).toBeGreaterThan(1);
  });

  test('a nudge finds out within 2 s', async () => {
    const { connection, socket } = await joined();
    connection.nudge();
    await pass(2_100);
    expect(socket.closed).toBeDefined();
  });
});

describe('when media has stopped', () => {
  test('a dead socket is found out within 1 s', async () => {
    const { connection, socket } = await joined();
    connection.suspect();
    await pass(1_100);
    expect(socket.closed).toBeDefined();
  });
  test('one that answered fast is not given longer than that needs', async () => {
    const { connection, socket } = await joined();
    await pass(10_000);
    socket.push({ t: 'pong', re: socket.find('ping').id as number });
    await pass(10);
    connection.suspect();
    await pass(310);
    expect(socket.closed).toBeDefined();
  });
  test('a socket that answers stays', async () => {
    const { connection, socket } = await joined();
    connection.suspect();
    await pass(200);
    socket.push({ t: 'pong', re: socket.find('ping').id as number });
    await pass(5_000);
    expect(socket.closed).toBeUndefined();
  });
});

describe('what is posted', () => {
  const resume = async (resumed: string) => {
    await pass(10);
    const hello = FakeSocket.last.open();
    FakeSocket.last.push({ ...welcome({ resumed }), re: hello.id as number });
    await pass(10);
  };

  test('goes again, in order, after the socket was lost', async () => {
    const { connection, socket } = await joined();
    connection.post({ t: 'signal', to: 'b', link: 'm:1', data: { meta: 1 } });
    socket.ok('signal');
    await pass(1);
    connection.post({ t: 'signal', to: 'b', link: 'm:1', data: { meta: 2 } });
    connection.post({ t: 'signal', to: 'b', link: 'm:1', data: { meta: 3 } });
    socket.drop();
    connection.post({ t: 'signal', to: 'b', link: 'm:1', data: { meta: 4 } });
    await resume('replayed');
    expect(FakeSocket.last.all('signal').map((f) => (f.data as { meta: number }).meta)).toEqual([2, 3, 4]);
  });

  test('is forgotten when the server has forgotten us', async () => {
    const { connection, socket } = await joined();
    connection.post({ t: 'ready', epoch: 1 });
    socket.drop();
    await resume('restored');
    expect(FakeSocket.last.all('ready')).toEqual([]);
  });

  test('is slowed down, and a newer state or view replaces one that waits', async () => {
    const { connection, socket } = await joined();
    for (let i = 0; i < 400; i++) connection.post({ t: 'signal', to: 'b', link: 'm:1', data: { meta: i } });
    connection.post({ t: 'state', mic: true });
    connection.post({ t: 'state', mic: false, hand: true });
    const first = socket.sent.length;
    expect(first).toBeLessThan(200);
    await pass(1_000);
    expect(socket.sent.length - first).toBeLessThan(50);
    await pass(30_000);
    expect(socket.all('signal')).toHaveLength(400);
    expect(socket.all('state')).toHaveLength(1);
    expect(socket.find('state')).toMatchObject({ mic: false, hand: true });
  });

  test('what comes too fast for the server goes again; what it refuses is told', async () => {
    const { connection, socket, log } = await joined();
    connection.post({ t: 'ready', epoch: 1 });
    socket.error('ready', 'rate');
    await pass(600);
    expect(socket.all('ready')).toHaveLength(2);
    socket.error('ready', 'not-allowed');
    await pass(1);
    expect(log.refused.map(([r, e]) => [r.t, e.code])).toEqual([['ready', 'not-allowed']]);
  });
});

describe('leaving', () => {
  test('says so, and then nothing is sent or told', async () => {
    const { connection, log, socket } = await joined();
    connection.post({ t: 'signal', to: 'b', link: 'm:1', data: { meta: 1 } });
    const gone = connection.leave();
    const sent = socket.sent.length;
    connection.post({ t: 'ready', epoch: 2 });
    connection.nudge();
    socket.push({ t: 'settled', n: 1, epoch: 1 });
    socket.ok('leave');
    await gone;
    await connection.leave();
    await pass(60_000);
    expect(socket.sent.length).toBe(sent);
    expect(socket.closed).toBe(1000);
    expect(log.events).toEqual([]);
    expect(log.closed).toEqual([]);
    expect(await settledAs(connection.request({ t: 'end' }))).toBe('left');
    expect(FakeSocket.all).toHaveLength(1);
  });

  test('a server that does not answer is not waited for', async () => {
    const { connection, socket } = await joined();
    const gone = connection.leave();
    await pass(1_100);
    await gone;
    expect(socket.closed).toBe(1000);
  });

  test('while reconnecting, it stops trying', async () => {
    const { connection, socket } = await joined();
    socket.drop();
    await connection.leave();
    await pass(60_000);
    expect(FakeSocket.all.length).toBeLessThanOrEqual(2);
  });
});
