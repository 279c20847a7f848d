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

export default group('crowd', {}, ['the twelfth joins and nobody negotiates', twelve, { firefox: true, timeout: 150_000 }]);
