import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { VecheError } from '../src/errors.js';
import { Room, type RoomEvents } from '../src/room.js';
import { Hub } from './fake/hub.js';
import { connections, type FakeConnection, flowing, rtc, track } from './fake/rtc.js';
import { FakeSocket, member } from './fake/server.js';

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
let hub: Hub;

/** Joins while time passes. */
async function join(name: string, more: Parameters<Hub['join']>[1] = {}): Promise<Room> {
  const room = hub.join(name, more);
  await pass(20);
  return room;
}

function record<K extends keyof RoomEvents>(room: Room, kind: K): RoomEvents[K][] {
  const list: RoomEvents[K][] = [];
  room.on(kind, (e) => list.push(e));
  return list;
}

const kinds = (room: Room, id: string, of: 'camera' | 'screen' = 'camera') =>
  room.participants
    .get(id)
    ?.stream(of)
    ?.getTracks()
    .map((t) => t.kind)
    .sort() ?? [];
const status = (room: Room, id: string) => {
  const s = room.participants.get(id)?.status('camera');
  return s && `${s.audio}/${s.video}`;
};
const settledAs = (p: Promise<unknown>) =>
  p.then(
    () => 'resolved',
    (e: VecheError) => e.code,
  );
const speaking = { mic: true, camera: true };

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.reset();
  connections.length = 0;
  flowing.audio = flowing.video = true;
  hub = new Hub();
});
afterEach(() => {
  vi.useRealTimers();
});

async function publish(room: Room): Promise<void> {
  await room.publish('mic', track('audio'));
  await room.publish('camera', track('video'));
}

describe('two people', () => {
  test('see each other without the server', async () => {
    const [ann, bob] = [await join('ann', { state: speaking }), await join('bob', { state: speaking })];
    await publish(ann);
    await publish(bob);
    await pass(500);
    expect([...ann.participants.keys()]).toEqual(['bob']);
    expect(kinds(ann, 'bob')).toEqual(['audio', 'video']);
    expect(kinds(bob, 'ann')).toEqual(['audio', 'video']);
    expect(status(bob, 'ann')).toBe('live/live');
    expect(hub.of('ann', 'offer')).toEqual([]);
    expect(new Set(hub.of('ann', 'signal').map((f) => f.link))).toEqual(new Set(['m:1']));
    expect(ann.me.stream('camera')?.getTracks()).toHaveLength(2);
  });

  test('the stream object stays the same when tracks come and go', async () => {
    const [ann, bob] = [await join('ann', { state: speaking }), await join('bob', { state: speaking })];
    await publish(ann);
    await pass(300);
    const stream = bob.participants.get('ann')?.stream('camera');
    await ann.unpublish('camera');
    await pass(50);
    expect(kinds(bob, 'ann')).toEqual(['audio']);
    expect(status(bob, 'ann')).toBe('live/none');
    await ann.publish('camera', track('video'));
    await pass(300);
    expect(kinds(bob, 'ann')).toEqual(['audio', 'video']);
    expect(bob.participants.get('ann')?.stream('camera')).toBe(stream);
  });

  test('publishing says so, muting is told as muted', async () => {
    const [ann, bob] = [await join('ann'), await join('bob')];
    await publish(ann);
    await pass(300);
    expect(bob.participants.get('ann')?.state).toMatchObject({ mic: true, camera: true });
    await ann.setState({ mic: false });
    await pass(50);
    expect(status(bob, 'ann')).toBe('muted/live');
    expect(ann.me.state.mic).toBe(false);
  });

  test('a track that takes the place of another says nothing', async () => {
    const ann = await join('ann');
    await publish(ann);
    await ann.setState({ mic: false });
    await pass(50);
    await ann.publish('mic', track('audio'));
    await pass(50);
    expect(ann.me.state.mic).toBe(false);
  });

  test('one leaves: told, the link is closed', async () => {
    const [ann, bob] = [await join('ann'), await join('bob')];
    await pass(200);
    const left = record(ann, 'left');
    hub.leave('bob', 'gone');
    expect(left.map((e) => [e.participant.name, e.reason])).toEqual([['bob', 'gone']]);
    expect(ann.participants.size).toBe(0);
    expect(connections.filter((c) => c.connectionState === 'connected').length).toBeLessThan(2);
    void bob.leave();
  });

  test('a viewer or an encoder has no link', async () => {
    const ann = await join('ann');
    hub.tell('ann', { t: 'joined', member: member('vic', { role: 'viewer' }) });
    hub.tell('ann', { t: 'joined', member: member('obs', { agent: 'whip' }) });
    await pass(200);
    expect(connections).toHaveLength(0);
    expect([...ann.participants.values()].map((p) => p.agent)).toEqual(['web', 'whip']);
  });
});

