import { describe, expect, test } from 'vitest';
import doc from '../../../docs/protocol/veche-v1.md?raw';
import { decodes, otherClock, preferences, publishOrder, redundant, sameClock } from '../src/codecs.js';
import { errorCode, errorReasons, VecheError } from '../src/errors.js';
import { mayOf } from '../src/may.js';
import { Speakers } from '../src/monitor.js';
import type { Inspection } from '../src/path.js';
import { freshPicture, Pulse } from '../src/pulse.js';
import { assign, needs, Seating, seatsFor } from '../src/seats.js';
import { pathStats, qualityOf, type Report, trackStats } from '../src/stats.js';
import type { TrackStats } from '../src/types.js';
import { heldBy, wishesFor } from '../src/wishes.js';
import { capabilities } from './fake/rtc.js';
import { member } from './fake/server.js';

describe('seats', () => {
  test.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 4],
    [5, 9],
    [10, 16],
    [17, 25],
    [26, 36],
    [60, 49],
  ])('%i wishes open %i', (wishes, seats) => {
    expect(seatsFor(wishes, 49)).toBe(seats);
  });

  const wish = (id: string, source: 'camera' | 'screen' = 'camera') => ({ member: id, source, width: 100, height: 50 });
  test('who sits keeps the seat; the others take the free ones', () => {
    const first = assign([wish('a'), wish('b'), wish('c')], [], 4);
    expect(first.map((s) => [s.seat, s.member])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    const second = assign([wish('d'), wish('c'), wish('e')], first, 4);
    expect(second.map((s) => [s.seat, s.member])).toEqual([
      [0, 'd'],
      [1, 'e'],
      [2, 'c'],
    ]);
  });
  test('what is wished twice sits once, what does not fit has no seat, sizes go up in steps', () => {
    const got = assign([wish('a'), wish('a'), wish('a', 'screen'), wish('b')], [], 2);
    expect(got.map((s) => [s.member, s.source])).toEqual([
      ['a', 'camera'],
      ['a', 'screen'],
    ]);
    expect(got[0]).toMatchObject({ width: 112, height: 64, paused: false });
    const odd = assign([{ member: 'a', source: 'camera', width: Number.NaN, height: -5 }], [], 1);
    expect(odd[0]).toMatchObject({ width: 16384, height: 0 });
  });
  test('a member that sits twice is found where it is seen', () => {
    const seating = new Seating();
    const at = { source: 'camera', audio: 'live' } as const;
    const touched = seating.apply([
      { seat: 0, member: 'a', ...at, video: 'paused' },
      { seat: 3, member: 'a', ...at, video: 'live' },
    ]);
    expect([...touched]).toEqual(['a']);
    expect(seating.find('a', 'camera', 'video')?.seat).toBe(3);
    expect(seating.find('a', 'screen', 'video')).toBeUndefined();
    seating.apply([{ seat: 3, source: 'camera', audio: 'none', video: 'none' }]);
    expect(seating.find('a', 'camera', 'video')?.seat).toBe(0);
    seating.apply([
      { seat: 0, member: 'a', source: 'camera', audio: 'undecodable', video: 'live' },
      { seat: 7, member: 'a', source: 'camera', audio: 'live', video: 'none' },
    ]);
    expect(seating.find('a', 'camera', 'audio')?.seat).toBe(7);
    expect(seating.find('a', 'camera', 'video')?.seat).toBe(0);
  });
  const unseen = (id: string) => ({ member: id, source: 'camera' as const, width: 0, height: 0, paused: true });
  const local = () => false;
  test('few who are only heard have their own seats, many share some', () => {
    const few = [wish('a'), ...['b', 'c', 'd', 'e', 'f'].map(unseen)];
    expect(needs(few, local)).toEqual({ pair: few, other: [], loud: 0 });
    expect(needs([...few, unseen('g')], local)).toEqual({ pair: [wish('a')], other: [], loud: 5 });
    // A tile in a window that is not looked at keeps its seat, and so does a screen for its sound.
    const hidden = [...few, unseen('g')].map((w) => ({ ...w, paused: true, width: 100, height: 50 }));
    expect(needs(hidden, local).loud).toBe(0);
    const screens = few.map((w) => ({ ...w, source: 'screen' as const }));
    expect(needs([...screens, ...few], local)).toEqual({ pair: [...screens, ...few], other: [], loud: 0 });
  });
  test('a codec with another clock has a seat of its own, beside the picture or alone', () => {
    const foreign = (id: string) => id === 'a' || id === 'b';
    expect(needs([wish('a'), unseen('b'), wish('c')], foreign)).toEqual({
      pair: [wish('a'), wish('c')],
      other: [wish('a'), unseen('b')],
      loud: 0,
    });
  });
});

