import { beforeEach, describe, expect, it } from 'vitest';
import { LocalMedia, type MediaAccess } from '../src/devices/media';
import { loudness } from '../src/devices/meter';
import { mediaProblem } from '../src/devices/problem';
import { settle } from './fake/local';
import { FakeStream, FakeTrack } from './fake/media';

describe('mediaProblem', () => {
  it.each([
    ['NotAllowedError', 'denied'],
    ['SecurityError', 'denied'],
    ['NotFoundError', 'none'],
    ['OverconstrainedError', 'none'],
    ['NotReadableError', 'busy'],
    ['AbortError', 'busy'],
    ['TypeError', 'failed'],
  ])('%s', (name, problem) => {
    expect(mediaProblem(new DOMException('', name), true)).toBe(problem);
    expect(mediaProblem(new DOMException('', name), false)).toBe('insecure');
  });
  it('takes anything', () => {
    expect([undefined, null, 'x', {}].map((error) => mediaProblem(error, true))).toEqual(Array(4).fill('failed'));
  });
});

type Constraints = { audio: unknown; video: unknown };

class FakeDevices {
  asked: Constraints[] = [];
  refuse: { audio?: string; video?: string } = {};
  gate: Promise<void> | undefined;
  list: { kind: string; deviceId: string; label: string }[] = [
    { kind: 'audioinput', deviceId: 'm1', label: 'Headset' },
    { kind: 'videoinput', deviceId: 'c1', label: '' },
    { kind: 'audiooutput', deviceId: 's1', label: 'Loud' },
    { kind: 'audioinput', deviceId: '', label: '' },
  ];
  changed = () => {};
  async getUserMedia(constraints: Constraints) {
    this.asked.push(constraints);
    await this.gate;
    for (const kind of ['audio', 'video'] as const) {
      const refusal = this.refuse[kind];
      if (constraints[kind] && refusal) throw new DOMException('', refusal);
    }
    const made: FakeTrack[] = [];
    if (constraints.audio) made.push(new FakeTrack('audio'));
    if (constraints.video) made.push(new FakeTrack('video'));
    return new FakeStream(made);
  }
  enumerateDevices = async () => this.list;
  addEventListener(_type: string, listener: () => void) {
    this.changed = listener;
  }
}