describe('a change of topology', () => {
  async function three() {
    const rooms = [await join('ann', { state: speaking }), await join('bob', { state: speaking })] as const;
    for (const r of rooms) await publish(r);
    await pass(500);
    return rooms;
  }
  const seat = (n: number, id: string, more: object = {}) => ({
    seat: n,
    member: id,
    source: 'camera',
    audio: 'live',
    video: 'live',
    codec: 'vp8',
    ...more,
  });

  test('makes before it breaks: tracks change only when the new ones flow, the old way closes when settled', async () => {
    const [ann] = await three();
    const old = kinds(ann, 'bob');
    const before = ann.participants.get('bob')?.stream('camera')?.getTracks();
    const link = connections[0] as FakeConnection;
    flowing.audio = flowing.video = false;
    hub.topology('sfu', 2);
    await pass(200);
    const offer = hub.of('ann', 'offer').at(-1);
    expect(offer).toMatchObject({ pc: 1, tracks: [{ source: 'mic' }, { source: 'camera' }] });
    expect(offer?.seats).toHaveLength(1);
    expect(hub.of('ann', 'view').at(-1)).toMatchObject({
      seats: [{ seat: 0, member: 'bob', source: 'camera', paused: false }],
    });
    hub.tell('ann', { t: 'seats', seats: [seat(0, 'bob')] });
    await pass(1_000);
    expect(ann.participants.get('bob')?.stream('camera')?.getTracks()).toEqual(before);
    expect(status(ann, 'bob')).toBe('live/live');
    expect(hub.of('ann', 'ready').filter((f) => f.epoch === 2)).toEqual([]);
    flowing.audio = flowing.video = true;
    await pass(500);
    const after = ann.participants.get('bob')?.stream('camera')?.getTracks();
    expect(kinds(ann, 'bob')).toEqual(old);
    expect(after).not.toEqual(before);
    expect(hub.of('ann', 'ready').filter((f) => f.epoch === 2)).toHaveLength(1);
    expect(link.connectionState).toBe('connected');
    hub.tell('ann', { t: 'settled', epoch: 2 });
    expect(link.connectionState).toBe('closed');
    expect(ann.participants.get('bob')?.stream('camera')?.getTracks()).toEqual(after);
    expect(ann.topology).toBe('sfu');
  });

  test('and back, over a new link of the new epoch', async () => {
    const [ann, bob] = await three();
    hub.topology('sfu', 2);
    await pass(300);
    for (const [me, other] of [
      ['ann', 'bob'],
      ['bob', 'ann'],
    ] as const) {
      hub.tell(me, { t: 'seats', seats: [seat(0, other)] });
    }
    await pass(300);
    hub.tell(null, { t: 'settled', epoch: 2 });
    hub.topology('p2p', 3);
    await pass(800);
    expect(hub.of('ann', 'signal').at(-1)?.link).toBe('m:3');
    expect(hub.of('ann', 'ready').at(-1)?.epoch).toBe(3);
    hub.tell(null, { t: 'settled', epoch: 3 });
    await pass(100);
    expect(status(ann, 'bob')).toBe('live/live');
    expect(kinds(bob, 'ann')).toEqual(['audio', 'video']);
  });

  test('that is overtaken goes back to the link that is still there', async () => {
    const [ann] = await three();
    const before = ann.participants.get('bob')?.stream('camera')?.getTracks();
    const count = connections.length;
    hub.topology('sfu', 2);
    await pass(50);
    hub.topology('p2p', 3);
    await pass(300);
    expect(hub.of('ann', 'ready').at(-1)?.epoch).toBe(3);
    hub.tell(null, { t: 'settled', epoch: 3 });
    await pass(50);
    expect(ann.participants.get('bob')?.stream('camera')?.getTracks()).toEqual(before);
    expect(connections[0]?.connectionState).toBe('connected');
    const servers = new Set([...hub.sessions.values()].flatMap((s) => [...s.peers.values()]));
    const ours = connections.slice(count).filter((c) => !servers.has(c));
    expect(ours.map((c) => c.connectionState)).toEqual(['closed', 'closed']);
  });

  test('whose end is not told ends by itself', async () => {
    await three();
    const link = connections[0];
    hub.topology('sfu', 2);
    await pass(11_000);
    expect(link?.connectionState).toBe('closed');
  });

  test('a member that says it is muted is not waited for', async () => {
    const ann = await join('ann');
    await join('bob');
    flowing.audio = flowing.video = false;
    await pass(100);
    hub.topology('sfu', 2);
    await pass(200);
    expect(hub.of('ann', 'ready').at(-1)?.epoch).toBe(2);
    void ann.leave();
  });
});