describe('wishes', () => {
  const others = [
    member('a', { state: { mic: true, camera: true, screen: true, hand: false } }),
    member('b'),
    member('v', { role: 'viewer' }),
  ];
  test('without a word everybody who may speak is shown, and screens', () => {
    expect(wishesFor(null, others, 9).map((w) => [w.member, w.source, w.paused])).toEqual([
      ['a', 'camera', undefined],
      ['a', 'screen', undefined],
      ['b', 'camera', undefined],
    ]);
  });
  test('whoever is left out is heard', () => {
    const shown = [{ member: 'a', source: 'screen' as const, width: 1, height: 1 }];
    expect(wishesFor(shown, others, 9).map((w) => [w.member, w.source, w.paused])).toEqual([
      ['a', 'screen', undefined],
      ['a', 'camera', true],
      ['b', 'camera', true],
    ]);
    expect(wishesFor(null, others, 2)).toHaveLength(2);
  });
  test('the first publisher is not heard twice', () => {
    const shown = [{ member: 'first', source: 'camera' as const, width: 1, height: 1 }];
    expect(wishesFor(shown, others, 9)).toEqual(shown);
  });
});

describe('speakers', () => {
  const at = (s: Speakers, now: number, levels: Record<string, number>) =>
    s.update(new Map(Object.entries(levels)), now);
  test('begin loud, go on quieter, end in silence', () => {
    const s = new Speakers();
    expect(at(s, 0, { a: 0.015 })).toBe(false);
    expect(at(s, 250, { a: 0.03 })).toBe(true);
    expect(s.state()).toEqual({ levels: new Map([['a', 0.03]]), active: 'a' });
    at(s, 500, { a: 0.01 });
    expect(s.state().levels.size).toBe(1);
    at(s, 750, { a: 0.001 });
    expect(s.state()).toEqual({ levels: new Map(), active: 'a' });
    expect(at(s, 1_000, { a: 0 })).toBe(false);
    expect(at(s, 3_600, { a: 0 })).toBe(true);
    expect(s.state().active).toBeNull();
  });
  test('another one has to be louder for a while', () => {
    const s = new Speakers();
    at(s, 0, { a: 0.1 });
    at(s, 250, { a: 0.1, b: 0.5 });
    expect(s.state().active).toBe('a');
    at(s, 500, { a: 0.5, b: 0.1 });
    at(s, 750, { a: 0.1, b: 0.5 });
    at(s, 1_000, { a: 0.1, b: 0.5 });
    expect(s.state().active).toBe('a');
    at(s, 1_500, { a: 0.1, b: 0.5 });
    expect(s.state().active).toBe('b');
  });
});

describe('what flowed and comes no more', () => {
  const reports = (bytes: number) =>
    new Map([['t', { id: 't', type: 'transport', timestamp: 0, bytesReceived: bytes }]]);
  const pc = { connectionState: 'connected' } as RTCPeerConnection;
  const at = (p: Pulse, now: number, bytes: number) =>
    p.look(new Map([[pc, reports(bytes)]]), now).map(([, beat]) => beat)[0];
  const flow = () => {
    const p = new Pulse();
    for (let i = 0; i <= 4; i++) expect(at(p, i * 250, i * 100)).toBeUndefined();
    return p;
  };
  test('is told once after 0.6 s, is taken for lost after 1.2 s, and is back with the next byte', () => {
    const p = flow();
    const told: [number, unknown][] = [];
    for (let now = 1_100; now < 9_000; now += 100) {
      const beat = at(p, now, 400);
      if (beat) told.push([now, beat]);
    }
    expect(told).toEqual([
      [1_600, 'stopped'],
      [2_200, 'lost'],
    ]);
    expect(p.worried).toBe(true);
    expect(at(p, 9_000, 401)).toBe('back');
    expect(p.worried).toBe(false);
    expect(at(p, 9_100, 402)).toBeUndefined();
  });
  test('a pause is nothing', () => {
    const p = flow();
    expect(at(p, 1_500, 400)).toBeUndefined();
    expect(at(p, 1_750, 500)).toBeUndefined();
    expect(at(p, 2_250, 500)).toBeUndefined();
    expect(at(p, 2_400, 500)).toBe('stopped');
  });
  test('reports now and then are no flow', () => {
    const p = new Pulse();
    for (let i = 0; i < 40; i++) expect(at(p, i * 1_250, Math.floor(i / 2) * 60)).toBeUndefined();
  });
  test('a connection that says so is broken, told once until it is back', () => {
    const p = new Pulse();
    const fake = { connectionState: 'disconnected' };
    const say = () => p.look(new Map([[fake as RTCPeerConnection, new Map()]]), 0).map(([, beat]) => beat);
    expect([say(), say()]).toEqual([['stopped'], []]);
    fake.connectionState = 'connected';
    expect(say()).toEqual([]);
    fake.connectionState = 'disconnected';
    expect(say()).toEqual(['stopped']);
  });
});

