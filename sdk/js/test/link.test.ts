import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Link, type LinkOptions, type LinkState } from '../src/link.js';
import type { SignalData } from '../src/protocol.js';
import type { Source } from '../src/types.js';
import { pick, random } from './fake/random.js';
import { connections, FakeChannel, type FakeConnection, flowing, rtc, track } from './fake/rtc.js';

const codecs = { audio: ['opus', 'pcmu'], video: ['vp9', 'vp8'] };

class End {
  link: Link;
  sent: SignalData[] = [];
  /** Signals to the other side wait here while this is set. */
  held: SignalData[] | null = null;
  remote = new Map<Source, MediaStreamTrack>();
  states: LinkState[] = [];
  channels: RTCDataChannel[] = [];
  to: End | null = null;

  constructor(
    readonly impolite: boolean,
    more: Partial<LinkOptions> = {},
  ) {
    this.link = new Link({
      env: rtc,
      config: async () => ({ iceServers: [] }),
      send: (data) => this.post(data),
      impolite,
      codecs,
      sections: ['mic', 'camera'],
      track: (source, t) => (t ? this.remote.set(source, t) : this.remote.delete(source)),
      state: (s) => this.states.push(s),
      ...more,
    });
  }
  get pc(): FakeConnection {
    return this.link.connection as unknown as FakeConnection;
  }
  release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const d of held) this.to?.link.receive(d);
  }
  private post(data: SignalData): void {
    const copy = JSON.parse(JSON.stringify(data));
    this.sent.push(copy);
    if (this.held) this.held.push(copy);
    else this.to?.link.receive(copy);
  }
}

function pair(more: Partial<LinkOptions> = {}): [End, End] {
  const [a, b] = [new End(true, more), new End(false, more)];
  a.to = b;
  b.to = a;
  return [a, b];
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const offersOf = (e: End) => e.sent.filter((d) => d.description?.type === 'offer').length;
const mids = (e: End, source: Source) => e.link.transceiver(source)?.mid;

beforeEach(() => {
  vi.useFakeTimers();
  connections.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('negotiation', () => {
  test('the impolite side offers, both sides use the same sections', async () => {
    const [a, b] = pair();
    a.link.set('mic', track('audio'));
    b.link.set('camera', track('video'));
    a.link.start();
    b.link.start();
    await pass(50);
    expect([a.link.state, b.link.state]).toEqual(['connected', 'connected']);
    expect([offersOf(a), offersOf(b)]).toEqual([1, 0]);
    expect(a.pc.transceivers).toHaveLength(2);
    expect(b.pc.transceivers).toHaveLength(2);
    expect(mids(a, 'mic')).toBe(mids(b, 'mic'));
    expect([...b.remote.keys()]).toEqual(['mic']);
    expect([...a.remote.keys()]).toEqual(['camera']);
  });

  test("the room's codecs are preferred in its order, without the fat", async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    for (const e of [a, b]) {
      const [mic, camera] = e.pc.transceivers;
      expect(mic?.preferences).toEqual(['audio/opus', 'audio/PCMU']);
      expect(camera?.preferences).toEqual(['video/VP9', 'video/VP8', 'video/rtx']);
    }
  });

  test('switching a source on and off, or its track, needs no offer', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    const offers = offersOf(a) + offersOf(b);
    const [first, second] = [track('video'), track('video')];
    b.link.set('camera', first);
    await pass(10);
    expect([...a.remote.keys()]).toEqual(['camera']);
    b.link.set('camera', second);
    await pass(10);
    expect(b.link.transceiver('camera')?.sender.track).toBe(second);
    b.link.set('camera', null);
    await pass(10);
    expect([...a.remote.keys()]).toEqual([]);
    expect(offersOf(a) + offersOf(b)).toBe(offers);
  });

  test('a screen gets a section of its own, from either side', async () => {
    for (const sharer of [0, 1] as const) {
      const ends = pair();
      for (const e of ends) e.link.start();
      await pass(50);
      ends[sharer].link.set('screen', track('video'));
      await pass(50);
      expect([...ends[1 - sharer]!.remote.keys()]).toEqual(['screen']);
      expect(mids(ends[0], 'screen')).toBe(mids(ends[1], 'screen'));
      for (const e of ends) e.link.close();
    }
  });

  test('both open a screen at once: one section each, both arrive', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    a.held = [];
    b.held = [];
    a.link.set('screen', track('video'));
    b.link.set('screen', track('video'));
    await pass(20);
    expect([a.pc.signalingState, b.pc.signalingState]).toEqual(['have-local-offer', 'have-local-offer']);
    b.release();
    await pass(20);
    a.release();
    await pass(100);
    expect([a.pc.signalingState, b.pc.signalingState]).toEqual(['stable', 'stable']);
    expect(a.pc.transceivers).toHaveLength(3);
    expect(b.pc.transceivers).toHaveLength(3);
    expect([...a.remote.keys()]).toEqual(['screen']);
    expect([...b.remote.keys()]).toEqual(['screen']);
  });

  test('both open different things at once', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    a.held = [];
    b.held = [];
    a.link.set('screen', track('video'));
    b.link.set('screen-audio', track('audio'));
    await pass(20);
    a.release();
    b.release();
    await pass(200);
    expect([...a.remote.keys()]).toEqual(['screen-audio']);
    expect([...b.remote.keys()]).toEqual(['screen']);
  });

  test('an answer that comes twice is taken once', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    const answer = b.sent.find((d) => d.description?.type === 'answer') as SignalData;
    a.link.receive(answer);
    await pass(20);
    expect(a.pc.signalingState).toBe('stable');
    expect(a.link.state).toBe('connected');
  });

  test('a client that says nothing about its sections is understood by their order', async () => {
    const [a, b] = pair();
    a.link.set('mic', track('audio'));
    a.link.set('camera', track('video'));
    a.to = null;
    a.link.start();
    await pass(20);
    const offer = a.sent.find((d) => d.description) as SignalData;
    b.link.receive({ description: offer.description as NonNullable<SignalData['description']> });
    await pass(50);
    expect([...b.remote.keys()].sort()).toEqual(['camera', 'mic']);
  });

  test('what another client says about itself is not trusted', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    for (const meta of [
      null,
      5,
      'x',
      [],
      { sources: 7 },
      { sources: { 0: null } },
      { sources: { 0: { source: 'hand' } } },
    ]) {
      b.link.receive({ meta });
    }
    b.link.receive({ description: { type: 'offer', sdp: 'nonsense' } });
    await pass(50);
    expect(b.link.state).toBe('connected');
    a.link.set('camera', track('video'));
    await pass(50);
    expect([...b.remote.keys()]).toEqual(['camera']);
  });
});

