import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { VecheError } from '../src/errors.js';
import type { Room } from '../src/room.js';
import { receiveBlob, sendBlob } from '../src/transfer.js';
import type { FileOffer, FileProgress } from '../src/types.js';
import { Hub } from './fake/hub.js';
import { connections, FakeChannel } from './fake/rtc.js';
import { FakeSocket } from './fake/server.js';

const settledAs = (p: Promise<unknown>) =>
  p.then(
    () => 'resolved',
    (e: VecheError) => e.code,
  );
const same = (a: ArrayBuffer, b: Uint8Array) =>
  a.byteLength === b.length && new Uint8Array(a).every((v, i) => v === b[i]);
const bytes = (n: number) => new Uint8Array(n).map((_, i) => (i * 7) % 253);

function channels(): [RTCDataChannel, RTCDataChannel, FakeChannel, FakeChannel] {
  const [a, b] = [new FakeChannel('x'), new FakeChannel('x')];
  a.open(b);
  b.open(a);
  return [a as unknown as RTCDataChannel, b as unknown as RTCDataChannel, a, b];
}

describe('one transfer', () => {
  test.each([0, 1, 16_384, 16_385, 300_000, 1_000_003])('of %i bytes arrives whole', async (size) => {
    const [a, b] = channels();
    const file = new Blob([bytes(size)]);
    const done: number[] = [];
    const sent = sendBlob(a, file, { progress: (n) => done.push(n) });
    const got = await receiveBlob(b, { size, mime: 'a/b' }, {});
    await sent;
    expect(same(await got.arrayBuffer(), bytes(size))).toBe(true);
    expect(got.type).toBe('a/b');
    expect(done.at(-1) ?? 0).toBe(size);
  });

  test('waits while the channel is full', async () => {
    const [a, b, raw] = channels();
    raw.bufferedAmount = 2 << 20;
    const sent = sendBlob(a, new Blob([bytes(100_000)]), {});
    const got = receiveBlob(b, { size: 100_000, mime: '' }, {});
    await new Promise((r) => setTimeout(r, 20));
    expect(raw.sent).toBe(0);
    raw.bufferedAmount = 0;
    raw.dispatchEvent(new Event('bufferedamountlow'));
    await sent;
    expect((await got).size).toBe(100_000);
  });

  test.each([
    ['less', 99_999],
    ['more', 100_001],
  ])('with %s than announced is refused on both sides', async (_, size) => {
    const [a, b] = channels();
    const sent = settledAs(sendBlob(a, new Blob([bytes(size)]), {}));
    expect(await settledAs(receiveBlob(b, { size: 100_000, mime: '' }, {}))).toBe('transfer');
    expect(await sent).toBe('transfer');
  });

  test('is aborted by either side', async () => {
    for (const side of ['sender', 'receiver']) {
      const [a, b] = channels();
      const stop = new AbortController();
      const signal = { signal: stop.signal };
      const sent = settledAs(sendBlob(a, new Blob([bytes(5_000_000)]), side === 'sender' ? signal : {}));
      const got = settledAs(receiveBlob(b, { size: 5_000_000, mime: '' }, side === 'receiver' ? signal : {}));
      stop.abort();
      expect([await sent, await got]).toEqual(side === 'sender' ? ['aborted', 'transfer'] : ['transfer', 'aborted']);
    }
  });

  test('breaks with the channel', async () => {
    const [a, b] = channels();
    const sent = settledAs(sendBlob(a, new Blob([bytes(5_000_000)]), {}));
    const got = settledAs(receiveBlob(b, { size: 5_000_000, mime: '' }, {}));
    b.close();
    expect([await sent, await got]).toEqual(['transfer', 'transfer']);
  });

  test('of a file that is gone is told', async () => {
    const [a, b] = channels();
    const file = { size: 10, slice: () => ({ arrayBuffer: () => Promise.reject(new Error('NotReadableError')) }) };
    const got = settledAs(receiveBlob(b, { size: 10, mime: '' }, {}));
    expect(await settledAs(sendBlob(a, file as unknown as Blob, {}))).toBe('transfer');
    a.close();
    expect(await got).toBe('transfer');
  });
});

