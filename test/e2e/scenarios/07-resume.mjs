// Lost sockets, reloaded pages and restarted servers.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { bothGet, join, open, say, sleep, until, welcome, welcomes } from '../lib/steps.mjs';

/** The signalling is away for 10 s: media does not notice, and what happened meanwhile is told once and in order. */
async function cut(t, mode) {
  const way = await t.cutter();
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: `?topology=${mode}` });
  const b = await join(t, 'Bob', room, { base: way.base });
  await bothGet(a, b);
  await open(a, 'Chat');
  const sdp = await b.exchanges();
  await a.startGaps();
  await b.startGaps();
  way.cut();
  await b.reads(/Reconnecting/);
  for (let i = 1; i <= 5; i++) await say(a, `message ${i}`);
  await sleep(10_000);
  way.mend();
  await welcomes(b, 2, { timeout: 20_000 });
  await b.readsNot(/Reconnecting/);
  const gaps = [await a.stopGaps(), await b.stopGaps()];
  t.note(`gaps in ms: ${gaps.map((g) => `picture ${Object.values(g.videos)}, sound ${g.audio}, page held up ${g.late}`).join('; ')}`);
  await replayed(b);
  for (const g of gaps) {
    for (const ms of Object.values(g.videos)) assert.ok(ms - g.late <= 500, `a picture stood still for ${ms} ms`);
    assert.ok(g.audio - g.late <= 500, `sound stood still for ${g.audio} ms`);
  }
  assert.equal(await b.exchanges(), sdp, 'media was not negotiated again');
  await bothGet(a, b);
}

/** What was missed came once and in order, and is on the screen. */
async function replayed(b) {
  assert.equal((await welcome(b)).resumed, 'replayed');
  await open(b, 'Chat');
  await b.reads(/message 5/);
  const numbers = (await b.frames('got')).filter((f) => f.n && f.t !== 'welcome').map((f) => f.n);
  assert.deepEqual(numbers, Array.from(numbers, (_, i) => numbers[0] + i), 'events came once and in order');
  const texts = (await b.frames('got', 'chat')).map((c) => c.chat.text);
  assert.deepEqual(texts, [1, 2, 3, 4, 5].map((i) => `message ${i}`));
}

async function reload(t, query) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  await b.click('Mute');
  await a.find('figure', 'Bob, Microphone off');
  const before = await welcome(b);
  await b.reload();
  const after = await welcomes(b, 1);
  assert.equal(after.you.id, before.you.id, 'the same id');
  assert.equal(after.you.role, before.you.role);
  await b.find('button', 'Leave');
  await a.gets({ videos: 1, audio: 0 });
  await b.gets({ videos: 1 });
  assert.equal((await a.frames('got', 'left')).length, 0, 'nobody is told that Bob left');
  await a.find('figure', 'Bob, Microphone off');
}

async function restart(t, query, kill) {
  const server = await t.serve();
  const room = t.room();
  const a = await join(t, 'Ann', room, { base: server.base, query });
  const b = await join(t, 'Bob', room, { base: server.base, browser: t.browser ?? 'chromium' });
  const people = [a, b];
  if (!query) people.push(await join(t, 'Cem', room, { base: server.base }));
  await bothGet(...people);
  await b.click('Mute');
  await a.find('figure', 'Bob, Microphone off');
  const before = await Promise.all(people.map(welcome));
  await (kill ? server.kill() : server.stop());
  await sleep(3000);
  await server.start();
  const listening = Date.now();
  await Promise.all(people.map((p) => welcomes(p, 2, { timeout: 20_000 })));
  const told = Math.max(...(await Promise.all(people.map((p) => p.eval(() => performance.timeOrigin + window.__e2e.frames('got', 'welcome').at(-1).at))))) - listening;
  await Promise.all(people.map((p) => p.gets({ videos: people.length - 1, audio: p === b ? people.length - 1 : people.length - 2 })));
  t.note(`back after ${Math.round(told)} ms, with media after ${Date.now() - listening} ms`);
  assert.ok(told <= 5000, `back after ${told} ms`);
  const after = await Promise.all(people.map(welcome));
  for (const [i, w] of after.entries()) {
    assert.deepEqual([w.you.id, w.you.role, w.resumed], [before[i].you.id, before[i].you.role, 'restored'], people[i].name);
  }
  await a.find('figure', 'Bob, Microphone off');
  assert.equal(after[1].you.state.mic, false);
  await b.click('Mute');
  await bothGet(...people);
}

async function serverGone(t) {
  const server = await t.serve();
  const a = await join(t, 'Ann', t.room(), { base: server.base });
  await server.kill();
  await a.reads(/Reconnecting/);
  await t.gallery(a, 'reconnecting');
  await until('it is said that the server is gone', async () => /does not answer/.test(await a.text()), { timeout: 20_000 });
  await t.gallery(a, 'server-gone');
}

export default group(
  'resume',
  {},
  ['10 s without signalling in P2P', (t) => cut(t, 'p2p')],
  ['10 s without signalling in SFU', (t) => cut(t, 'sfu')],
  ['a reloaded page keeps its id in P2P', (t) => reload(t, '')],
  ['a reloaded page keeps its id in SFU', (t) => reload(t, '?topology=sfu')],
  ['the server restarts under two', (t) => restart(t, '?topology=sfu', false)],
  ['the server dies under three', (t) => restart(t, '', true)],
  ['the server is gone', serverGone],
);
