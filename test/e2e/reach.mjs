#!/usr/bin/env node
// Hard networks: NATs and firewalls made of namespaces (test/lab/netns.sh), a Chromium in each.
//
//   node test/e2e/reach.mjs [--only TEXT]… [--no-build]
//
// The server runs in the hub of a star, as `veche demo --lan` does for phones; every client reaches it by HTTPS. Nothing leaves the star.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lab, out } from './lib/paths.mjs';
import { run, sleep, start } from './lib/proc.mjs';
import { group, prove } from './lib/runner.mjs';
import { Server, build } from './lib/server.mjs';
import { enter, open, ring, welcome } from './lib/steps.mjs';

const { values: options } = parseArgs({ options: { only: { type: 'string', multiple: true }, 'no-build': { type: 'boolean' } } });
/** Of the namespaces: several runs can be under way on one machine. The box has process ids of its own. */
const stamp = process.env.VECHE_E2E_BOXED ?? process.pid.toString(36);
const prefix = `e${stamp}x`;
const port = 8443;

const star = (...args) => run(join(lab, 'netns.sh'), args.map(String), { env: { ...process.env, NS_PREFIX: prefix } });

/** A Chromium inside client `i`. */
async function chromiumIn(t, i) {
  const wrap = join(out, `chromium-in-${i}`);
  writeFileSync(wrap, `#!/bin/sh\nexec ip netns exec ${prefix}${i} ${process.env.CHROMIUM ?? '/usr/bin/chromium'} "$@"\n`);
  chmodSync(wrap, 0o755);
  return t.chromium({ wrap, pipe: true, flags: ['--ignore-certificate-errors'] });
}

/** A star, the server in its hub and two people in its clients. `legs`: netns.sh commands. */
async function stage(t, legs, after = []) {
  await star('down');
  t.defer(() => star('down'));
  mkdirSync(out, { recursive: true });
  for (const leg of legs) await star(...leg);
  const hub = ['ip', 'netns', 'exec', `${prefix}h`];
  const server = new Server({ name: 'server-reach', prefix: hub, listen: '', host: '10.99.1.1', args: ['--lan'] });
  Object.assign(server, { port, udp: 7788, tcp: 7788 });
  await server.start();
  t.defer(() => server.stop());
  for (const command of after) await star(...command);
  const hosts = await Promise.all([chromiumIn(t, 1), chromiumIn(t, 2)]);
  t.base = `https://10.99.1.1:${port}/`;
  return [await t.person('Ann', { host: hosts[0] }), await t.person('Bob', { host: hosts[1] })];
}

/** Asserts the path of both and what the statistics say of it; returns it. */
async function shown(t, people, words) {
  const found = [];
  for (const p of people) {
    await open(p, 'Statistics');
    await p.reads(words);
    const [path] = (await p.sample()).paths;
    found.push(`${p.name} ${path.local}→${path.remote} ${path.relay ?? path.protocol}`);
  }
  t.note(found.join(', '));
  return found;
}

async function meet(t, [a, b], mode) {
  const room = t.room();
  await enter(a, `${t.base}r/${room}?topology=${mode}`, 'Join');
  await a.find('button', 'Leave');
  await enter(b, `${t.base}r/${room}`, 'Join');
  const clicked = performance.now();
  await Promise.all([a.gets({ timeout: 20_000 }), b.gets({ timeout: 20_000 })]);
  const took = Math.round(performance.now() - clicked);
  t.note(`${took} ms`);
  return took;
}

async function callThem(t, [a, b]) {
  const room = t.room('lobby');
  for (const p of [a, b]) await enter(p, `${t.base}call/${room}`, 'Enter');
  await ring(a, b);
  await b.click('Accept');
  const clicked = performance.now();
  await Promise.all([a.gets({ timeout: 20_000 }), b.gets({ timeout: 20_000 })]);
  const took = Math.round(performance.now() - clicked);
  t.note(`${took} ms`);
  return took;
}

const nat = (kind) => [['up', 0], ['natleg', 1, ...kind], ['natleg', 2, ...kind]];

async function cone(t) {
  const people = await stage(t, nat([]));
  await callThem(t, people);
  const paths = await shown(t, people, /direct over UDP/i);
  for (const p of paths) assert.match(p, /(srflx|prflx)→(srflx|prflx) udp/);
  assert.ok(paths.some((p) => /srflx/.test(p)), 'the addresses that our STUN told');
}

async function symmetric(t) {
  const people = await stage(t, nat(['random']));
  await callThem(t, people);
  const paths = await shown(t, people, /relay over UDP/i);
  for (const p of paths) assert.match(p, /relay/);
}

async function hard(t, command, how) {
  const people = await stage(t, [['up', 2]], [command]);
  const took = how === 'call' ? await callThem(t, people) : await meet(t, people, 'sfu');
  const words = { call: /relay over (TCP|TLS)/i, sfu: /(direct|relay) over (TCP|TLS)/i }[how];
  await shown(t, [people[1]], words);
  assert.ok(took <= 8000, `connected after ${took} ms`);
}

/** Chromium asks for the computer's addresses again so long after they have changed (ms): no candidate has the new one before. */
const chromiumLooks = 2000;

