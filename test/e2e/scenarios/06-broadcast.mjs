// One speaks, the others watch and cannot do otherwise.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { join, until, welcome } from '../lib/steps.mjs';

async function watch(t, name, room, options) {
  const p = await t.person(name, options);
  await p.goto(`${t.base}watch/${room}`);
  await p.type('Your name', name);
  await p.click('Join');
  await p.find('button', 'Leave', { timeout: 15_000 });
  return p;
}

async function broadcast(t) {
  const room = t.room('show');
  const host = await join(t, 'Hana', room, { page: 'b' });
  const viewers = [await watch(t, 'Vera', room), await watch(t, 'Viktor', room), await watch(t, 'Vito', room, { browser: 'firefox' })];
  await Promise.all(viewers.map((v) => v.gets({ videos: 1 })));
  for (const v of viewers) {
    assert.deepEqual(await v.captures(), [], `${v.name} captures nothing`);
    assert.equal((await welcome(v)).you.role, 'viewer');
    const s = await v.sample();
    assert.equal(s.sent.filter((x) => x.packets > 0).length, 0, `${v.name} sends nothing`);
    for (const name of ['Mute', 'Camera', 'Share screen']) assert.ok(!(await v.has('button', name)), `${v.name} has no ${name}`);
  }
  assert.equal((await host.sample()).videos.length, 0, 'the host sees none of them');
  await t.gallery(viewers[0], 'broadcast-viewer');
  await t.gallery(host, 'broadcast-host');
  await denied(viewers[0], (await welcome(host)).you.id);
  await host.click('Leave');
  await until('the picture is gone', async () => (await viewers[0].sample()).videos.length === 0);
}

/** No message makes a publisher of a viewer. */
async function denied(v, host) {
  const me = (await welcome(v)).you.id;
  const sdp = await v.eval(async () => {
    const pc = new RTCPeerConnection();
    pc.addTransceiver('video', { direction: 'sendonly' });
    await pc.setLocalDescription();
    const text = pc.localDescription.sdp;
    pc.close();
    return text;
  });
  const frames = [
    { t: 'offer', pc: 99, sdp, tracks: [{ mid: '0', source: 'camera' }], seats: [] },
    { t: 'signal', to: host, link: 'm:1', data: { description: { type: 'offer', sdp } } },
    { t: 'role', member: me, role: 'speaker' },
    { t: 'ring', to: host, video: true },
    { t: 'mute', member: host, source: 'mic' },
    { t: 'end' },
    { t: 'hello', v: [1], room: 'x', name: 'x', decode: { audio: [], video: [] }, encode: { audio: [], video: [] }, state: { mic: true, camera: true, screen: false, hand: false } },
  ];
  for (const [i, frame] of frames.entries()) {
    const id = 910_000 + i;
    await v.eval((f) => window.__e2e.sockets.at(-1).send(JSON.stringify(f)), { ...frame, id });
    const answer = await until(`${frame.t} is answered`, async () => (await v.frames('got')).find((f) => f.re === id));
    assert.deepEqual([answer.t, answer.code], ['error', 'not-allowed'], frame.t);
  }
}

/** A viewer raises a hand, the speaker is told, finds it on top of the list, and gives the word. */
async function hand(t) {
  const room = t.room('show');
  const host = await join(t, 'Hana', room, { page: 'b' });
  await watch(t, 'Vito', room);
  const v = await watch(t, 'Vera', room, { browser: t.browser ?? 'chromium' });
  await v.gets({ videos: 1 });
  await v.click('Raise hand');
  await host.reads(/Vera raised a hand/);
  await t.gallery(host, 'broadcast-hand');
  await host.click('People');
  const names = await until('the list is there', async () => {
    const found = await host.eval(() => [...document.querySelectorAll('.st-person-name')].map((e) => e.innerText));
    return found.length === 3 && found;
  });
  assert.match(names[1], /Vera/);
  await host.click('Actions for Vera');
  await host.click('Make a speaker');
  await v.find('button', 'Camera');
}

/** Who comes before the speaker waits, and gets the picture by itself. */
async function early(t) {
  const room = t.room('show');
  const first = await join(t, 'Hana', room, { page: 'b' });
  const v = await watch(t, 'Vera', room);
  await v.gets({ videos: 1 });
  await first.click('Leave');
  await v.reads(/The broadcast has not started yet/);
  await t.gallery(v, 'broadcast-waiting');
  const again = await join(t, 'Hana', room, { page: 'b' });
  await v.gets({ videos: 1 });
  assert.equal((await welcome(again)).you.role, 'moderator');
}

export default group('broadcast', {}, ['three viewers, who cannot speak', broadcast, { firefox: true }], ['viewers wait for the speaker', early], ['a viewer raises a hand', hand]);