describe('through the server', () => {
  beforeEach(() => {
    Object.assign(hub.room, { topology: 'sfu', forced: true });
  });

  test('seats grow in steps and joins in between need no offer', async () => {
    await join('ann');
    const counts: number[] = [];
    for (let i = 0; i < 5; i++) {
      hub.tell('ann', { t: 'joined', member: member(`m${i}`) });
      await pass(100);
      counts.push((hub.of('ann', 'offer').at(-1)?.seats as unknown[] | undefined)?.length ?? 0);
    }
    expect(counts).toEqual([1, 2, 4, 4, 9]);
    expect(hub.of('ann', 'offer')).toHaveLength(4);
    expect(hub.of('ann', 'view').at(-1)?.seats).toHaveLength(5);
  });

  test('seats are slim: the codecs of the room with one clock', async () => {
    await join('ann');
    hub.tell('ann', { t: 'joined', member: member('bob') });
    await pass(100);
    const [a, v] = (connections[0] as FakeConnection).transceivers;
    expect(a?.preferences).toEqual(['audio/red', 'audio/opus']);
    expect(v?.preferences).toEqual(['video/VP8', 'video/VP9', 'video/H264', 'video/AV1', 'video/rtx']);
  });

  test('a telephony room negotiates its 8 kHz codecs', async () => {
    hub.room.audio = ['g722', 'opus', 'pcmu'];
    const ann = await join('ann');
    await ann.publish('mic', track('audio'));
    hub.tell('ann', { t: 'joined', member: member('bob') });
    await pass(100);
    for (const t of (connections[0] as FakeConnection).transceivers.filter((x) => x.receiver.track.kind === 'audio')) {
      expect(t.preferences).toEqual(['audio/G722', 'audio/PCMU']);
    }
  });

  test('video goes out with the codec that all can decode, another one by a new offer', async () => {
    hub.room.publish = { video: 'h264' };
    const ann = await join('ann');
    const advised = record(ann, 'publishCodec');
    await ann.publish('camera', track('video'));
    await pass(100);
    const section = (connections[0] as FakeConnection).transceivers[0];
    expect(section?.preferences).toEqual(['video/H264', 'video/rtx']);
    const offers = hub.of('ann', 'offer').length;
    hub.tell('ann', { t: 'room', locked: false, video: ['vp8'], audio: ['opus'], publish: { video: 'vp8' } });
    await pass(100);
    expect(section?.preferences).toEqual(['video/VP8', 'video/rtx']);
    expect(hub.of('ann', 'offer')).toHaveLength(offers + 1);
    expect(advised).toEqual([{ video: 'vp8' }]);
    expect(ann.publishCodec).toEqual({ video: 'vp8' });
  });

  test('what sits where makes the streams; a seat that changes hands takes its tracks along', async () => {
    const ann = await join('ann');
    for (const id of ['bob', 'cat'])
      hub.tell('ann', { t: 'joined', member: member(id, { state: { ...speaking, screen: false, hand: false } }) });
    await pass(200);
    const at = { source: 'camera', audio: 'live', video: 'live' };
    const streams = record(ann, 'stream');
    hub.tell('ann', { t: 'seats', seats: [{ seat: 0, member: 'bob', ...at, rtp: 7 }] });
    const tracks = ann.participants.get('bob')?.stream('camera')?.getTracks();
    expect(kinds(ann, 'bob')).toEqual(['audio', 'video']);
    expect(streams.at(-1)).toMatchObject({ source: 'camera', audio: 'live', video: 'live', rtp: 7 });
    hub.tell('ann', { t: 'seats', seats: [{ seat: 0, member: 'cat', ...at, video: 'undecodable', codec: 'h265' }] });
    expect(kinds(ann, 'bob')).toEqual([]);
    expect(ann.participants.get('cat')?.stream('camera')?.getTracks()).toEqual(
      tracks?.filter((t) => t.kind === 'audio'),
    );
    expect(ann.participants.get('cat')?.status('camera')).toEqual({
      audio: 'live',
      video: 'undecodable',
      codec: 'h265',
    });
  });

  test('the app says what to show; who is left out is heard', async () => {
    const ann = await join('ann');
    for (const id of ['bob', 'cat']) hub.tell('ann', { t: 'joined', member: member(id) });
    await pass(100);
    ann.show([{ member: 'cat', source: 'camera', width: 301, height: 200 }]);
    await pass(50);
    const seats = hub.of('ann', 'view').at(-1)?.seats as {
      seat: number;
      member: string;
      paused: boolean;
      width: number;
    }[];
    expect(seats.map((s) => [s.member, s.paused])).toEqual([
      ['bob', true],
      ['cat', false],
    ]);
    expect(seats.find((s) => s.member === 'cat')).toMatchObject({ seat: 1, width: 304 });
    const sent = hub.of('ann', 'view').length;
    ann.show([{ member: 'cat', source: 'camera', width: 300, height: 200 }]);
    await pass(50);
    expect(hub.of('ann', 'view')).toHaveLength(sent);
  });

  test('many who are not shown share seats for sound', async () => {
    const ann = await join('ann');
    const state = { ...speaking, screen: false, hand: false };
    const ids = ['b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7'];
    const tracks = [
      { source: 'mic', kind: 'audio', codec: 'opus' },
      { source: 'camera', kind: 'video', codec: 'vp8' },
    ];
    for (const id of ids) hub.tell('ann', { t: 'joined', member: member(id, { state, tracks }) });
    ann.show([{ member: 'b0', source: 'camera', width: 300, height: 200 }]);
    await pass(500);
    const pairs = hub.of('ann', 'offer').at(-1)?.seats as { a: string; v: string }[];
    const sound = pairs.flatMap((s, i) => (s.v === '' ? [i] : []));
    expect(sound).toHaveLength(5);
    const view = hub.of('ann', 'view').at(-1)?.seats as { seat: number; member: string }[];
    expect(view.filter((w) => w.member === 'loud').map((w) => w.seat)).toEqual(sound);
    expect(view.filter((w) => w.member !== 'loud')).toMatchObject([{ member: 'b0', paused: false }]);
    expect(status(ann, 'b7')).toBe('paused/paused');
    const [first, second] = sound;
    const at = { source: 'camera', audio: 'live', video: 'none' };
    hub.tell('ann', { t: 'seats', seats: [{ seat: first, member: 'b7', ...at }] });
    expect(kinds(ann, 'b7')).toEqual(['audio']);
    expect(status(ann, 'b7')).toBe('live/paused');
    hub.tell('ann', {
      t: 'seats',
      seats: [
        { seat: first, member: 'b6', ...at },
        { seat: second, member: 'b7', ...at },
      ],
    });
    expect([kinds(ann, 'b6'), kinds(ann, 'b7')]).toEqual([['audio'], ['audio']]);
    // Turned to: there is a picture, and the seats for sound are for others.
    ann.show(['b7', 'b6', 'b5', 'b4'].map((id) => ({ member: id, source: 'camera', width: 300, height: 200 })));
    await pass(500);
    const after = hub.of('ann', 'view').at(-1)?.seats as { seat: number; member: string }[];
    expect(after.map((w) => w.member).sort()).toEqual(['b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7']);
  });

  test('a telephone codec in a room of Opus has a seat of its own', async () => {
    const ann = await join('ann');
    const tracks = [
      { source: 'mic', kind: 'audio', codec: 'pcmu' },
      { source: 'camera', kind: 'video', codec: 'vp8' },
    ];
    const state = { ...speaking, screen: false, hand: false };
    hub.tell('ann', { t: 'joined', member: member('cam', { agent: 'stream', state, tracks }) });
    await pass(200);
    const view = hub.of('ann', 'view').at(-1)?.seats as { seat: number; member: string; width: number }[];
    expect(view.map((w) => w.member)).toEqual(['cam', 'cam']);
    const pairs = hub.of('ann', 'offer').at(-1)?.seats as { a: string; v: string }[];
    const alone = pairs.findIndex((s) => s.v === '');
    const both = 1 - alone;
    const section = (connections[0] as FakeConnection).transceivers.find((x) => x.mid === pairs[alone]?.a);
    expect(section?.preferences).toEqual(['audio/G722', 'audio/PCMU', 'audio/PCMA']);
    const seats = [
      { seat: both, member: 'cam', source: 'camera', audio: 'undecodable', video: 'live', codec: 'vp8' },
      { seat: alone, member: 'cam', source: 'camera', audio: 'live', video: 'none' },
    ];
    hub.tell('ann', { t: 'seats', seats });
    expect(kinds(ann, 'cam')).toEqual(['audio', 'video']);
    const stream = ann.participants.get('cam')?.stream('camera');
    expect(stream?.getAudioTracks()[0]).toBe(section?.receiver.track);
    expect(status(ann, 'cam')).toBe('live/live');
  });

  test('unpublishing takes the source off the list, publishing again needs no new section', async () => {
    const ann = await join('ann');
    await publish(ann);
    await pass(100);
    await ann.unpublish('camera');
    await pass(100);
    expect(hub.of('ann', 'offer').at(-1)?.tracks).toMatchObject([{ source: 'mic' }]);
    await ann.publish('camera', track('video'));
    await pass(100);
    expect(hub.of('ann', 'offer').at(-1)?.tracks).toMatchObject([{ source: 'mic' }, { source: 'camera' }]);
    expect((connections[0] as FakeConnection).transceivers).toHaveLength(2);
    const offers = hub.of('ann', 'offer').length;
    await ann.publish('camera', track('video'));
    await pass(100);
    expect(hub.of('ann', 'offer')).toHaveLength(offers);
  });

  test('a failed connection is built again with a higher number, an interrupted one restarts', async () => {
    const ann = await join('ann');
    await publish(ann);
    await pass(100);
    const first = connections[0] as FakeConnection;
    first.become('disconnected');
    await pass(2_100);
    expect(first.restarts).toBe(1);
    expect(hub.of('ann', 'offer').at(-1)?.pc).toBe(1);
    hub.tell('ann', { t: 'media', pc: 1, state: 'failed' });
    await pass(500);
    expect(first.connectionState).toBe('closed');
    expect(hub.of('ann', 'offer').at(-1)).toMatchObject({ pc: 2, tracks: [{ source: 'mic' }, { source: 'camera' }] });
    hub.tell('ann', { t: 'media', pc: 1, state: 'closed' });
    await pass(500);
    expect(hub.of('ann', 'offer').at(-1)?.pc).toBe(2);
  });

  test('an offer that was under way when the socket was lost is made again', async () => {
    const ann = await join('ann');
    await pass(50);
    hub.refuse.set('offer', 'rate');
    await publish(ann);
    hub.cut('ann');
    hub.refuse.clear();
    await pass(500);
    expect(ann.connection).toBe('connected');
    expect(hub.of('ann', 'offer').at(-1)?.tracks).toHaveLength(2);
  });

  test('a refused description is told and built again', async () => {
    const ann = await join('ann');
    const errors = record(ann, 'error');
    hub.refuse.set('offer', 'sdp');
    await publish(ann);
    await pass(20);
    hub.refuse.clear();
    await pass(1_000);
    expect(errors.map((e) => e.code)).toContain('sdp');
    expect(hub.of('ann', 'offer').at(-1)?.pc).toBeGreaterThan(1);
  });

  test('a viewer publishes nothing, and who becomes one stops', async () => {
    const ann = await join('ann');
    await publish(ann);
    await pass(100);
    hub.tell('ann', { t: 'updated', member: member('ann', { role: 'viewer' }) });
    await pass(100);
    expect(hub.of('ann', 'offer').at(-1)?.tracks).toEqual([]);
    expect(await settledAs(ann.publish('mic', track('audio')))).toBe('not-allowed');
    expect(ann.may.has('ring')).toBe(false);
  });
});

