import { describe, expect, test } from 'vitest';
import type { WireLayers } from '../src/protocol.js';
import { openings, type Picture, Publication, plan } from '../src/publish.js';

const camera: Picture = { source: 'camera', codec: 'vp8', layered: true, count: 3, width: 1280, height: 720 };
const short = (p: Partial<Picture>) =>
  plan({ ...camera, ...p }).map((e) =>
    e.active ? `1/${e.scaleResolutionDownBy} ${e.scalabilityMode ?? ''}`.trim() : '-',
  );
const want = (wanted: number[], more: Partial<WireLayers> = {}): WireLayers => ({ source: 'camera', wanted, ...more });

describe('what is sent of a picture', () => {
  test.each<[string, Partial<Picture>, string[]]>([
    ['three sizes', {}, ['1/4 L1T3', '1/2 L1T3', '1/1 L1T3']],
    ['also of H.264', { codec: 'h264' }, ['1/4 L1T3', '1/2 L1T3', '1/1 L1T3']],
    ['a small camera has two, its best one among them', { width: 640, height: 360 }, ['1/2 L1T3', '1/1 L1T3', '-']],
    ['a tiny one has one', { width: 320, height: 180 }, ['1/1 L1T3', '-', '-']],
    ['an upright one counts its pixels', { width: 720, height: 1280 }, ['1/4 L1T3', '1/2 L1T3', '1/1 L1T3']],
    ['unknown as yet', { width: 0, height: 0 }, ['1/4 L1T3', '1/2 L1T3', '1/1 L1T3']],
    ['Firefox, VP8', { layered: false }, ['1/4', '1/2', '1/1']],
    ['Firefox, others', { layered: false, codec: 'vp9' }, ['1/1', '-', '-']],
    ['VP9 in one stream', { codec: 'vp9' }, ['1/1 L3T3_KEY', '-', '-']],
    ['AV1 is one stream in layers', { codec: 'av1', width: 640, height: 360 }, ['1/1 L2T3_KEY', '-', '-']],
    ['a server that takes one encoding only', { count: 1 }, ['1/1 L1T3']],
    ['a screen has two sizes', { source: 'screen', count: 2, width: 1920, height: 1080 }, ['1/2 L1T3', '1/1 L1T3']],
    ['nobody watches the large one', { wanted: want([0, 1]) }, ['1/4 L1T3', '1/2 L1T3', '-']],
    ['somebody watches the large one only', { wanted: want([2]) }, ['-', '-', '1/1 L1T3']],
    ['nobody watches', { wanted: want([]) }, ['-', '-', '-']],
    ['nobody watches the layers', { codec: 'vp9', wanted: want([]) }, ['-', '-', '-']],
    [
      'the upper layers are left out, the lower keep their size',
      { codec: 'vp9', wanted: want([0], { spatial: 1 }) },
      ['1/2 L2T3_KEY', '-', '-'],
    ],
    ['the lowest layer alone', { codec: 'vp9', wanted: want([0], { spatial: 0 }) }, ['1/4 L1T3', '-', '-']],
  ])('%s', (_, picture, expected) => {
    expect(short(picture)).toEqual(expected);
  });
  test('more pixels are worth more, a screen the most', () => {
    const [l, m, h] = plan(camera).map((e) => e.maxBitrate);
    expect([l, m, h]).toEqual([180_000, 600_000, 1_700_000]);
    expect(plan({ ...camera, source: 'screen', count: 2, width: 1920, height: 1080 })[1]?.maxBitrate).toBe(2_500_000);
  });
  test('a section is opened with a name for each size that the picture has', () => {
    const of = (source: 'camera' | 'screen', width: number, height: number) =>
      openings(source, { getSettings: () => ({ width, height }) } as never).map((e) => [
        e.rid,
        e.scaleResolutionDownBy,
      ]);
    expect(of('camera', 1280, 720)).toEqual([
      ['l', 4],
      ['m', 2],
      ['h', 1],
    ]);
    expect(of('camera', 640, 360)).toEqual([
      ['l', 2],
      ['m', 1],
    ]);
    expect(of('camera', 320, 180)).toEqual([[undefined, undefined]]);
    expect(of('screen', 1920, 1080)).toEqual([
      ['l', 2],
      ['h', 1],
    ]);
  });
});

const hd = { kind: 'video', getSettings: () => ({ width: 1280, height: 720 }) };

class Sender {
  encodings = openings('camera', hd as never).map((e) => ({ ...e, active: true }) as Record<string, unknown>);
  track = hd;
  sets = 0;
  refuse = false;
  constructor(public mimeType = 'video/VP8') {}
  getParameters() {
    return { encodings: this.encodings.map((e) => ({ ...e })), codecs: [{ mimeType: this.mimeType }] };
  }
  async setParameters({ encodings }: { encodings: Record<string, unknown>[] }) {
    this.sets++;
    if (this.refuse && encodings.some((e) => e.scalabilityMode)) throw new Error('OperationError');
    this.encodings = encodings;
  }
}
const settle = () => new Promise((r) => setTimeout(r, 5));
const publication = (sender: Sender) => new Publication('camera', { sender } as never);
const active = (s: Sender) => s.encodings.map((e) => e.active);

describe('a publication', () => {
  test('sends what the server wants, as soon as it says so', async () => {
    const s = new Sender();
    const p = publication(s);
    p.apply();
    p.want(want([0]));
    await settle();
    expect(active(s)).toEqual([true, false, false]);
    p.want(want([0, 1, 2]));
    await settle();
    expect(active(s)).toEqual([true, true, true]);
  });
  test('sets nothing that is so already', async () => {
    const s = new Sender();
    const p = publication(s);
    p.apply();
    p.apply();
    await settle();
    expect(s.sets).toBe(1);
    s.encodings = s.encodings.map((e) => ({ ...e, active: false })); // somebody else
    p.apply();
    await settle();
    expect(active(s)).toEqual([true, true, true]);
  });
  test('changes with the codec that was negotiated', async () => {
    const s = new Sender();
    const p = publication(s);
    p.apply();
    await settle();
    s.mimeType = 'video/AV1';
    p.apply();
    await settle();
    expect(s.encodings[0]).toMatchObject({ active: true, scaleResolutionDownBy: 1, scalabilityMode: 'L3T3_KEY' });
    expect(active(s)).toEqual([true, false, false]);
  });
  test('goes without layers where the codec cannot have them', async () => {
    const s = new Sender('video/H264');
    s.refuse = true;
    publication(s).apply();
    await settle();
    expect(s.encodings.map((e) => e.scalabilityMode)).toEqual([undefined, undefined, undefined]);
    expect(active(s)).toEqual([true, true, true]);
  });
});