/** Bob's computer gets another address, as when it changes from one network to another. */
async function roaming(t, how) {
  const people = await stage(t, [['up', 2]]);
  await (how === 'call' ? callThem(t, people) : meet(t, people, how));
  const ids = (await Promise.all(people.map(welcome))).map((w) => w.you.id);
  const inside = (...args) => run('ip', ['-n', `${prefix}2`, ...args]);
  await Promise.all(people.map((p) => p.startGaps()));
  await sleep(1500); // they have talked for a while
  await inside('addr', 'add', '10.99.2.3/24', 'dev', 'e0');
  await inside('addr', 'del', '10.99.2.2/24', 'dev', 'e0');
  await inside('addr', 'add', '10.99.2.3/24', 'dev', 'e0').catch(() => {}); // it may have gone with the first, as its secondary
  await inside('route', 'replace', 'default', 'via', '10.99.2.1');
  await sleep(1000);
  await Promise.all(people.map((p) => p.gets({ timeout: 30_000 })));
  await sleep(500);
  const gaps = await Promise.all(people.map((p) => p.stopGaps()));
  for (const [i, gap] of gaps.entries()) {
    const picture = Math.max(...Object.values(gap.videos));
    t.note(`${people[i].name}: sound back after ${gap.audio} ms, picture ${picture} ms, page held up ${gap.late} ms`);
    assert.ok(gap.audio - gap.late <= chromiumLooks + 500, `${people[i].name}: sound came back after ${gap.audio} ms`);
    // The goal is 3 s. Through the server the picture towards the one who moved takes 5 to 7 s at present: the estimate of its
    // way starts over after the gap.
    assert.ok(picture - gap.late <= (how === 'sfu' ? 9000 : 3500), `${people[i].name}: the picture came back after ${picture} ms`);
  }
  const [path] = (await people[0].sample()).paths;
  if (how !== 'sfu') assert.match(path.to, /^10\.99\.2\.3:/);
  assert.deepEqual((await Promise.all(people.map(welcome))).map((w) => w.you.id), ids, 'the same ids');
  assert.equal((await people[0].frames('got', 'left')).length, 0, 'nobody is told that Bob left');
}

/** Nothing passes for a while; then everything goes on by itself, and nobody was seen to leave. */
async function hole(t, how, seconds, within) {
  const people = await stage(t, [['up', 2]]);
  await meet(t, people, how);
  await sleep(1500);
  const nft = (where, line) => run('ip', ['netns', 'exec', `${prefix}${where}`, 'nft', line]);
  const chain = 'add chain inet lab hole { type filter hook prerouting priority -310; }';
  for (const where of ['2', 'h']) await nft(where, chain);
  await nft('2', 'add rule inet lab hole iifname e0 drop');
  await nft('h', `add rule inet lab hole iifname ${prefix}l2 drop`);
  await sleep(seconds * 1000);
  await Promise.all(people.map((p) => p.startGaps()));
  for (const where of ['2', 'h']) await nft(where, 'flush chain inet lab hole');
  await Promise.all(people.map((p) => p.gets({ timeout: 40_000 })));
  const gaps = await Promise.all(people.map((p) => p.stopGaps()));
  for (const [i, gap] of gaps.entries()) {
    const picture = Math.max(...Object.values(gap.videos));
    t.note(`${people[i].name}: sound back after ${gap.audio} ms, picture ${picture} ms, page held up ${gap.late} ms`);
    assert.ok(Math.max(gap.audio, picture) - gap.late <= within, `${people[i].name}: back after ${gap.audio} and ${picture} ms`);
  }
  if (seconds < 30) assert.equal((await people[0].frames('got', 'left')).length, 0, 'nobody is told that Bob left');
}

const scenarios = group(
  'reach',
  null,
  ['cone NATs: directly, by the addresses our STUN tells', cone],
  ['symmetric NATs: by a relay', symmetric],
  ['UDP blocked, call', (t) => hard(t, ['blockudp', 2], 'call')],
  ['UDP blocked, meeting', (t) => hard(t, ['blockudp', 2], 'sfu')],
  ['only the HTTPS port, call', (t) => hard(t, ['only', 2, port], 'call')],
  ['only the HTTPS port, meeting', (t) => hard(t, ['only', 2, port], 'sfu')],
  ['another network, call', (t) => roaming(t, 'call')],
  ['another network, meeting of two', (t) => roaming(t, 'p2p')],
  ['another network, meeting through the server', (t) => roaming(t, 'sfu')],
  ['nothing passes for 3 s, P2P', (t) => hole(t, 'p2p', 3, 4000)],
  ['nothing passes for 8 s, through the server', (t) => hole(t, 'sfu', 8, 4000)],
  ['nothing passes for 20 s, P2P', (t) => hole(t, 'p2p', 20, 8000), { asked: true }],
  ['nothing passes for 60 s, through the server', (t) => hole(t, 'sfu', 60, 10_000), { asked: true, timeout: 150_000 }],
);

/** Does the same in a process namespace that takes everything down with it. */
async function box() {
  if (!options['no-build']) await build();
  const args = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const child = start('unshare', args, { stdio: 'inherit', env: { ...process.env, VECHE_E2E_BOXED: stamp } });
  const status = await child.gone;
  await star('down');
  return typeof status === 'number' ? status : 1;
}

async function inside() {
  return prove([scenarios], { only: options.only });
}

process.exit(process.env.VECHE_E2E_BOXED ? await inside() : await box());