describe('candidates', () => {
  test('that come before the description wait for it, the end of candidates too', async () => {
    const [a, b] = pair();
    a.held = [];
    a.link.start();
    b.link.start();
    await pass(20);
    const late = a.held.filter((d) => 'candidate' in d);
    const rest = a.held.filter((d) => !('candidate' in d));
    expect(late).toHaveLength(2);
    a.held = [...late, ...rest];
    a.release();
    await pass(50);
    expect(b.pc.candidates).toEqual([expect.objectContaining({ candidate: 'candidate:u1.0' }), null]);
    expect(b.link.state).toBe('connected');
  });

  test('of a generation before a restart do no harm', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    b.link.receive({ candidate: { candidate: 'candidate:old', usernameFragment: 'gone' } });
    await pass(10);
    expect(b.link.state).toBe('connected');
  });
});

describe('restarts', () => {
  test('2 s after an interruption that does not heal', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    a.pc.become('disconnected');
    await pass(1_900);
    expect(a.pc.restarts).toBe(0);
    await pass(200);
    expect(a.pc.restarts).toBe(1);
    await pass(50);
    expect(a.link.state).toBe('connected');
    expect(a.states).toEqual(['connected', 'interrupted', 'connected']);
  });

  test('not after one that heals', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    a.pc.become('disconnected');
    await pass(1_000);
    a.pc.become('connected');
    await pass(60_000);
    expect(a.pc.restarts).toBe(0);
  });

  test('at once after a failure, with fresh servers, again and again', async () => {
    let asked = 0;
    const config = async () => ({ iceServers: [{ urls: `stun:${++asked}` }] });
    const [a, b] = pair({ config });
    a.link.start();
    b.link.start();
    await pass(50);
    b.to = null;
    a.to = null;
    a.pc.become('failed');
    await pass(50);
    expect(a.pc.restarts).toBe(1);
    expect(a.pc.config.iceServers).toEqual([{ urls: `stun:${asked}` }]);
    await pass(6_100);
    expect(a.pc.restarts).toBe(2);
    expect(offersOf(a)).toBe(3); // the second one, although the first was not answered
  });

  test('after a nudge, when nothing comes although the state says connected', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    a.link.nudge();
    await pass(1_000);
    expect(a.pc.restarts).toBe(0);
    flowing.audio = flowing.video = false;
    a.link.nudge();
    await pass(1_000);
    expect(a.pc.restarts).toBe(1);
    flowing.audio = flowing.video = true;
  });

  test('from both sides at once end well', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    a.pc.become('failed');
    b.pc.become('failed');
    a.link.restart();
    b.link.restart();
    await pass(200);
    expect([a.pc.signalingState, b.pc.signalingState]).toEqual(['stable', 'stable']);
    expect([a.link.state, b.link.state]).toEqual(['connected', 'connected']);
  });
});