describe('quality', () => {
  const at = (video: 'live' | 'paused', why?: 'tile' | 'bandwidth') =>
    qualityOf([], { relay: false }, true, { audio: 'live', video, ...(why ? { why } : {}) });
  test('agrees with why a picture is small', () => {
    expect(at('live')).toBe(4);
    expect(at('live', 'tile')).toBe(4);
    expect(at('live', 'bandwidth')).toBe(2);
    expect(at('paused', 'bandwidth')).toBe(1);
    expect(qualityOf([], undefined, false, { audio: 'live', video: 'live', why: 'bandwidth' })).toBe(0);
  });
});

describe('a fresh picture', () => {
  const sender = (reads: boolean) => {
    const calls: unknown[] = [];
    return {
      calls,
      track: { kind: 'video' },
      getParameters: () => ({ encodings: [{ active: true }, { active: false }] }),
      async setParameters(p: { encodings: { active: boolean }[] }, options?: { encodingOptions?: unknown }) {
        calls.push(options && reads ? options.encodingOptions : p.encodings.map((e) => e.active));
      },
    };
  };
  const fresh = async (s: unknown) => {
    freshPicture({ getTransceivers: () => [{ sender: s }] } as never);
    await new Promise((r) => setTimeout(r, 5));
  };
  test('is a key frame of every encoding, where the browser takes the option', async () => {
    const s = sender(true);
    await fresh(s);
    expect(s.calls).toEqual([[{ keyFrame: true }, { keyFrame: true }]]);
  });
  test('else the encodings in use are switched off and on', async () => {
    const s = sender(false);
    await fresh(s);
    expect(s.calls.slice(1)).toEqual([
      [false, false],
      [true, false],
    ]);
  });
});

describe('codecs', () => {
  const env = { RTCRtpReceiver: capabilities, RTCRtpSender: capabilities } as never;
  test('have the names of the protocol', () => {
    expect(decodes(env)).toEqual({ audio: ['opus', 'g722', 'pcmu', 'pcma'], video: ['vp8', 'vp9', 'av1', 'h264'] });
    expect(decodes({}).video).toContain('h265'); // cannot tell, so it is taken to know them
    expect(decodes({ RTCRtpReceiver: { getCapabilities: () => null } } as never)).toEqual({ audio: [], video: [] });
  });
  test('are ordered by the room, without what makes descriptions fat', () => {
    const names = preferences(env, 'video', ['h264', 'vp9', 'h265']).map((c) => [c.mimeType, c.sdpFmtpLine]);
    expect(names).toEqual([
      ['video/H264', expect.stringContaining('packetization-mode=1')],
      ['video/VP9', 'profile-id=0'],
      ['video/rtx', undefined],
    ]);
    expect(preferences(env, 'audio', ['pcma', 'opus']).map((c) => c.mimeType)).toEqual(['audio/PCMA', 'audio/opus']);
    expect(preferences(env, 'video', ['h265'])).toEqual([]);
  });
  test('Opus is preferred in its redundant form, where there is one', () => {
    const order = redundant(['opus', 'pcma']);
    expect(preferences(env, 'audio', order).map((c) => c.mimeType)).toEqual(['audio/red', 'audio/opus', 'audio/PCMA']);
    expect(redundant(['g722'])).toEqual(['g722']);
    const poor = {
      getCapabilities: () => ({ headerExtensions: [], codecs: [{ mimeType: 'audio/opus', clockRate: 48000 }] }),
    };
    const plain = preferences({ RTCRtpReceiver: poor } as never, 'audio', order);
    expect(plain.map((c) => c.mimeType)).toEqual(['audio/opus']);
  });
  test('one section, one clock', () => {
    expect(sameClock(['opus', 'g722', 'pcmu'])).toEqual(['opus']);
    expect(sameClock(['pcmu', 'opus', 'pcma'])).toEqual(['pcmu', 'pcma']);
    expect(sameClock([])).toEqual([]);
    expect(otherClock(['opus', 'g722', 'pcmu'])).toEqual(['g722', 'pcmu']);
    expect(otherClock(['pcmu', 'opus', 'pcma'])).toEqual(['opus']);
  });
  test('are published as advised, if that can be', () => {
    expect(publishOrder(env, ['vp8', 'vp9'], 'vp9')).toEqual(['vp9']);
    expect(publishOrder(env, ['h265', 'vp8'], 'h265')).toEqual(['vp8']);
    expect(publishOrder(env, ['h265'], undefined)).toEqual(['h265']);
  });
});

