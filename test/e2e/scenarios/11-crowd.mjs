// Twelve people in one room: three browsers, and bots (Pion) that publish and watch.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { binary } from '../lib/paths.mjs';
import { start, stop } from '../lib/proc.mjs';
import { join, sleep, until } from '../lib/steps.mjs';

/** Starts bots, which stay until they are stopped. */
async function bots(t, room, n) {
  const args = ['bench', 'room', t.base, room, '--bots', `${n}`, '--seats', '1', '--duration', '5m'];
  const child = start(binary, args);
  t.defer(() => stop(child, 2000));
  let said = '';
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => { said += d; });
  await until(() => `${n} bots join: ${said}`, () => said.includes(`${n} bots are in room`));
  return child;
}

async function twelve(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  await bots(t, room, 9);
  // Everybody is shown: the grid has room for eleven others.
  await Promise.all([a, b].map((p) => p.gets({ videos: 10, timeout: 40_000 })));
  await t.gallery(a, 'meeting-of-11');
  await sleep(500);
  const before = await Promise.all([a, b].map((p) => p.exchanges()));
  const c = await join(t, 'Cem', room, { browser: 'firefox' });
  await Promise.all([a, b, c].map((p) => p.gets({ videos: 11, timeout: 40_000 })));
  const after = await Promise.all([a, b].map((p) => p.exchanges()));
  t.note(`exchanges ${before.join(' ')} → ${after.join(' ')}`);
  assert.deepEqual(after, before, 'the twelfth costs nobody an SDP exchange');
  assert.equal((await a.sample()).paths.length, 1);
  await until('People: 12', async () => (await a.all('button', 'People')).length > 0);
}

/** Where somebody sits on a page: the shape of the seat and how much was heard there. */
const seatOf = (p, id) =>
  p.eval(async (member) => {
    const { seats } = window.__e2e.frames('sent', 'offer').at(-1).data;
    const now = [];
    for (const { data } of window.__e2e.frames('got', 'seats')) for (const s of data.seats) now[s.seat] = s;
    const at = now.find((s) => s?.member === member && s.audio === 'live');
    if (!at) return { all: seats.map((s) => (s.v ? 'pair' : 'sound')) };
    const all = [...(await window.__e2e.live()[0].getStats()).values()];
    const sound = all.find((r) => r.type === 'inbound-rtp' && r.mid === seats[at.seat].a);
    return { pair: seats[at.seat].v !== '', energy: sound?.totalAudioEnergy ?? 0 };
  }, id);

/** A page that shows four of many has a few seats for whoever speaks off the screen. */
async function unseen(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  await a.page.setViewport({ width: 300, height: 340 });
  await bots(t, room, 10);
  const b = await join(t, 'Bob', room);
  const voices = async () => (await a.frames('sent', 'view')).at(-1)?.seats.filter((s) => s.member === 'loud').length;
  await until('five seats for sound are asked for', async () => (await voices()) === 5, { timeout: 20_000 });
  const bob = await until('Bob has joined', async () => (await a.frames('got', 'joined')).map((f) => f.member).find((m) => m.name === 'Bob'));
  const shown = (await a.frames('sent', 'view')).at(-1).seats.map((s) => s.member);
  assert.ok(!shown.includes(bob.id), 'Bob is off the screen');
  assert.ok(shown.length < 11, `${shown.length} seats are used`);
  const heard = await until('Bob is heard on a seat for sound', async () => {
    const seat = await seatOf(a, bob.id);
    return seat.energy > 0 && seat;
  }, { timeout: 15_000 });
  assert.equal(heard.pair, false);
  t.note(`${shown.length - 5} pictures and 5 voices of 11`);
}

export default group('crowd', {},
  ['who speaks off the screen is heard', unseen, { timeout: 90_000 }],
  ['the twelfth joins and nobody negotiates', twelve, { firefox: true, timeout: 150_000 }]);