describe('a lost socket', () => {
  test('changes nothing but the connection state; what was missed comes once, in order', async () => {
    const [ann, bob] = [await join('ann', { state: speaking }), await join('bob')];
    await publish(ann);
    await pass(300);
    const states = record(ann, 'connection');
    const chats = record(ann, 'chat');
    const tracks = bob.participants.get('ann')?.stream('camera')?.getTracks();
    hub.cut('ann');
    expect(ann.connection).toBe('reconnecting');
    const said = [bob.chat('one'), bob.chat('two')];
    await pass(3_000);
    await Promise.all(said);
    expect(states.map((s) => s.state)).toEqual(['reconnecting', 'connected']);
    expect(chats.map((c) => c.text)).toEqual(['one', 'two']);
    expect(bob.participants.get('ann')?.stream('camera')?.getTracks()).toEqual(tracks);
    expect(connections.filter((c) => c.connectionState === 'connected')).toHaveLength(2);
  });

  test('a server that was restarted: same person, the link between browsers goes on', async () => {
    const [ann, bob] = [await join('ann', { state: speaking }), await join('bob', { state: { mic: true } })];
    await publish(ann);
    await pass(300);
    const left = record(ann, 'left');
    const joined = record(ann, 'joined');
    const count = connections.length;
    hub.sessions.clear();
    for (const s of FakeSocket.all.splice(0)) s.drop();
    await pass(6_000);
    expect([ann.connection, bob.connection]).toEqual(['connected', 'connected']);
    expect(ann.me.id).toBe('ann');
    expect(ann.me.state).toMatchObject({ mic: true, camera: true });
    expect(ann.participants.get('bob')?.state.mic).toBe(true);
    expect([left, joined]).toEqual([[], []]);
    expect(connections).toHaveLength(count);
    expect(kinds(bob, 'ann')).toEqual(['audio', 'video']);
  });

  test('who does not come back after a restart has left', async () => {
    const [ann] = [await join('ann'), await join('bob')];
    await pass(200);
    const left = record(ann, 'left');
    const sockets = FakeSocket.all.splice(0);
    hub.sessions.clear();
    sockets[0]?.drop(); // bob's page died with the server
    await pass(1_000);
    expect(ann.participants.get('bob')?.connected).toBe(false);
    expect(left).toEqual([]);
    await pass(10_000);
    expect(left.map((e) => [e.participant.id, e.reason])).toEqual([['bob', 'gone']]);
  });

  test('a server that has forgotten us takes us as somebody else: everything begins anew', async () => {
    const ann = await join('ann', { state: speaking });
    await join('bob', { state: speaking });
    await publish(ann);
    await pass(300);
    const [left, count] = [record(ann, 'left'), connections.length];
    hub.sessions.delete('ann');
    hub.forget = true;
    for (const s of FakeSocket.all.splice(0, 1)) s.drop();
    await pass(3_000);
    expect(ann.me.id).toBe('ann2');
    expect(left).toEqual([]); // bob is still there, and linked anew
    expect(connections.length).toBeGreaterThan(count);
    expect(connections[0]?.connectionState).toBe('closed');
  });

  test('the first change of topology after a restart is answered, although its number was used before', async () => {
    const [ann] = [await join('ann'), await join('bob')];
    await pass(100);
    hub.topology('sfu', 2);
    await pass(300);
    const before = hub.of('ann', 'ready').filter((f) => f.epoch === 2).length;
    hub.sessions.clear();
    hub.room = {};
    for (const s of FakeSocket.all.splice(0)) s.drop();
    await pass(3_000);
    hub.topology('sfu', 2);
    await pass(1_000);
    expect(hub.of('ann', 'ready').filter((f) => f.epoch === 2)).toHaveLength(before + 1);
    expect(ann.topology).toBe('sfu');
  });

  test('a media connection to a server that was restarted is built again with a higher number', async () => {
    Object.assign(hub.room, { topology: 'sfu', forced: true });
    const ann = await join('ann', { state: speaking });
    await publish(ann);
    await pass(200);
    hub.sessions.clear();
    FakeSocket.all.at(-1)?.drop();
    await pass(2_000);
    expect(hub.of('ann', 'offer').at(-1)?.pc).toBe(2);
    expect(connections[0]?.connectionState).toBe('closed');
  });

  test('a page that was reloaded is the same person and begins its media anew', async () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (k: string) => kept.get(k) ?? null,
      setItem: (k: string, v: string) => void kept.set(k, v),
      removeItem: (k: string) => void kept.delete(k),
    };
    Object.assign(hub.room, { topology: 'sfu', forced: true });
    const ann = await join('ann', { storage });
    await publish(ann);
    await pass(100);
    const generation = hub.of('ann', 'offer').at(-1)?.pc as number;
    hub.cut('ann'); // the page is gone; what follows is another one
    const again = await join('ann', { storage });
    await publish(again);
    await pass(100);
    expect(again.me.id).toBe('ann');
    expect(hub.of('ann', 'offer').at(-1)?.pc).toBeGreaterThan(generation);
    void again.leave();
    expect(kept.size).toBe(0);
  });
});