describe('another life of the other side', () => {
  test.each([true, false])('after a reload (impolite: %s) both build anew and connect', async (impolite) => {
    const [a, b] = pair();
    const [stays, goes] = impolite ? [b, a] : [a, b];
    stays.link.set('mic', track('audio'));
    a.link.start();
    b.link.start();
    await pass(50);
    const before = stays.pc;
    goes.link.close();
    const again = new End(impolite);
    again.to = stays;
    stays.to = again;
    again.link.set('camera', track('video'));
    again.link.start();
    await pass(100);
    expect(stays.pc).not.toBe(before);
    expect(before.connectionState).toBe('closed');
    expect([stays.link.state, again.link.state]).toEqual(['connected', 'connected']);
    expect([...again.remote.keys()]).toEqual(['mic']);
    expect([...stays.remote.keys()]).toEqual(['camera']);
  });

  test('what was for the life before is not taken', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    const pc = b.pc;
    b.link.receive({
      description: { type: 'offer', sdp: a.pc.localDescription?.sdp ?? '' },
      meta: { from: 'x', for: 'y' },
    });
    await pass(20);
    expect(b.pc).toBe(pc);
    expect(b.link.state).toBe('connected');
  });

  test('an offer that nobody has heard is said again to who tells that it is there', async () => {
    const [a, b] = pair();
    a.to = null; // into the void: the other page was reloading
    a.link.start();
    await pass(3_000);
    a.to = b;
    b.link.start();
    await pass(100);
    expect([a.link.state, b.link.state]).toEqual(['connected', 'connected']);
  });
});

describe('any history', () => {
  const sources: Source[] = ['mic', 'camera', 'screen', 'screen-audio'];
  test.each(Array.from({ length: 150 }, (_, i) => i))('ends with what each side sends (seed %i)', async (seed) => {
    const rand = random(seed);
    const ends = pair() as End[];
    const sending = [new Set<Source>(), new Set<Source>()];
    for (const e of ends) e.link.start();
    for (let i = 0; i < 25; i++) {
      const n = rand() < 0.5 ? 0 : 1;
      const [e, mine] = [ends[n]!, sending[n]!];
      const r = rand();
      if (r < 0.55) {
        const source = pick(rand, sources);
        const on = !mine.has(source) || rand() < 0.3;
        if (on) mine.add(source);
        else mine.delete(source);
        e.link.set(source, on ? track(source === 'mic' || source === 'screen-audio' ? 'audio' : 'video') : null);
      } else if (r < 0.65) e.link.restart();
      else if (r < 0.75) e.pc?.become(pick(rand, ['disconnected', 'failed']));
      else if (r < 0.85) e.held ??= [];
      else if (r < 0.95) e.release();
      else {
        e.link.close(); // its page was reloaded
        const again = new End(n === 0);
        ends[n] = again;
        again.to = ends[1 - n]!;
        ends[1 - n]!.to = again;
        mine.clear();
        again.link.start();
      }
      await pass(Math.floor(rand() * 30));
    }
    for (const e of ends) e.release();
    await pass(40_000);
    expect(ends.map((e) => [e.pc.signalingState, e.link.state])).toEqual([
      ['stable', 'connected'],
      ['stable', 'connected'],
    ]);
    ends.forEach((e, n) => {
      expect([...e.remote.keys()].sort()).toEqual([...sending[1 - n]!].sort());
      for (const source of sending[n]!) expect(mids(e, source)).toBe(mids(ends[1 - n]!, source));
    });
    for (const e of ends) e.link.close();
  });
});

