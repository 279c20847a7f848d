// Smaller promises: devices, layouts, second tabs, roles, and the examples of the SDK.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { bothGet, join, open, until, welcome } from '../lib/steps.mjs';

/** Another camera and microphone during a meeting, without a negotiation. */
async function devices(t) {
  const host = await t.chromium({ devices: 'fps=10,device-count=3' });
  const room = t.room();
  const a = await join(t, 'Ann', room, { host, query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  const before = await a.exchanges();
  await open(a, 'Devices');
  for (const kind of ['Camera', 'Microphone']) {
    const picked = await a.eval((label) => {
      const select = [...document.querySelectorAll('select')].find((s) => [...s.labels].some((l) => l.innerText.includes(label)));
      const other = [...select.options].findLast((o) => o.value && o.value !== select.value);
      select.value = other.value;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      return other.value;
    }, kind);
    await until(`${kind} is switched`, () => a.eval((id) => window.__e2e.tracks.some(({ track }) => track.readyState === 'live' && track.getSettings().deviceId === id), picked));
  }
  assert.equal((await a.eval(() => window.__e2e.running())).length, 2, 'the old devices are free');
  await bothGet(a, b);
  assert.equal(await a.exchanges(), before);
}

/** The session of a tab goes over to another one at once. */
async function replaced(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  const { resume, you } = await welcome(b);
  const other = await t.person('Other tab');
  await other.goto(t.base);
  const again = await other.eval(
    (token, id) =>
      new Promise((resolve) => {
        const ws = new WebSocket(new URL('ws', location.href), 'veche.v1');
        const caps = { audio: ['opus'], video: ['vp8'] };
        ws.onopen = () => ws.send(JSON.stringify({ t: 'hello', v: [1], room: id, name: 'Bob', decode: caps, encode: caps, state: { mic: false, camera: false, screen: false, hand: false }, resume: { token, n: 1e9 } }));
        ws.onmessage = (m) => resolve(JSON.parse(m.data));
      }),
    resume,
    room,
  );
  assert.equal(again.you?.id, you.id);
  await b.reads(/Opened in another tab/);
  await b.silent();
}

async function layouts(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  const c = await join(t, 'Cem', room);
  await bothGet(a, b, c);
  const width = (name) => a.eval((n) => [...document.querySelectorAll('figure')].find((f) => f.ariaLabel.startsWith(n)).getBoundingClientRect().width, name);
  assert.ok(Math.abs((await width('Bob')) - (await width('Cem'))) < 2, 'the grid gives everybody the same room');
  await a.click('Pin Cem');
  await until('Cem is large', async () => (await width('Cem')) > 2 * (await width('Bob')));
  await a.gets({ videos: 2 });
  await a.click('Unpin Cem');
  await until('the grid is back', async () => Math.abs((await width('Bob')) - (await width('Cem'))) < 2);
  await c.click('Mute');
  await a.click('Mute');
  await a.click('Layout');
  await a.click('Speaker');
  await until('Bob, who speaks, is large', async () => (await width('Bob')) > 2 * (await width('Cem')));
}

/** In a broadcast the host lets a viewer speak, and takes it back. */
async function roles(t) {
  const room = t.room('show');
  const host = await join(t, 'Hana', room, { page: 'b' });
  const v = await join(t, 'Vera', room, { page: 'watch' });
  await v.gets({ videos: 1 });
  await open(host, 'People');
  await host.click('Actions for Vera');
  await host.click('Make a speaker');
  await v.click('Camera');
  await host.gets({ videos: 1, audio: 0 });
  await host.click('Make a viewer');
  await v.reads(/You are a viewer now/);
  await until('Vera is not seen any more', async () => (await host.sample()).videos.length === 0);
  assert.deepEqual(await v.eval(() => window.__e2e.running()), []);
}

async function busyCamera(t) {
  const p = await t.person('Ann');
  await p.page.evaluateOnNewDocument(() => {
    MediaDevices.prototype.getUserMedia = async () => {
      throw new DOMException('in use', 'NotReadableError');
    };
  });
  await p.goto(`${t.base}r/${t.room()}`);
  await p.reads(/Camera or microphone is in use/);
  await t.gallery(p, 'camera-busy');
}

async function exampleRoom(t) {
  const a = await t.person('Ann');
  const b = await t.person('Bob', { browser: 'firefox' });
  for (const p of [a, b]) {
    await p.goto(`${t.base}examples/room.html`);
    await p.click('Join');
  }
  await bothGet(a, b);
  await a.click('Leave');
  await a.silent();
}

async function exampleCall(t) {
  const a = await t.person('Ann');
  const b = await t.person('Bob');
  for (const p of [a, b]) {
    await p.goto(`${t.base}examples/call.html`);
    await p.reads(/You are Guest/);
  }
  const ring = await until('Bob is there', () => a.eval(() => [...document.querySelectorAll('#people button')].map((e) => e.innerText)[0]));
  await a.click(ring);
  await b.click('Accept');
  await bothGet(a, b);
  await a.eval(() => document.querySelector('#end').click());
  await Promise.all([a.silent(), b.silent()]);
}

async function exampleBroadcast(t) {
  const a = await t.person('Ann');
  const b = await t.person('Bob');
  for (const p of [a, b]) await p.goto(`${t.base}examples/broadcast.html`);
  await a.click('Speak');
  await b.click('Watch');
  await b.gets({ videos: 1 });
  assert.deepEqual(await b.captures(), []);
}

export default [
  group(
    'more',
    {},
    ['devices are switched during a meeting', devices],
    ['a session moves to another tab', replaced],
    ['grid, pin and speaker', layouts],
    ['a viewer becomes a speaker and a viewer again', roles],
    ['the camera is in use', busyCamera],
  ),
  group('examples', {}, ['room.html, with Firefox', exampleRoom, { firefox: true }], ['call.html', exampleCall], ['broadcast.html', exampleBroadcast]),
];