describe('events and requests', () => {
  test('roster, room and topology', async () => {
    const ann = await join('ann');
    const [updated, rooms, topologies] = [record(ann, 'updated'), record(ann, 'room'), record(ann, 'topology')];
    await join('bob');
    hub.tell('ann', { t: 'updated', member: member('bob', { state: { ...speaking, screen: false, hand: true } }) });
    hub.tell('ann', { t: 'room', locked: true, video: ['vp8'], audio: ['opus'], publish: {} });
    expect(updated.map((p) => [p.id, p.state.hand])).toEqual([['bob', true]]);
    expect(rooms).toEqual([ann]);
    expect([ann.locked, ann.kind, ann.id, ann.forced, topologies]).toEqual([true, 'meeting', 'tea', false, []]);
  });

  test('a moderator mutes: the track is off at once', async () => {
    const ann = await join('ann', { state: speaking });
    const mic = track('audio');
    await ann.publish('mic', mic);
    const muted = record(ann, 'muted');
    hub.tell('ann', { t: 'muted', source: 'mic', by: 'bob' });
    expect(muted).toEqual([{ source: 'mic', by: 'bob' }]);
    expect(mic.enabled).toBe(false);
    expect(ann.me.state).toMatchObject({ mic: false, camera: true });
  });

  test('moderation asks the server', async () => {
    const ann = await join('ann');
    const all = Promise.all([
      ann.moderate.mute('bob', 'mic'),
      ann.moderate.remove('bob'),
      ann.moderate.lock(true),
      ann.moderate.role('bob', 'viewer'),
      ann.moderate.end(),
    ]);
    await pass(20);
    await all;
    const types = hub.requests.map((r) => r.frame.t);
    expect(types).toEqual(expect.arrayContaining(['mute', 'remove', 'lock', 'role', 'end']));
    hub.refuse.set('remove', 'not-allowed');
    const refused = settledAs(ann.moderate.remove('bob'));
    await pass(20);
    expect(await refused).toBe('not-allowed');
  });

  test('chat is remembered once, ours and theirs', async () => {
    const [ann, bob] = [await join('ann'), await join('bob')];
    const heard = record(ann, 'chat');
    const a = ann.chat('hi');
    const b = bob.chat('psst', { to: 'ann' });
    await pass(50);
    expect((await a).text).toBe('hi');
    expect((await b).to).toBe('ann');
    expect(heard.map((m) => m.text)).toEqual(['hi', 'psst']);
    expect(ann.history.map((m) => m.text)).toEqual(['hi', 'psst']);
    expect(await settledAs(ann.chat(''))).toBe('bad-message');
  });

  test('being removed is the end, told last', async () => {
    const ann = await join('ann');
    const closed = record(ann, 'closed');
    const states = record(ann, 'connection');
    hub.sessions.get('ann')?.socket?.push({ t: 'bye', code: 'removed', message: 'why' });
    hub.tell('ann', { t: 'settled', epoch: 9 });
    await pass(60_000);
    expect(closed).toEqual([{ code: 'removed', message: 'why' }]);
    expect(states.map((s) => s.state)).toEqual(['closed']);
    expect(ann.connection).toBe('closed');
  });

  test('leaving closes everything, tells it once, and nothing follows', async () => {
    const [ann, bob] = [await join('ann', { state: speaking }), await join('bob')];
    await publish(ann);
    await pass(300);
    const all: string[] = [];
    for (const k of ['connection', 'left', 'stream', 'updated', 'closed', 'error', 'quality'] as const)
      ann.on(k, () => all.push(k));
    const gone = ann.leave();
    expect(all).toEqual(['connection', 'closed']);
    const requests = hub.requests.length;
    await pass(2_000);
    await gone;
    await ann.leave();
    bob.setState({ hand: true });
    await pass(60_000);
    expect(all).toEqual(['connection', 'closed']);
    expect(
      hub.requests
        .slice(requests)
        .filter((r) => r.from === 'ann')
        .map((r) => r.frame.t),
    ).toEqual(['leave']);
    expect(await settledAs(ann.chat('x'))).toBe('left');
    expect(connections[0]?.connectionState).toBe('closed');
  });

  test('a listener that throws does not harm the others', async () => {
    const ann = await join('ann');
    const thrown: unknown[] = [];
    const hear = (e: Error) => thrown.push(e);
    process.on('uncaughtException', hear);
    ann.on('room', () => {
      throw new Error('theirs');
    });
    const rooms = record(ann, 'room');
    hub.tell('ann', { t: 'room', locked: true, video: [], audio: [], publish: {} });
    await pass(1);
    vi.useRealTimers();
    await new Promise((r) => setTimeout(r, 5));
    process.off('uncaughtException', hear);
    expect(rooms).toHaveLength(1);
    expect(thrown).toHaveLength(1);
  });
});

