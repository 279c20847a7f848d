import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Conference } from '../src/model/conference';
import { openSettings, type Saving, savingOf } from '../src/model/settings';
import { fakeMedia, settle } from './fake/local';
import { FakeStream, FakeTrack } from './fake/media';
import { FakeRoom, fakeMember } from './fake/room';

let room: FakeRoom;
let devices: ReturnType<typeof fakeMedia>;
let conference: Conference;
let screen: FakeStream;
let saving: Saving;

const open = async (change: { role?: string; wanted?: { mic: boolean; camera: boolean } } = {}) => {
  if (change.role) room.me = fakeMember('me', { isLocal: true, role: change.role });
  await devices.media.open(change.wanted ?? { mic: true, camera: true });
  conference = new Conference(room.real(), {
    mode: 'meeting',
    media: devices.media,
    invite: null,
    capture: async () => {
      screen = new FakeStream([new FakeTrack('video', 's'), new FakeTrack('audio', 'sa')]);
      return screen as unknown as MediaStream;
    },
    saving,
  });
  await settle();
};
const asked = (name: string) => room.asked.filter(([first]) => first === name);
const banners = () => conference.banners.value.map((one) => one.id);

beforeEach(() => {
  vi.stubGlobal('window', new EventTarget());
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  room = new FakeRoom();
  saving = savingOf(openSettings(undefined));
  devices = fakeMedia();
});

afterEach(() => {
  conference.finish('left');
  vi.unstubAllGlobals();
});

describe('what is sent', () => {
  it('is published at once, and told once', async () => {
    await open();
    expect(asked('publish').map(([, source]) => source)).toEqual(['mic', 'camera']);
    expect(asked('state')).toEqual([['state', { mic: true, camera: true, screen: false, hand: false }]]);
  });

  it('is published when a device comes later', async () => {
    await open({ wanted: { mic: true, camera: false } });
    await conference.actions.toggleCamera();
    await settle();
    expect(asked('publish').map(([, source]) => source)).toEqual(['mic', 'camera']);
    expect(conference.local.value.camera).toBe(true);
  });

  it('mutes without closing the microphone, and turns the camera really off', async () => {
    await open();
    await conference.actions.toggleMic();
    expect(devices.media.mic.value?.enabled).toBe(false);
    expect(asked('state').at(-1)?.[1]).toMatchObject({ mic: false, camera: true });
    await conference.actions.toggleCamera();
    await settle();
    expect(asked('unpublish')).toEqual([['unpublish', 'camera']]);
    expect(devices.live().map((track) => track.kind)).toEqual(['audio']);
    await conference.actions.toggleMic();
    expect(devices.media.mic.value?.enabled).toBe(true);
  });

  it('shares a screen with its sound until either side ends it', async () => {
    await open();
    await conference.actions.toggleScreen();
    expect(
      asked('publish')
        .slice(2)
        .map(([, source, id]) => [source, id]),
    ).toEqual([
      ['screen', 's'],
      ['screen-audio', 'sa'],
    ]);
    expect(conference.tiles.value.map((tile) => tile.id)).toEqual(['me/camera', 'me/screen']);
    screen.getVideoTracks()[0]?.end();
    await settle();
    expect(asked('unpublish').map(([, source]) => source)).toEqual(['screen', 'screen-audio']);
    expect(conference.local.value.screen).toBe(false);
    expect(conference.tiles.value).toHaveLength(1);
  });

  it('explains a refused device', async () => {
    devices.state.refuse = 'NotAllowedError';
    await open();
    await conference.actions.toggleCamera();
    expect(banners()).toContain('camera');
    expect(conference.local.value.cameraProblem).toMatch(/blocked/);
  });

  it('tells a failed request and goes on', async () => {
    room.refuse.set('publish', Object.assign(new Error('x'), { code: 'not-allowed' }));
    await open();
    expect(conference.banners.value[0]).toMatchObject({
      id: 'action',
      text: 'That did not work: it is not allowed here.',
    });
  });
});

describe('viewers', () => {
  it('send nothing and open nothing', async () => {
    await open({ role: 'viewer' });
    expect(asked('publish')).toEqual([]);
    expect(devices.live()).toEqual([]);
    expect(conference.allowed.value).toMatchObject({ publish: false, screen: false, moderate: false });
    expect(conference.tiles.value).toEqual([]);
  });

  it('are made of speakers by a moderator: everything stops', async () => {
    await open();
    await conference.actions.toggleScreen();
    room.me = fakeMember('me', { isLocal: true, role: 'viewer' });
    room.emit('updated', room.me);
    await settle();
    expect(devices.live()).toEqual([]);
    expect(conference.allowed.value.publish).toBe(false);
    expect(banners()).toContain('role');
  });
});