describe('statistics', () => {
  const reports = (...list: Partial<Report>[]) =>
    new Map(list.map((r) => [r.id as string, { timestamp: 0, ...r } as Report]));
  const path = [
    { id: 't', type: 'transport', selectedCandidatePairId: 'p' },
    {
      id: 'p',
      type: 'candidate-pair',
      localCandidateId: 'l',
      remoteCandidateId: 'r',
      currentRoundTripTime: 0.0123,
      availableOutgoingBitrate: 1e6,
    },
    { id: 'l', type: 'local-candidate', candidateType: 'relay', protocol: 'udp', relayProtocol: 'tls' },
    { id: 'r', type: 'remote-candidate', candidateType: 'srflx', protocol: 'udp' },
  ];
  test('the path: candidates, protocol of the relay, round trip', () => {
    expect(pathStats(reports(...path))).toEqual({
      relay: true,
      local: 'relay',
      remote: 'srflx',
      protocol: 'tls',
      rttMs: 12,
      availableOut: 1e6,
    });
  });
  test('Firefox tells the pair in another way; without a pair there is no path', () => {
    const pair = { ...path[1], selected: true };
    expect(pathStats(reports(pair, path[2] ?? {}, path[3] ?? {}))?.local).toBe('relay');
    expect(pathStats(reports({ id: 'x', type: 'transport' }))).toBeUndefined();
  });

  const pc = {
    getTransceivers: () => [{ mid: '9', receiver: { track: { id: 'trk' } } }],
  } as unknown as RTCPeerConnection;
  const at: Inspection = {
    peer: null,
    pc,
    incoming: new Map([
      ['1', { member: 'bob', source: 'camera' }],
      ['9', { member: 'cat', source: 'mic' }],
    ]),
    outgoing: new Map([['0', 'camera']]),
  };
  test('tracks: what was between two looks', () => {
    const then = reports({
      id: 'i',
      type: 'inbound-rtp',
      mid: '1',
      timestamp: 1000,
      bytesReceived: 1000,
      packetsReceived: 10,
      packetsLost: 0,
    });
    const now = reports(
      {
        id: 'i',
        type: 'inbound-rtp',
        mid: '1',
        timestamp: 3000,
        bytesReceived: 251_000,
        packetsReceived: 190,
        packetsLost: 20,
        jitter: 0.004,
        codecId: 'c',
        framesDecoded: 60,
        frameWidth: 320,
        frameHeight: 180,
        framesPerSecond: 29.9,
        freezeCount: 1,
        retransmittedPacketsReceived: 18,
      },
      { id: 'c', type: 'codec', mimeType: 'video/VP8' },
    );
    expect(trackStats(at, now, then)).toEqual([
      {
        member: 'bob',
        stats: {
          kind: 'video',
          source: 'camera',
          direction: 'in',
          codec: 'vp8',
          bitrate: 1_000_000,
          lost: 10,
          jitterMs: 4,
          frames: 60,
          width: 320,
          height: 180,
          fps: 30,
          freezes: 1,
          resent: 18,
        },
      },
    ]);
  });
  test('a track without a mid is found by its identifier; unknown sections are left out', () => {
    const now = reports(
      { id: 'a', type: 'inbound-rtp', trackIdentifier: 'trk', audioLevel: 0.5 },
      { id: 'b', type: 'inbound-rtp', trackIdentifier: 'other' },
      { id: 'c', type: 'inbound-rtp', mid: '77' },
    );
    expect(trackStats(at, now, new Map())).toMatchObject([
      { member: 'cat', stats: { source: 'mic', level: 0.5, bitrate: 0 } },
    ]);
  });
  test('layers of what we send are added up, loss is what the other side reports', () => {
    const now = reports(
      { id: 'q', type: 'outbound-rtp', mid: '0', timestamp: 2000, bytesSent: 2000, framesEncoded: 10 },
      { id: 'f', type: 'outbound-rtp', mid: '0', timestamp: 2000, bytesSent: 4000, framesEncoded: 30 },
      { id: 'x', type: 'remote-inbound-rtp', localId: 'q', fractionLost: 0.051, roundTripTime: 0.02, jitter: 0.001 },
    );
    const then = reports(
      { id: 'q', type: 'outbound-rtp', mid: '0', timestamp: 1000, bytesSent: 0 },
      { id: 'f', type: 'outbound-rtp', mid: '0', timestamp: 1000, bytesSent: 0 },
    );
    expect(trackStats(at, now, then)).toMatchObject([
      { member: null, stats: { direction: 'out', bitrate: 48_000, frames: 30, lost: 5.1, rttMs: 20, jitterMs: 1 } },
    ]);
  });
  test.each([
    [4, {}, {}],
    [3, { lost: 3 }, {}],
    [2, { jitterMs: 130 }, {}],
    [2, {}, { rttMs: 600 }],
    [1, { lost: 20 }, {}],
    [4, { lost: 50, bitrate: 0 }, {}],
  ])('quality %i', (quality, track, on) => {
    const one = { kind: 'audio', source: 'mic', direction: 'in', bitrate: 30_000, lost: 0, ...track } as TrackStats;
    expect(qualityOf([one], { relay: false, ...on }, true)).toBe(quality);
    expect(qualityOf([one], undefined, false)).toBe(0);
  });
});

