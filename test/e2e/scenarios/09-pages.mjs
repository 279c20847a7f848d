// Every page and state: accessible, by keyboard, narrow, in both languages; and the gallery.
import assert from 'node:assert/strict';
import { accessible, fits } from '../lib/axe.mjs';
import { binary } from '../lib/paths.mjs';
import { phone } from '../lib/person.mjs';
import { run } from '../lib/proc.mjs';
import { group } from '../lib/runner.mjs';
import { bothGet, enter, join, lobby, open, ring, say, until, welcome } from '../lib/steps.mjs';

/** Looks at a state in three sizes: faults, and pictures for the gallery. */
async function look(t, p, title) {
  await accessible(p, title);
  await t.gallery(p, title);
  await p.page.setViewport(phone);
  await accessible(p, `${title} on a phone`);
  await t.gallery(p, `${title}-phone`);
  await p.page.setViewport({ width: 320, height: 640 });
  await until('it fits', async () => (await fits(p, title), true), { timeout: 1000 });
  await p.page.setViewport({ width: 1280, height: 800 });
}

async function outside(t) {
  const p = await t.person('Ann');
  await p.goto(t.base);
  await p.find('button', 'Join');
  await look(t, p, 'start');
  await p.goto(`${t.base}r/${t.room()}`);
  await p.find('button', 'Join');
  await until('the preview runs', () => p.eval(() => [...document.querySelectorAll('video')].some((v) => v.videoWidth > 0)));
  await look(t, p, 'prejoin');
  await p.goto(`${t.base}watch/${t.room('show')}`);
  await p.find('button', 'Join');
  await look(t, p, 'prejoin-viewer');
  await p.goto(`${t.base}call/${t.room('lobby')}`);
  await p.find('button', 'Enter');
  await look(t, p, 'lobby-enter');
  await p.goto(`${t.base}r/${t.room()}?topology=sfu`);
  await p.click('Join');
  await p.click('Leave');
  await p.reads(/You have left/);
  await look(t, p, 'end-left');
}

async function meeting(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  await look(t, a, 'meeting-alone');
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  await look(t, a, 'meeting-of-2');
  await open(a, 'Chat');
  await say(a, 'Hello!');
  await a.reads(/Hello!/);
  await look(t, a, 'meeting-chat-open');
  await open(a, 'People');
  await a.find('button', 'Actions for Bob');
  await look(t, a, 'meeting-people');
  await open(a, 'Statistics');
  await a.reads(/SFU/);
  await a.reads(/opus/i);
  await look(t, a, 'meeting-statistics');
}

/** The names that people, screen readers and scripts rely on. */
async function names(t) {
  const told = async (p, ...controls) => {
    for (const name of controls) await until(`${p.name} is told of the button "${name}"`, async () => (await p.told('button', name)).length === 1);
  };
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await told(a, 'Call Bob', 'Leave');
  await ring(a, b);
  await told(b, 'Accept', 'Decline');
  await told(a, 'Cancel');
  await b.click('Accept');
  await bothGet(a, b);
  await told(a, 'Mute', 'Camera', 'Share screen', 'Chat', 'Hang up');
  await a.click('Mute');
  await told(a, 'Mute'); // the name stays, the state is told by aria-pressed
  const [mute] = await a.told('button', 'Mute');
  assert.equal(await mute.evaluate((e) => e.ariaPressed), 'true');
  const c = await t.person('Cem');
  await c.goto(t.base);
  await told(c, 'Join');
  await c.goto(`${t.base}r/${t.room()}`);
  await told(c, 'Join');
  await c.click('Join');
  await told(c, 'Mute', 'Camera', 'Share screen', 'Chat', 'Leave');
}

async function calling(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await look(t, a, 'lobby');
  await ring(a, b);
  await look(t, a, 'call-outgoing');
  await look(t, b, 'call-ringing');
  await b.click('Accept');
  await bothGet(a, b);
  await look(t, a, 'call-active');
  await a.click('Hang up');
  await b.reads(/is over/);
  await look(t, b, 'call-ended');
}

/** Tab until the focus is on what has this name. */
async function tabTo(p, name, limit = 60) {
  for (let i = 0; i < limit; i++) {
    const focused = await p.eval(() => {
      const e = document.activeElement;
      const style = e && getComputedStyle(e);
      return { name: (e?.getAttribute('aria-label') ?? e?.labels?.[0]?.innerText ?? e?.innerText ?? '').trim(), ring: style && (style.outlineStyle !== 'none' || style.boxShadow !== 'none') };
    });
    if (focused.name.startsWith(name)) {
      assert.ok(focused.ring, `the focus on "${name}" can be seen`);
      return;
    }
    await p.press('Tab');
  }
  throw new Error(`"${name}" is not reached by Tab`);
}

async function keyboard(t) {
  const room = t.room();
  const other = await join(t, 'Bob', room, { query: '?topology=sfu' });
  const p = await t.person('Ann');
  await p.goto(`${t.base}r/${room}`);
  await p.find('button', 'Join');
  await tabTo(p, 'Your name');
  await p.page.keyboard.type('Ann');
  await tabTo(p, 'Join');
  await p.press('Enter');
  await p.find('button', 'Leave');
  await bothGet(p, other);
  await tabTo(p, 'Mute');
  await p.press('Space');
  await other.find('figure', 'Ann, Microphone off');
  await tabTo(p, 'Chat');
  await p.press('Enter');
  await tabTo(p, 'Message');
  await p.page.keyboard.type('typed');
  await p.press('Enter');
  await open(other, 'Chat');
  await other.reads(/typed/);
  await p.press('Escape');
  await tabTo(p, 'Leave');
  await p.press('Enter');
  await p.reads(/You have left/);
  await p.silent();
}