describe('LocalMedia', () => {
  let devices: FakeDevices;
  let media: LocalMedia;
  const make = (access: Partial<MediaAccess> = {}) =>
    new LocalMedia({
      secure: true,
      devices: devices as unknown as MediaDevices,
      stream: () => new FakeStream() as unknown as MediaStream,
      speakers: true,
      ...access,
    });
  const live = () => FakeTrack.all.filter((track) => track.readyState === 'live');

  beforeEach(() => {
    FakeTrack.all = [];
    devices = new FakeDevices();
    media = make();
  });

  it('asks once for both, and for nothing before', async () => {
    expect(devices.asked).toEqual([]);
    await media.open({ mic: true, camera: true });
    expect(devices.asked).toHaveLength(1);
    expect(media.stream.getTracks()).toHaveLength(2);
    await media.open({ mic: true, camera: true });
    expect(devices.asked).toHaveLength(1);
  });

  it('does not open twice what is being opened', async () => {
    await Promise.all([media.open({ mic: true, camera: true }), media.open({ mic: true, camera: false })]);
    expect(devices.asked).toHaveLength(1);
  });

  it('takes the microphone when the camera is in use', async () => {
    devices.refuse = { video: 'NotReadableError' };
    await media.open({ mic: true, camera: true });
    expect(media.mic.value).not.toBeNull();
    expect(media.camera.value).toBeNull();
    expect(media.problems.value).toEqual({ camera: 'busy' });
    devices.refuse = {};
    await media.open({ mic: true, camera: true });
    expect(media.problems.value).toEqual({});
    expect(media.camera.value).not.toBeNull();
  });

  it('tells both problems', async () => {
    devices.refuse = { audio: 'NotFoundError', video: 'NotAllowedError' };
    await media.open({ mic: true, camera: true });
    expect(media.problems.value).toEqual({ mic: 'none', camera: 'denied' });
    expect(live()).toEqual([]);
  });

  it('knows an insecure page', async () => {
    media = make({ secure: false, devices: undefined });
    await media.open({ mic: true, camera: true });
    expect(media.problems.value).toEqual({ mic: 'insecure', camera: 'insecure' });
  });

  it('stops everything, also what comes later', async () => {
    let release = () => {};
    devices.gate = new Promise((done) => {
      release = done;
    });
    const opening = media.open({ mic: true, camera: true });
    media.closeAll();
    release();
    await opening;
    expect(live()).toEqual([]);
    expect(media.stream.getTracks()).toEqual([]);
    expect(media.opening.value).toBe(false);
  });

  it('switches the camera and keeps the old one if the new one fails', async () => {
    await media.open({ mic: true, camera: true });
    const first = media.camera.value;
    devices.refuse = { video: 'NotReadableError' };
    await media.choose('camera', 'c2');
    expect(media.camera.value).toBe(first);
    expect(media.problems.value).toEqual({ camera: 'busy' });
    devices.refuse = {};
    await media.choose('camera', 'c2');
    expect(media.camera.value).not.toBe(first);
    expect((first as unknown as FakeTrack).readyState).toBe('ended');
    expect(devices.asked.at(-1)?.video).toMatchObject({ deviceId: { exact: 'c2' } });
    expect(live()).toHaveLength(2);
  });

  it('stays muted when the microphone is switched', async () => {
    await media.open({ mic: true, camera: false });
    if (media.mic.value) media.mic.value.enabled = false;
    await media.choose('microphone', 'm2');
    expect(media.mic.value?.enabled).toBe(false);
  });

  it('opens nothing by a choice while it is off', async () => {
    await media.choose('camera', 'c2');
    expect(devices.asked).toEqual([]);
  });

  it('notices an unplugged device', async () => {
    const told: unknown[] = [];
    media.onTrack((kind, track) => told.push([kind, track !== null]));
    await media.open({ mic: true, camera: false });
    (media.mic.value as unknown as FakeTrack).end();
    expect(media.mic.value).toBeNull();
    expect(media.problems.value).toEqual({ mic: 'lost' });
    expect(told).toEqual([
      ['mic', true],
      ['mic', false],
    ]);
  });

  it('takes up the next microphone, muted if the lost one was, and nothing that is not missed', async () => {
    await media.open({ mic: true, camera: false });
    if (media.mic.value) media.mic.value.enabled = false;
    (media.mic.value as unknown as FakeTrack).end();
    devices.list = [];
    devices.changed();
    await settle();
    expect(devices.asked).toHaveLength(1);
    devices.list = [
      { kind: 'audioinput', deviceId: 'm2', label: 'Other' },
      { kind: 'videoinput', deviceId: 'c1', label: '' },
    ];
    devices.changed();
    await settle();
    expect(devices.asked.at(-1)).toMatchObject({ video: false });
    expect(media.mic.value?.enabled).toBe(false);
    expect(media.problems.value).toEqual({});
    expect(media.camera.value).toBeNull();
  });

  it('lists devices with names, and follows changes', async () => {
    await media.refresh();
    expect(media.lists.value).toEqual({
      microphone: [{ id: 'm1', label: 'Headset' }],
      camera: [{ id: 'c1', label: 'camera 1' }],
      speaker: [{ id: 's1', label: 'Loud' }],
    });
    devices.list = [];
    devices.changed();
    await Promise.resolve();
    await Promise.resolve();
    expect(media.lists.value.microphone).toEqual([]);
  });

  it('offers no speakers where they cannot be chosen', async () => {
    media = make({ speakers: false });
    await media.refresh();
    expect(media.lists.value.speaker).toEqual([]);
  });
});

describe('loudness', () => {
  it('is 0 for silence, 1 for full scale, half at −30 dB', () => {
    expect(loudness(new Float32Array(64))).toBe(0);
    expect(loudness(new Float32Array(64).fill(1))).toBe(1);
    expect(loudness(new Float32Array(64).fill(10 ** (-30 / 20)))).toBeCloseTo(0.5);
    expect(loudness([])).toBe(0);
  });
});
