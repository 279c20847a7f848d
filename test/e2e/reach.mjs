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
import { enter, open, ring } from './lib/steps.mjs';

const { values: options } = parseArgs({ options: { only: { type: 'string', multiple: true }, 'no-build': { type: 'boolean' } } });
const prefix = 've2e';
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

/** Bob's computer gets another address, as when it changes from one network to another. */
async function roaming(t, how) {
  const people = await stage(t, [['up', 2]]);
  await (how === 'call' ? callThem(t, people) : meet(t, people, 'sfu'));
  const inside = (...args) => run('ip', ['-n', `${prefix}2`, ...args]);
  await inside('addr', 'add', '10.99.2.3/24', 'dev', 'e0');
  await inside('addr', 'del', '10.99.2.2/24', 'dev', 'e0');
  await inside('addr', 'add', '10.99.2.3/24', 'dev', 'e0').catch(() => {}); // it may have gone with the first, as its secondary
  await inside('route', 'replace', 'default', 'via', '10.99.2.1');
  const changed = performance.now();
  await sleep(1000);
  await Promise.all(people.map((p) => p.gets({ timeout: 30_000 })));
  t.note(`media is back ${Math.round(performance.now() - changed)} ms after the change`);
  const [path] = (await people[0].sample()).paths;
  if (how === 'call') assert.match(path.to, /^10\.99\.2\.3:/);
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
  ['another network, meeting', (t) => roaming(t, 'sfu')],
);

/** Does the same in a process namespace that takes everything down with it. */
async function box() {
  if (!options['no-build']) await build();
  const args = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const child = start('unshare', args, { stdio: 'inherit', env: { ...process.env, VECHE_E2E_BOXED: '1' } });
  const status = await child.gone;
  await star('down');
  return typeof status === 'number' ? status : 1;
}

async function inside() {
  return prove([scenarios], { only: options.only });
}

process.exit(process.env.VECHE_E2E_BOXED ? await inside() : await box());
