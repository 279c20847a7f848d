// Each codec, restricted by the room, in calls between browsers and through the server.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { join, until } from '../lib/steps.mjs';

const pairs = [
  ['opus', 'vp8'],
  ['g722', 'vp9'],
  ['pcmu', 'av1'],
  ['pcma', 'h264'],
];

async function restricted(t, mode, audio, video, browser = 'chromium') {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: `?topology=${mode}&audio=${audio}&video=${video}` });
  const b = await join(t, 'Bob', room, { browser });
  const samples = await Promise.all([a, b].map((p) => p.gets({ videos: 1, timeout: 20_000 })));
  for (const s of samples) {
    const moving = s.decoded.filter((d) => d.frames > 0).map((d) => d.codec);
    const heard = s.audio.filter((x) => x.energy > 0).map((x) => x.codec);
    assert.deepEqual([...new Set(moving)], [video]);
    assert.deepEqual([...new Set(heard)], [audio]);
  }
}

/** A watcher who cannot decode a codec is told so on the tile; where the publisher can, it takes another codec. */
async function undecodable(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu&video=h264' });
  const b = await join(t, 'Bob', room, { browser: 'firefox' });
  await a.gets({ videos: 0, audio: 1 });
  await b.reads(/This browser cannot show H\.264/);
  await t.gallery(b, 'undecodable');
}

async function moved(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu&video=h264,vp8' });
  const c = await join(t, 'Cem', room);
  await Promise.all([a.gets(), c.gets()]);
  const codec = async (p) => [...new Set((await p.sample()).decoded.filter((d) => d.frames > 0).map((d) => d.codec))];
  assert.deepEqual(await codec(c), ['h264']);
  const b = await join(t, 'Bob', room, { browser: 'firefox' });
  await Promise.all([a, b, c].map((p) => p.gets({ videos: 2, timeout: 20_000 })));
  await until('Ann is sent as VP8', async () => (await a.sample()).sent.some((s) => s.codec === 'vp8' && s.packets > 0));
}

export default group(
  'codecs',
  {},
  ...['p2p', 'sfu'].flatMap((mode) => pairs.map(([a, v]) => [`${a} and ${v}, ${mode}`, (t) => restricted(t, mode, a, v)])),
  ...[['opus', 'vp8'], ['g722', 'vp9'], ['pcma', 'av1']].map(([a, v]) => [`${a} and ${v} with Firefox, sfu`, (t) => restricted(t, 'sfu', a, v, 'firefox'), { firefox: true }]),
  ['a picture that Firefox cannot decode says so', undecodable, { firefox: true }],
  ['publishers move to a codec that all decode', moved, { firefox: true }],
);