describe('options', () => {
  test('hide the address: relays only, also later', async () => {
    const ann = await join('ann', { relayOnly: true, state: speaking });
    await join('bob');
    await pass(100);
    expect(connections[0]?.config.iceTransportPolicy ?? connections[1]?.config.iceTransportPolicy).toBe('relay');
    const mine = connections.find((c) => c.config.iceTransportPolicy === 'relay');
    const count = connections.length;
    ann.relayOnly = false;
    await pass(200);
    expect(mine?.connectionState).toBe('closed');
    const later = connections.slice(count);
    expect(later).toHaveLength(2); // the other side followed
    expect(later.map((c) => [c.config.iceTransportPolicy, c.connectionState])).toEqual([
      ['all', 'connected'],
      ['all', 'connected'],
    ]);
  });

  test('a browser without WebRTC, and a URL that is none', async () => {
    const given = { ...rtc, WebSocket: FakeSocket as unknown as typeof WebSocket };
    expect(await settledAs(Room.join({ url: 'x', room: 'tea', name: 'A', rtc: given }))).toBe('bad-message');
    expect(await settledAs(Room.join({ url: 'http://x/', room: 'tea', name: 'A', rtc: {} }))).toBe('unsupported');
  });

  test('the URL of the socket is below the base', async () => {
    void hub.join('ann', { url: 'https://example.org/some/prefix/?x=1#y' });
    expect(FakeSocket.last.url).toBe('wss://example.org/some/prefix/ws');
    await pass(20);
  });
});