async function russian(t) {
  const p = await t.person('Аня', { language: 'ru' });
  await p.goto(t.base);
  await p.reads(/Код или ссылка|Новая встреча/);
  assert.equal(await p.eval(() => document.documentElement.lang), 'ru');
  await look(t, p, 'start-ru');
}

async function denied(t) {
  const host = await t.chromium({ deny: true });
  const p = await t.person('Ann', { host });
  const room = t.room();
  await p.goto(`${t.base}r/${room}`);
  await p.reads(/Camera and microphone are blocked/);
  await look(t, p, 'denied');
  await p.type('Your name', 'Ann');
  await p.click('Join'); // receiving works without
  await p.find('button', 'Leave');
  const b = await join(t, 'Bob', room);
  await p.gets({ videos: 1 });
  await b.find('figure', 'Ann, Microphone off, Camera off');
}

async function noDevice(t) {
  const host = await t.chromium({ devices: 'device-count=0' });
  const p = await t.person('Ann', { host });
  await p.goto(`${t.base}r/${t.room()}`);
  await p.reads(/No camera/);
  await look(t, p, 'no-device');
}

async function insecure(t) {
  const server = await t.serve({ host: '10.98.0.1' });
  const p = await t.person('Ann');
  await p.goto(`${server.base}r/${t.room()}`);
  await p.reads(/This page is not secure/);
  await look(t, p, 'insecure');
}

async function noWebRTC(t) {
  const p = await t.person('Ann');
  await p.page.evaluateOnNewDocument(() => {
    delete window.RTCPeerConnection;
  });
  await p.goto(`${t.base}r/${t.room()}`);
  await p.reads(/This browser cannot take part/);
  await look(t, p, 'unsupported');
}

async function wrongLink(t) {
  const p = await t.person('Ann');
  await p.goto(t.base);
  await p.type('Code or link', 'https://elsewhere.example/r/x');
  await p.press('Enter');
  await p.reads(/another server/);
  await look(t, p, 'start-wrong-link');
}

async function full(t) {
  const room = t.room();
  await join(t, 'Ann', room);
  await join(t, 'Bob', room);
  const c = await t.person('Cem');
  await enter(c, `${t.base}r/${room}`, 'Join');
  await c.reads(/The room is full/);
  await look(t, c, 'end-full');
  await c.silent();
}

const secret = 'only-for-the-end-to-end-tests-0123456789abcdef';

/** Prints a link to join, as an operator does. */
async function link(t, ...args) {
  const env = { ...process.env, VECHE_AUTH_SECRET: secret };
  const printed = await run(binary, ['token', '--url', t.base, ...args], { env });
  return printed.split(/\s+/).find((word) => word.startsWith(t.base));
}

async function needsToken(t) {
  const p = await t.person('Ann');
  await enter(p, `${t.base}r/${t.room()}`, 'Join');
  await p.reads(/You need an invitation/);
  await look(t, p, 'end-token');
}

/** Grants decide: a viewer's token is a viewer's also on the page of speakers. */
async function invited(t) {
  const room = t.room('show');
  const host = await t.person('Hana');
  await enter(host, await link(t, '--room', room, '--kind', 'broadcast', '--role', 'moderator'), 'Join');
  await host.find('button', 'Leave');
  const v = await t.person('Vera');
  const viewer = new URL(await link(t, '--room', room, '--kind', 'broadcast', '--role', 'viewer'));
  viewer.pathname = `/b/${room}`;
  await enter(v, viewer.href, 'Join');
  await v.find('button', 'Leave');
  assert.equal((await welcome(v)).you.role, 'viewer');
  await v.gets({ videos: 1 });
  assert.deepEqual((await v.sample()).sent.filter((s) => s.packets > 0), []);
  assert.deepEqual(await v.eval(() => window.__e2e.running()), [], 'who may not speak captures nothing');
  assert.ok(!(await v.eval(() => location.href)).includes('token'), 'the token is not left in the address');
}

async function prefixed(t) {
  const base = `${t.base}veche/`;
  const a = await t.person('Ann');
  await a.goto(base);
  await a.click('Join');
  const b = await join(t, 'Bob', 'demo', { base });
  await bothGet(a, b);
}

export default [
  group(
    'pages',
    {},
    ['outside of a conversation', outside],
    ['meeting', meeting],
    ['call', calling],
    ['stable names', names],
    ['join, speak, write and leave by keyboard', keyboard],
    ['Russian', russian],
    ['a link of another server', wrongLink],
    ['camera and microphone are denied', denied],
    ['no device', noDevice],
    ['an insecure address', insecure],
    ['a browser without WebRTC', noWebRTC],
  ),
  group('pages of a small server', { set: { 'rooms.maxMembers': '2' } }, ['the room is full', full]),
  group('pages of a closed server', { set: { 'auth.openRooms': 'false', 'auth.secret': secret } }, ['an invitation is needed', needsToken], ['invitations say what one may', invited]),
  group('pages under a prefix', { set: { 'http.prefix': '/veche' } }, ['everything works', prefixed]),
];
