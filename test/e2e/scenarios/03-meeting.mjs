// Meetings of two to four people: by the server, directly, and from one to the other and back.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { bothGet, join, settled, sleep, topology, until, waitTopology, welcome } from '../lib/steps.mjs';

async function mixed(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room, { browser: 'firefox' });
  const c = await join(t, 'Cem', room);
  await bothGet(a, b, c);
  for (const p of [a, b, c]) {
    const s = await p.sample();
    assert.equal(s.paths.length, 1, `${p.name} has one connection, to the server`);
  }
  await t.gallery(a, 'meeting-of-3');
  await a.click('Leave');
  await a.silent();
  await bothGet(b, c);
}

/** While seats are free, a join costs the others no SDP exchange. The fourth makes everybody open four seats. */
async function seats(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  const c = await join(t, 'Cem', room);
  const d = await join(t, 'Dan', room);
  await bothGet(a, b, c, d);
  await d.click('Leave');
  await d.reads(/You have left/);
  await d.close();
  await bothGet(a, b, c);
  const before = await Promise.all([a, b, c].map((p) => p.exchanges()));
  const e = await join(t, 'Eva', room, { browser: 'firefox' });
  await bothGet(a, b, c, e);
  const after = await Promise.all([a, b, c].map((p) => p.exchanges()));
  t.note(`exchanges ${before.join(' ')} → ${after.join(' ')}`);
  assert.deepEqual(after, before, 'no SDP exchange for those who are there');
}

async function switching(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room);
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  assert.equal(await topology(a), 'p2p');
  await b.click('Mute');
  await a.find('figure', 'Bob, Microphone off');
  const marks = await Promise.all([a, b].map((p) => p.eval(() => (window.__mark = crypto.randomUUID()))));
  await b.startGaps();
  await a.startGaps();
  const c = await join(t, 'Cem', room);
  await waitTopology('sfu', [a, b]);
  await settled([a, b, c]);
  await a.gets({ videos: 2, audio: 1 });
  await b.gets({ videos: 2 });
  await c.gets({ videos: 2, audio: 1 });
  const up = await Promise.all([a, b].map((p) => p.stopGaps()));
  await until('Ann closes the old path', async () => (await a.sample()).paths.length === 1);
  await a.find('figure', 'Bob, Microphone off');
  const own = [(await welcome(a)).you.id, (await welcome(b)).you.id];
  await b.startGaps();
  await a.startGaps();
  await c.click('Leave');
  await waitTopology('p2p', [a, b]);
  await settled([a, b]);
  await b.gets({ videos: 1 });
  await a.gets({ videos: 1, audio: 0 });
  const down = await Promise.all([a, b].map((p) => p.stopGaps()));
  await b.click('Mute');
  await bothGet(a, b);
  await until('Ann closes the connection to the server', async () => (await a.sample()).paths.length === 1);
  const gaps = [
    ['Ann sees Bob, up', up[0].videos[`${own[1]}/camera`], up[0].late],
    ['Bob sees Ann, up', up[1].videos[`${own[0]}/camera`], up[1].late],
    ['Bob hears Ann, up', up[1].audio, up[1].late],
    ['Ann sees Bob, down', down[0].videos[`${own[1]}/camera`], down[0].late],
    ['Bob sees Ann, down', down[1].videos[`${own[0]}/camera`], down[1].late],
    ['Bob hears Ann, down', down[1].audio, down[1].late],
  ];
  t.note(`gaps in ms: ${gaps.map(([where, ms]) => `${where} ${ms}`).join(', ')}`);
  // What the page was held up itself, on a busy machine, is no gap of the media.
  for (const [where, ms, late] of gaps) assert.ok(ms - late <= 500, `gap: ${where} ${ms} ms (page held up for ${late} ms)`);
  assert.deepEqual(await Promise.all([a, b].map((p) => p.eval(() => window.__mark))), marks, 'no reload');
}

async function forced(t, mode) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: `?topology=${mode}` });
  const b = await join(t, 'Bob', room);
  const people = [a, b];
  if (mode === 'p2p') people.push(await join(t, 'Cem', room));
  await bothGet(...people);
  for (const p of people) {
    assert.equal(await topology(p), mode);
    assert.equal((await p.sample()).paths.length, mode === 'p2p' ? people.length - 1 : 1);
  }
}

async function muteAndCamera(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  await a.click('Mute');
  await b.find('figure', 'Ann, Microphone off');
  await b.hearsNothing();
  await a.click('Camera');
  await until('Bob sees no picture', async () => (await b.sample()).videos.length === 0);
  assert.deepEqual((await a.eval(() => window.__e2e.running())).filter((x) => x.includes('video')), []);
  await a.click('Camera');
  await a.click('Mute');
  await bothGet(a, b);
}

async function screens(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room);
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  for (const mode of ['p2p', 'sfu']) {
    if (mode === 'sfu') {
      await join(t, 'Cem', room);
      await waitTopology('sfu', [a, b]);
    }
    const others = mode === 'sfu' ? 2 : 1;
    await a.click('Share screen');
    await b.find('figure', 'Ann: screen');
    await b.gets({ videos: others + 1, audio: others + 1 }); // the tab's sound too
    await b.click('Share screen'); // several at once
    await a.find('figure', 'Bob: screen');
    await a.gets({ videos: others + 1, audio: others + 1 });
    if (mode === 'sfu') await t.gallery(t.people[2], 'screens');
    await a.click('Share screen');
    await b.click('Share screen');
    await until('the screens are gone', async () => !(await a.has('figure', 'Bob: screen')) && !(await b.has('figure', 'Ann: screen')));
    assert.deepEqual((await a.eval(() => window.__e2e.running())).filter((x) => x.includes('Display')), []);
  }
  await bothGet(...t.people);
}

/** Closing the capture by the browser's own button ends the share. */
async function screenEnds(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  await a.click('Share screen');
  await b.find('figure', 'Ann: screen');
  await a.eval(() => {
    for (const { track, from } of window.__e2e.tracks) {
      if (from !== 'getDisplayMedia') continue;
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
  });
  await until('the screen is gone', async () => !(await b.has('figure', 'Ann: screen')));
  await bothGet(a, b);
}

export default group(
  'meeting',
  {},
  ['three in two browsers through the server', mixed, { firefox: true }],
  ['a join costs the others no SDP exchange', seats, { firefox: true }],
  ['P2P, then SFU with the third, then P2P again', switching],
  ['P2P forced: three without the server', (t) => forced(t, 'p2p')],
  ['SFU forced: two through the server', (t) => forced(t, 'sfu')],
  ['mute and camera', muteAndCamera],
  ['screens with sound, several at once, P2P and SFU', screens],
  ['a screen that the browser ends', screenEnds],
);
