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

/** The seats for sound that have somebody, and how much was heard on each. */
const voices = (p) =>
  p.eval(async () => {
    const { seats } = window.__e2e.frames('sent', 'offer').at(-1).data;
    const now = [];
    for (const { data } of window.__e2e.frames('got', 'seats')) for (const s of data.seats) now[s.seat] = s;
    const all = [...(await window.__e2e.live()[0].getStats()).values()];
    const energy = (mid) => all.find((r) => r.type === 'inbound-rtp' && r.mid === mid)?.totalAudioEnergy ?? 0;
    return now.filter((s) => s?.member && seats[s.seat].v === '').map((s) => ({ member: s.member, energy: energy(seats[s.seat].a) }));
  });

/** A page that shows a few of many has five seats for the sound of the others. */
async function unseen(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  await a.page.setViewport({ width: 300, height: 340 });
  await bots(t, room, 10);
  const last = async () => (await a.frames('sent', 'view')).at(-1)?.seats ?? [];
  await until('five seats for sound are asked for', async () => (await last()).filter((s) => s.member === 'loud').length === 5, { timeout: 20_000 });
  const heard = await until('five are heard off the screen', async () => {
    const now = await voices(a);
    return now.length === 5 && now.every((v) => v.energy > 0) && now;
  }, { timeout: 15_000 });
  const shown = (await last()).map((s) => s.member);
  for (const { member } of heard) assert.ok(!shown.includes(member), 'who is heard so is off the screen');
  t.note(`${shown.length - 5} pictures and 5 voices of 10`);
}

export default group('crowd', {},
  ['five are heard off the screen', unseen, { timeout: 90_000 }],
  ['the twelfth joins and nobody negotiates', twelve, { firefox: true, timeout: 150_000 }]);