describe('channels', () => {
  test('one on both sides without negotiation of its own, more on demand', async () => {
    const [a, b] = [new End(true, {}), new End(false, {})];
    const open: RTCDataChannel[] = [];
    const other: RTCDataChannel[] = [];
    const more = { channel: (c: RTCDataChannel) => open.push(c), opened: (c: RTCDataChannel) => other.push(c) };
    const [c, d] = pair({ ...more, sections: [] });
    c.link.start();
    d.link.start();
    await pass(50);
    expect(open.map((x) => x.readyState)).toEqual(['open', 'open']);
    c.link.createChannel('f:1');
    await pass(20);
    expect(other.map((x) => x.label)).toEqual(['f:1']);
    expect(other[0]).toBeInstanceOf(FakeChannel);
    a.link.close();
    b.link.close();
  });
});

describe('closing', () => {
  test('sends and tells nothing any more', async () => {
    const [a, b] = pair();
    a.link.start();
    b.link.start();
    await pass(50);
    const [sent, states, pc] = [a.sent.length, a.states.length, a.pc];
    a.link.close();
    a.link.close();
    a.link.set('camera', track('video'));
    a.link.restart();
    b.link.set('camera', track('video'));
    await pass(60_000);
    expect(pc.connectionState).toBe('closed');
    expect([a.sent.length, a.states.length]).toEqual([sent, states]);
    expect([...a.remote.keys()]).toEqual([]);
  });

  test('while it begins leaves no connection', async () => {
    const a = new End(true, { config: () => new Promise((r) => setTimeout(() => r({}), 100)) });
    a.link.start();
    a.link.close();
    await pass(1_000);
    expect(connections).toHaveLength(0);
  });
});

describe('when the path is broken', () => {
  const talking = async () => {
    const [a, b] = pair();
    a.link.set('mic', track('audio'));
    b.link.set('mic', track('audio'));
    a.link.start();
    b.link.start();
    await pass(50);
    return [a, b] as const;
  };
  const beat = (e: End, what: 'stopped' | 'lost' | 'back') => e.link.beat(e.link.connection as RTCPeerConnection, what);

  test('the impolite side restarts once, whoever finds it out', async () => {
    const [a, b] = await talking();
    for (const e of [b, a]) beat(e, 'stopped');
    for (const e of [b, a]) beat(e, 'lost');
    await pass(2_500);
    expect([a.pc.restarts, b.pc.restarts]).toEqual([1, 0]);
  });
  test('the polite side asks, and is answered', async () => {
    const [a, b] = await talking();
    beat(b, 'stopped');
    beat(b, 'lost');
    await pass(1_500);
    expect([a.pc.restarts, b.pc.restarts]).toEqual([1, 0]);
    expect(b.sent.some((d) => (d.meta as { restart?: boolean }).restart)).toBe(true);
  });
  test('a polite side that nobody answers restarts itself', async () => {
    const [a, b] = await talking();
    a.held = [];
    b.held = [];
    beat(b, 'stopped');
    beat(b, 'lost');
    await pass(6_000);
    expect(b.pc.restarts).toBe(1);
  });
  test('who sends nothing is not missed', async () => {
    const [a, b] = await talking();
    b.link.set('mic', null);
    await pass(10);
    beat(a, 'stopped');
    beat(a, 'lost');
    await pass(5_000);
    expect(a.pc.restarts).toBe(0);
  });
  test('pictures that nobody looks at are told, and told again to a new connection', async () => {
    const [a, b] = await talking();
    const holds = (e: End) => (e.sent.at(-1)?.meta as { hold?: string[] } | undefined)?.hold;
    a.link.hold(new Set(['camera']));
    await pass(10);
    expect(holds(a)).toEqual(['camera']);
    a.link.hold(new Set(['camera']));
    a.link.hold(new Set());
    await pass(10);
    expect(holds(a)).toEqual([]);
    expect(b.link.state).toBe('connected');
  });
  test('what is back asks the other side for a key frame', async () => {
    const [a] = await talking();
    beat(a, 'stopped');
    beat(a, 'back');
    await pass(10);
    expect(a.sent.at(-1)?.meta).toMatchObject({ picture: true });
  });
});