describe('members', () => {
  it('become tiles and people, whose objects stay while nothing changes', async () => {
    await open();
    room.join(fakeMember('a'));
    room.join(fakeMember('v', { role: 'viewer' }));
    expect(conference.tiles.value.map((tile) => tile.id)).toEqual(['me/camera', 'a/camera']);
    expect(conference.people.list.value.map((one) => one.id)).toEqual(['me', 'a', 'v']);
    const before = conference.tiles.value;
    room.emit('stream', {});
    expect(conference.tiles.value).toBe(before);
    expect(conference.announcement.value).toBe('V joined');
  });

  it('who share a screen get a second tile, and it is said', async () => {
    await open();
    room.join(fakeMember('a', { state: { mic: true, camera: false, screen: true, hand: true } }));
    expect(conference.tiles.value.map((tile) => [tile.id, tile.cameraOff])).toEqual([
      ['me/camera', false],
      ['a/camera', false],
      ['a/screen', false],
    ]);
    expect(conference.announcement.value).toMatch(/^A (joined|raised a hand)$/);
  });

  it('who speak are followed', async () => {
    await open();
    room.emit('speaking', { levels: new Map([['a', 0.5]]), active: 'a' });
    room.emit('speaking', { levels: new Map(), active: null });
    expect(conference.active.value).toBe('a');
    expect(conference.levels.value.size).toBe(0);
  });
});

describe('moderators', () => {
  it('mute us', async () => {
    await open();
    await conference.actions.toggleScreen();
    room.emit('muted', { source: 'mic', by: 'a' });
    room.emit('muted', { source: 'camera', by: 'a' });
    room.emit('muted', { source: 'screen', by: 'a' });
    await settle();
    expect(conference.local.value).toMatchObject({ mic: false, camera: false, screen: false });
    expect(banners()).toEqual(['muted-mic', 'muted-camera', 'muted-screen']);
    expect(devices.live().map((track) => track.kind)).toEqual(['audio']);
  });

  it('lock the room', async () => {
    await open();
    room.locked = true;
    room.emit('room', room);
    expect(conference.people.locked.value).toBe(true);
    expect(conference.banners.value.at(-1)?.text).toBe('The room is locked');
  });

  it('are told what was refused', async () => {
    await open({ role: 'moderator' });
    room.refuse.set('remove', new Error('no'));
    await conference.people.remove('a');
    expect(banners()).toContain('action');
    await conference.people.mute('a', 'mic');
    expect(asked('mute')).toEqual([['mute', 'a', 'mic']]);
  });
});

describe('the connection', () => {
  it('is missed, then gone, then back', async () => {
    vi.useFakeTimers();
    await open();
    room.connection = 'reconnecting';
    room.emit('connection', { state: 'reconnecting' });
    expect(conference.banners.value[0]).toMatchObject({ tone: 'warn', busy: true });
    vi.advanceTimersByTime(13_000);
    expect(conference.banners.value[0]).toMatchObject({ id: 'connection', tone: 'danger' });
    room.connection = 'connected';
    room.emit('connection', { state: 'connected' });
    expect(banners()).toEqual(['back']);
    vi.advanceTimersByTime(5000);
    expect(banners()).toEqual([]);
    vi.useRealTimers();
  });

  it('is tried at once when the network is back', async () => {
    await open();
    window.dispatchEvent(new Event('online'));
    expect(asked('nudge')).toHaveLength(1);
  });

  it('ends with a reason, stops everything and leaves no listener', async () => {
    await open();
    await conference.actions.toggleScreen();
    room.emit('closed', { code: 'removed', message: '' });
    expect(conference.ended.value).toBe('removed');
    expect(FakeTrack.all.filter((track) => track.readyState === 'live')).toEqual([]);
    expect(room.count()).toBe(0);
    conference.leave();
    expect(conference.ended.value).toBe('removed');
  });

  it('is left at once', async () => {
    await open();
    conference.leave();
    expect(conference.ended.value).toBe('left');
    expect(asked('leave')).toHaveLength(1);
    expect(devices.live()).toEqual([]);
  });
});

describe('what is asked for', () => {
  const wish = { member: 'a', source: 'camera', width: 100, height: 50 } as const;
  const shown = () => ((asked('show').at(-1)?.[1] ?? []) as { paused: boolean }[]).map((one) => one.paused);
  const look = (state: string) => {
    Object.assign(document, { visibilityState: state });
    document.dispatchEvent(new Event('visibilitychange'));
  };
  afterEach(() => vi.useRealTimers());

  it('has the size in pixels of the screen', async () => {
    vi.stubGlobal('devicePixelRatio', 2);
    await open();
    conference.view([wish]);
    expect(asked('show').at(-1)?.[1]).toEqual([{ ...wish, width: 200, height: 100, paused: false }]);
  });

  it('is no picture while the page is out of sight, but not for a glance', async () => {
    await open();
    vi.useFakeTimers();
    conference.view([wish]);
    look('hidden');
    vi.advanceTimersByTime(1_500);
    expect(shown()).toEqual([false]);
    vi.advanceTimersByTime(1_000);
    expect(shown()).toEqual([true]);
    look('visible');
    expect(shown()).toEqual([false]);
  });

  it('is no picture where data is saved', async () => {
    await open();
    conference.view([wish]);
    await conference.actions.toggleSaving();
    expect(shown()).toEqual([true]);
    expect(conference.saving.value).toBe(true);
    await conference.actions.toggleSaving();
    expect(shown()).toEqual([false]);
  });
});