describe('in a room', () => {
  let hub: Hub;
  let ann: Room;
  let bob: Room;
  let offers: FileOffer[];

  beforeEach(async () => {
    FakeSocket.reset();
    connections.length = 0;
    hub = new Hub();
    hub.room = { kind: 'lobby', forced: true }; // no connections but those of files
    [ann, bob] = (await Promise.all([hub.join('ann'), hub.join('bob')])) as [Room, Room];
    offers = [];
    bob.on('file', (f) => offers.push(f));
  });
  const settle = () => vi.waitFor(() => expect(offers).toHaveLength(1), 10_000);

  test('a file is offered in the chat and fetched from its owner', async () => {
    const progress: FileProgress[] = [];
    ann.on('fileProgress', (p) => progress.push(p));
    const offer = await ann.sendFile(Object.assign(new Blob([bytes(50_000)], { type: 'a/b' }), { name: 'x.bin' }));
    await settle();
    expect(offer).toMatchObject({ name: 'x.bin', size: 50_000, mine: true });
    expect(offers).toMatchObject([{ id: offer.id, from: 'ann', fromName: 'ann', mine: false }]);
    expect(bob.history.at(-1)?.file?.id).toBe(offer.id);
    const got = await bob.receiveFile(offer.id);
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes(50_000));
    expect(progress.at(-1)).toEqual({ id: offer.id, to: 'bob', done: 50_000, total: 50_000 });
    expect(new Set(hub.requests.filter((r) => r.frame.t === 'signal').map((r) => r.frame.link))).toEqual(
      new Set([`f:${offer.id}`]),
    );
    expect((await ann.receiveFile(offer.id)).size).toBe(50_000);
  });

  test('names and types are cut to what the protocol takes', async () => {
    const name = `${'й'.repeat(200)}.txt`;
    const offer = await ann.sendFile(Object.assign(new Blob(['x']), { name }));
    expect(new TextEncoder().encode(offer.name).length).toBeLessThanOrEqual(255);
    expect(name.startsWith(offer.name)).toBe(true);
  });

  test('a private file is given to nobody else', async () => {
    const offer = await ann.sendFile(new Blob(['secret']), { to: 'bob' });
    await settle();
    const before = connections.length;
    hub.tell('ann', { t: 'signal', from: 'eve', link: `f:${offer.id}`, data: { meta: {} } });
    hub.tell('ann', { t: 'signal', from: 'bob', link: 'f:unknown', data: { meta: {} } });
    expect(connections).toHaveLength(before);
    expect((await bob.receiveFile(offer.id)).size).toBe(6);
    expect(connections).toHaveLength(before + 2);
  });

  test('a sender that leaves breaks the transfer', async () => {
    const offer = await ann.sendFile(new Blob([bytes(9_000_000)]));
    await settle();
    const got = settledAs(bob.receiveFile(offer.id));
    await new Promise((r) => setTimeout(r, 0));
    hub.leave('ann');
    expect(await got).toBe('transfer');
    expect(await settledAs(bob.receiveFile('nothing'))).toBe('transfer');
  });

  test('the receiver may change its mind, before and during', async () => {
    const offer = await ann.sendFile(new Blob([bytes(9_000_000)]));
    await settle();
    const stop = new AbortController();
    const got = settledAs(bob.receiveFile(offer.id, { signal: stop.signal, onProgress: () => stop.abort() }));
    expect(await got).toBe('aborted');
    expect(await settledAs(bob.receiveFile(offer.id, { signal: stop.signal }))).toBe('aborted');
    const again = await bob.receiveFile(offer.id);
    expect(again.size).toBe(9_000_000);
  });
});
