// Pictures for the documentation, with people drawn instead of test patterns; only when asked for: --only pictures:
// Each camera needs a Chromium of its own.
import { mkdirSync } from 'node:fs';
import { join as path } from 'node:path';
import { out } from '../lib/paths.mjs';
import { phone } from '../lib/person.mjs';
import { film, names } from '../lib/portrait.mjs';
import { group } from '../lib/runner.mjs';
import { bothGet, join, open, say } from '../lib/steps.mjs';

async function meeting(t) {
  mkdirSync(path(out, 'files'), { recursive: true });
  const drawer = await t.person('Drawer');
  const people = [];
  const room = 'tuesday-tea';
  for (const name of names) {
    const file = path(out, 'files', `${name}.y4m`);
    await film(drawer.page, name, file);
    const host = await t.chromium({ devices: 'fps=10', flags: [`--use-file-for-fake-video-capture=${file}`] });
    people.push(await join(t, name, room, { host, query: '?topology=sfu', captures: { width: 640, height: 360 } }));
  }
  const [a, b, c] = people;
  await bothGet(...people);
  for (const p of people.slice(1)) await p.click('Mute');
  await t.gallery(a, 'picture-meeting');
  await open(b, 'Chat');
  await say(b, 'Good morning! The kettle is on.');
  await open(c, 'Chat');
  await say(c, 'Two minutes, I am still looking for my cup ☕');
  await open(a, 'Chat');
  await say(a, 'Take your time.');
  await a.reads(/Take your time/);
  await t.gallery(a, 'picture-meeting-chat');
  await a.page.setViewport(phone);
  await a.press('Escape');
  await a.gets({ videos: 3, audio: 0 });
  await t.gallery(a, 'picture-meeting-phone');
}

export default group('pictures', {}, ['a meeting', meeting, { asked: true, timeout: 180_000 }]);
