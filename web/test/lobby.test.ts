import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lobby, type Outcome, outcomeOf } from '../src/model/lobby';
import { openSettings, savingOf } from '../src/model/settings';
import { fakeMedia, settle } from './fake/local';
import { FakeCall, FakeRoom, fakeMember } from './fake/room';

describe('outcomeOf', () => {
  it.each([
    [false, 'declined', false, 'call.ended.declined'],
    [true, 'declined', true, 'call.ended.declined.you'],
    [false, 'busy', false, 'call.ended.busy'],
    [true, 'busy', false, 'call.ended.busy.missed'],
    [false, 'timeout', false, 'call.ended.timeout'],
    [true, 'timeout', false, 'call.ended.timeout.missed'],
    [false, 'cancelled', false, 'call.ended.cancelled'],
    [true, 'cancelled', false, 'call.ended.cancelled.missed'],
    [true, 'hangup', false, 'call.ended.hangup'],
    [false, 'gone', false, 'call.ended.gone'],
    [false, 'unavailable', false, 'call.ended.unavailable'],
    [false, 'failed', false, 'call.ended.failed'],
    [false, undefined, false, 'call.ended.hangup'],
  ] as const)('incoming %s, %s', (incoming, reason, iDeclined, key) => {
    expect(outcomeOf({ incoming, reason, peer: { id: 'a', name: 'Ann' } }, iDeclined)).toMatchObject({
      key,
      name: 'Ann',
    });
  });
});

let room: FakeRoom;
let devices: ReturnType<typeof fakeMedia>;
let lobby: Lobby;
let outcomes: Outcome[];

beforeEach(() => {
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  room = new FakeRoom();
  room.kind = 'lobby';
  devices = fakeMedia();
  outcomes = [];
  lobby = new Lobby(
    room.real(),
    devices.media,
    undefined,
    (outcome) => outcomes.push(outcome),
    savingOf(openSettings(undefined)),
  );
});

afterEach(() => lobby.finish('left'));

const incoming = () => {
  const call = new FakeCall(true);
  room.emit('call', call);
  return call;
};

describe('Lobby', () => {
  it('shows who can be called: people, not encoders', () => {
    room.join(fakeMember('a'));
    room.join(fakeMember('w', { agent: 'whip' }));
    expect(lobby.online.value.map((one) => one.id)).toEqual(['a']);
    room.participants.delete('a');
    room.emit('left', {});
    expect(lobby.online.value).toEqual([]);
  });

  it('opens no device before Accept, and all tracks with it', async () => {
    const call = incoming();
    await settle();
    expect(lobby.incoming.value?.id).toBe(call.id);
    expect(devices.state.asked).toBe(0);
    await lobby.accept();
    expect(devices.state.asked).toBe(1);
    expect(call.asked[0]).toEqual(['accept', 2]);
    expect(lobby.incoming.value).toBeNull();
    expect(lobby.stage.value?.call.id).toBe(call.id);
    expect(devices.live()).toHaveLength(2);
  });

  it('answers without a device rather than not at all', async () => {
    devices.state.refuse = 'NotAllowedError';
    const call = incoming();
    await lobby.accept();
    expect(call.asked[0]).toEqual(['accept', 0]);
    expect(lobby.stage.value?.local.value).toMatchObject({ mic: false, camera: false });
  });

  it('declines without a device', async () => {
    incoming();
    await lobby.decline();
    expect(lobby.incoming.value).toBeNull();
    expect(outcomes.map((one) => one.key)).toEqual(['call.ended.declined.you']);
    expect(devices.state.asked).toBe(0);
  });

  it('stops what was opened when the caller gives up during the question', async () => {
    let release = () => {};
    devices.state.gate = new Promise((done) => {
      release = done;
    });
    const call = incoming();
    const accepting = lobby.accept();
    await settle();
    expect(lobby.accepting.value).toBe(true);
    call.to('ended', 'cancelled');
    release();
    await accepting;
    expect(lobby.stage.value).toBeNull();
    expect(devices.live()).toEqual([]);
    expect(outcomes.map((one) => one.key)).toEqual(['call.ended.cancelled.missed']);
  });

  it('hangs up: everything is stopped and the outcome is shown', async () => {
    const call = incoming();
    await lobby.accept();
    await lobby.stage.value?.actions.leave();
    expect(call.state).toBe('ended');
    expect(lobby.stage.value).toBeNull();
    expect(devices.live()).toEqual([]);
    expect(outcomes).toEqual([{ key: 'call.ended.hangup', name: 'A', tone: 'info' }]);
  });
});