describe('rights and errors are those of the protocol', () => {
  const rows = [...doc.matchAll(/^\| `([a-z]+)` \|(.*)\| ([^|]+) \| [^|]+ \|$/gm)];
  const client = rows.filter((r) => /joined|speaker|moderator/.test(r[3] as string));
  test('the table is read', () => {
    expect(client.length).toBeGreaterThan(18);
  });
  test.each(client.map((r) => [r[1] as string, (r[3] as string).trim()]))('%s: %s', (type, who) => {
    const viewer = /joined/.test(who);
    expect(mayOf('viewer', 'meeting').has(type)).toBe(viewer);
    expect(mayOf('speaker', 'meeting').has(type)).toBe(!/^moderator/.test(who));
    expect(mayOf('moderator', 'meeting').has(type)).toBe(true);
  });
  test('a lobby has no media with the server, a broadcast no calls', () => {
    expect(['offer', 'view', 'candidate'].filter((t) => mayOf('moderator', 'lobby').has(t))).toEqual([]);
    expect(['ring', 'accept'].filter((t) => mayOf('moderator', 'broadcast').has(t))).toEqual([]);
  });
  test('every code of section 6 is documented', () => {
    const section = doc.slice(doc.indexOf('## 6. Errors'), doc.indexOf('| `bye` code'));
    const codes = [...section.matchAll(/^\| ((?:`[a-z-]+` ?)+)\|/gm)].flatMap((m) =>
      [...(m[1] as string).matchAll(/`([a-z-]+)`/g)].map((c) => c[1]),
    );
    expect(codes.length).toBeGreaterThan(14);
    expect(codes.filter((c) => !Object.hasOwn(errorReasons, c as string))).toEqual([]);
  });
  test('an unknown code is internal, a message is never empty', () => {
    expect(errorCode('toString')).toBe('internal');
    expect(new VecheError('full').message).toBe('the room is full');
    expect([new VecheError('full').retry, new VecheError('token').retry]).toEqual([true, false]);
  });
});

test('pictures whose wish is a pause are held', () => {
  const wish = (member: string, source: 'camera' | 'screen', paused: boolean) => ({
    member,
    source,
    width: 1,
    height: 1,
    paused,
  });
  const held = heldBy([wish('a', 'camera', true), wish('a', 'screen', true), wish('b', 'camera', false)]);
  expect([...held].map(([id, sources]) => [id, [...sources]])).toEqual([['a', ['camera', 'screen']]]);
  expect(heldBy(null).size).toBe(0);
});