describe('Lobby as the caller', () => {
  it('opens devices only when the other side accepts', async () => {
    room.join(fakeMember('a'));
    const call = new FakeCall(false);
    room.nextCall = call;
    await lobby.ring('a', true);
    expect(lobby.outgoing.value?.id).toBe(call.id);
    expect(devices.state.asked).toBe(0);
    call.to('connecting');
    await settle();
    expect(devices.state.asked).toBe(1);
    expect(call.asked).toContainEqual(['replace', 'audio', true]);
    expect(call.asked).toContainEqual(['replace', 'video', true]);
    expect(call.asked.at(-1)).toEqual(['state', { mic: true, camera: true, screen: false, hand: false }]);
    expect(lobby.outgoing.value).toBeNull();
    expect(lobby.stage.value?.call.id).toBe(call.id);
    expect(lobby.stage.value?.local.value).toMatchObject({ mic: true, camera: true });
  });

  it('stops devices that open after the call has ended', async () => {
    let release = () => {};
    devices.state.gate = new Promise((done) => {
      release = done;
    });
    const call = new FakeCall(false);
    room.nextCall = call;
    await lobby.ring('a', true);
    call.to('connecting');
    call.to('ended', 'hangup');
    release();
    await settle();
    expect(devices.live()).toEqual([]);
    expect(lobby.stage.value).toBeNull();
  });

  it('cancels', async () => {
    const call = new FakeCall(false);
    room.nextCall = call;
    await lobby.ring('a', true);
    await lobby.cancel();
    expect(call.reason).toBe('cancelled');
    expect(lobby.outgoing.value).toBeNull();
  });

  it('says when nobody is there', async () => {
    room.refuse.set('ring', Object.assign(new Error('x'), { code: 'no-member' }));
    await lobby.ring('ghost', true);
    expect(outcomes.map((one) => one.key)).toEqual(['call.ended.unavailable']);
  });

  it('takes a ring that came as one pressed for a yes', async () => {
    const call = incoming();
    await lobby.ring('a', true);
    expect(call.asked[0]).toEqual(['accept', 2]);
    expect(lobby.stage.value?.call.id).toBe(call.id);
  });

  it('becomes one call when both ring', async () => {
    const call = new FakeCall(false);
    call.state = 'connecting';
    room.nextCall = call;
    await lobby.ring('a', true);
    await settle();
    expect(lobby.stage.value?.call.id).toBe(call.id);
    expect(lobby.outgoing.value).toBeNull();
    expect(devices.live()).toHaveLength(2);
  });

  it('tells of a call that was missed during a call, which goes on', async () => {
    const call = incoming();
    await lobby.accept();
    const missed = new FakeCall(true, 'c');
    missed.state = 'ended';
    missed.reason = 'busy';
    room.emit('call', missed);
    expect(outcomes.map((one) => [one.key, one.name])).toEqual([['call.ended.busy.missed', 'C']]);
    expect(lobby.stage.value?.call.id).toBe(call.id);
    expect(devices.live()).toHaveLength(2);
  });

  it('does not ring during a call', async () => {
    incoming();
    await lobby.accept();
    await lobby.ring('b', true);
    expect(room.asked.filter(([name]) => name === 'ring')).toEqual([]);
  });

  it('ends with the lobby and leaves no listener', async () => {
    incoming();
    await lobby.accept();
    room.emit('closed', { code: 'replaced', message: '' });
    expect(lobby.ended.value).toBe('replaced');
    expect(devices.live()).toEqual([]);
    expect(room.count()).toBe(0);
  });
});
