#!/usr/bin/env node
// Calls over bad networks: what a Chromium and a client of Pion get of three publishers when their links lose, delay and limit.
//
//   node test/e2e/badnet.mjs [--only TEXT]… [--short] [--markdown FILE] [--seconds N] [--no-build]
//
// A star of namespaces (test/lab/netns.sh): server and publishers in the hub, a viewer in each of two clients whose links tunem emulates,
// a publisher in a third. Without --short all profiles, which takes 8 minutes; each is measured for 15 s after 6 s of getting used to it.
// Exits with 1 if a goal is missed.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { launchChromium } from './lib/browsers.mjs';
import { lab, out, root } from './lib/paths.mjs';
import { Person } from './lib/person.mjs';
import { run, sleep, start, stop, until } from './lib/proc.mjs';
import { enter } from './lib/steps.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true }, short: { type: 'boolean' }, markdown: { type: 'string' },
    seconds: { type: 'string', default: '15' }, 'no-build': { type: 'boolean' },
  },
});
const stamp = process.env.VECHE_E2E_BOXED ?? process.pid.toString(36);
const prefix = `b${stamp}x`;
const base = 'http://10.99.1.1:8080/';
const binary = join(out, 'lab.test');
const publishers = 3;
/** On two cores that others use as well a browser stands still by itself at times: the short run measures again then. */
const again = options.short ? 2 : 0;

// `goal`: what has to be reached, of the figures that measure() gives; `loss`, `latency`, `rate`: what the table says, the latency is the
// round trip. The rates and losses of the named networks are those of testRTC's list of profiles.
const moves = (m) => m.video.live === publishers && m.video.fps >= 5;
const seen = (m) => moves(m) && m.audio.concealed < 4 && m.video.longest <= 500;
const profiles = [
  { name: 'no loss', latency: 40, goal: (m) => seen(m) && m.video.frozen === 0 },
  { name: '1 % loss', loss: 1, latency: 40, goal: (m) => seen(m) && m.repaired >= 95 },
  { name: '3 % loss', loss: 3, latency: 40, goal: (m) => seen(m) && m.repaired >= 95 },
  { name: '5 % loss', loss: 5, latency: 40, goal: (m) => seen(m) && m.repaired >= 95, short: true },
  { name: '10 % loss', loss: 10, latency: 40, goal: (m) => m.audio.concealed < 4 },
  { name: '20 % loss', loss: 20, latency: 40, goal: (m) => m.audio.concealed < 4 && moves(m) && m.video.height <= 90 && m.layer === 0 },
  { name: 'jitter 50 ms, 5 % out of order', latency: 40, link: 'jitter=50ms late=5', goal: (m) => seen(m) && m.needless <= 1 },
  { name: 'DSL', rate: 8, latency: 40, loss: 0.5, goal: seen },
  { name: 'Wi-Fi', rate: 30, latency: 40, loss: 0.2, goal: seen },
  { name: 'lossy Wi-Fi', rate: 30, latency: 40, loss: 5, goal: seen },
  { name: '3G', rate: 0.75, latency: 250, loss: 1.5, goal: (m) => m.audio.concealed < 4 },
  { name: 'poor 3G', rate: 0.4, latency: 350, loss: 5, goal: (m) => m.audio.concealed < 4 },
  { name: '4G', rate: 4, latency: 40, loss: 2, goal: seen },
  { name: 'poor 4G', rate: 4, latency: 350, loss: 5, goal: (m) => m.audio.concealed < 4 },
  { name: 'unstable 4G', rate: 4, latency: 500, loss: 10, goal: (m) => m.audio.concealed < 4 },
  { name: '4G with much loss', rate: 4, latency: 10, loss: 20, goal: (m) => m.audio.concealed < 4 },
  { name: 'very bad', rate: 1, latency: 500, loss: 10, goal: (m) => m.audio.concealed < 4 },
  { name: 'about to drop', rate: 0.05, latency: 500, loss: 20 },
  { name: '50 % loss', rate: 40, latency: 10, loss: 50 },
];

const star = (...args) => run(join(lab, 'netns.sh'), args.map(String), { env: { ...process.env, NS_PREFIX: prefix } });

/** A role of test/lab/badnet_test.go in the hub or a client: it answers each order. */
class Role {
  constructor(who, role) {
    this.child = start('ip', ['netns', 'exec', `${prefix}${who}`, binary], {
      stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, VECHE_LAB_ROLE: role },
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async ask(order = {}) {
    this.child.stdin.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a child has ended');
    return JSON.parse(value);
  }

  close() {
    this.child.stdin.end();
    return stop(this.child, 10_000, 'SIGCONT');
  }
}

// In the page: what the browser says about what it receives, and how long each picture stood still.
function watch() {
  const w = { freezes: [], last: new Map() };
  window.__bad = w;
  w.read = async () => {
    const sum = { audio: [], video: [] };
    for (const pc of window.__e2e.live()) {
      for (const r of (await pc.getStats()).values()) {
        if (r.type !== 'inbound-rtp') continue;
        sum[r.kind].push({
          id: r.id, packets: r.packetsReceived, lost: r.packetsLost, nacks: r.nackCount ?? 0, again: r.retransmittedPacketsReceived ?? 0,
          concealed: (r.concealedSamples ?? 0) - (r.silentConcealedSamples ?? 0), samples: r.totalSamplesReceived ?? 0, fec: r.fecPacketsReceived ?? 0,
          frames: r.framesDecoded ?? 0, height: r.frameHeight ?? 0, freezes: r.freezeCount ?? 0, frozen: r.totalFreezesDuration ?? 0, delay: r.jitterBufferDelay ?? 0,
          emitted: r.jitterBufferEmittedCount ?? 0,
        });
      }
    }
    for (const v of sum.video) {
      const before = w.last.get(v.id);
      if (before && v.freezes > before.freezes) w.freezes.push(Math.round((1000 * (v.frozen - before.frozen)) / (v.freezes - before.freezes)));
      w.last.set(v.id, v);
    }
    return sum;
  };
  setInterval(() => void w.read(), 250);
}

const total = (list, key) => list.reduce((sum, r) => sum + r[key], 0);
const share = (part, all) => (all > 0 ? (100 * part) / all : 0);

/** What both viewers get for a while. */
async function measure(page, pion, server, seconds) {
  await page.evaluate(() => {
    window.__bad.freezes = [];
  });
  const read = () => Promise.all([page.evaluate(() => window.__bad.read()), pion.ask({ Mark: true }), server.ask()]);
  const [b0, p0, s0] = await read();
  const began = performance.now();
  await sleep(seconds * 1000);
  const [b1, p1, s1] = await Promise.all([page.evaluate(() => window.__bad.read()), pion.ask(), server.ask()]);
  const span = (performance.now() - began) / 1000;
  const freezes = await page.evaluate(() => window.__bad.freezes);
  const more = (kind, key) => total(b1[kind], key) - total(b0[kind], key);
  const moving = b1.video.filter((v) => v.frames > (b0.video.find((o) => o.id === v.id)?.frames ?? 0));
  const [repaired, missing] = [p1.Repaired - p0.Repaired, p1.Missing - p0.Missing];
  return {
    audio: { concealed: share(more('audio', 'concealed'), more('audio', 'samples')), lost: share(more('audio', 'lost'), more('audio', 'lost') + more('audio', 'packets')) },
    video: {
      live: moving.length, fps: more('video', 'frames') / span / Math.max(moving.length, 1), height: Math.max(0, ...moving.map((v) => v.height)),
      frozen: share(more('video', 'frozen'), span * Math.max(moving.length, 1)), freezes: freezes.length, longest: Math.max(0, ...freezes),
    },
    nacks: share(more('video', 'nacks'), more('video', 'packets')),
    repaired: repaired + missing ? share(repaired, repaired + missing) : 100,
    layer: Math.max(...p1.Layer), live: p1.Live, estimate: p1.Estimate, lost: p1.Lost, delay: p1.Delay,
    needless: share(s1.ServerNeedless - s0.ServerNeedless, p1.Video - p0.Video), heap: s1.Heap,
  };
}

const words = {
  audio: (m) => [[1, 'clear'], [4, 'good'], [10, 'understandable'], [101, 'broken']].find(([most]) => m.audio.concealed < most)[1],
  video(m) {
    if (m.video.live === 0) return 'paused';
    if (!moves(m)) return 'broken';
    if (m.video.longest <= 500 && m.video.frozen < 4) return 'smooth';
    return m.video.frozen < 10 ? 'jerky' : 'broken';
  },
};

function row(p, m) {
  const rate = p.rate ? `${p.rate} Mbit/s` : '–';
  return [
    p.name, rate, `${p.latency} ms`, `${p.loss ?? 0} %`, words.audio(m), `${m.audio.concealed.toFixed(1)} %`, words.video(m),
    m.video.live ? `${m.video.live} × ${m.video.height}p${Math.round(m.video.fps)}` : '–', `${m.video.freezes}, ${m.video.longest} ms`, `${m.repaired.toFixed(1)} %`,
    `${Math.round(m.estimate / 1000)}`,
  ];
}

const head = ['network', 'rate', 'round trip', 'loss', 'sound', 'concealed', 'pictures', 'shown', 'freezes, longest', 'repaired', 'estimate, kbit/s'];

async function chromiumIn(i) {
  const wrap = join(out, `chromium-bad-${i}`);
  writeFileSync(wrap, `#!/bin/sh\nexec ip netns exec ${prefix}${i} ${process.env.CHROMIUM ?? '/usr/bin/chromium'} "$@"\n`);
  chmodSync(wrap, 0o755);
  return launchChromium({ wrap, pipe: true, deny: true, flags: [`--unsafely-treat-insecure-origin-as-secure=${base.slice(0, -1)}`] });
}

/** Sets up the star and everybody in it; `use` does the rest. */
async function stage(use) {
  await star('down');
  await star('up', 0);
  for (const i of [1, 2, 3]) await star('emu', i);
  const roles = [];
  const role = (who, name) => (roles.push(new Role(who, name)), roles.at(-1));
  let host;
  try {
    const server = role('h', 'bad-server');
    await server.ask({ Publishers: publishers - 1 });
    const third = role('3', 'bad-publisher');
    await third.ask({});
    const pion = role('1', 'bad-viewer');
    await pion.ask({ Publishers: publishers });
    host = await chromiumIn(2);
    const person = await Person.make(host, 'Ann');
    await enter(person, `${base}r/r`, 'Join');
    await person.find('button', 'Leave');
    await person.gets({ videos: publishers, timeout: 30_000, exactly: false });
    await person.eval(watch);
    await until('the pictures are good', async () => Math.min(...(await pion.ask()).Layer) >= 1, { timeout: 25_000, every: 500 });
    await sleep(3000);
    await use({ server, pion, page: person.page, person });
  } finally {
    await host?.close();
    for (const r of roles.reverse()) await r.close();
    await star('down');
  }
}

async function inside() {
  const chosen = profiles.filter((p) => (options.only ? options.only.some((o) => p.name.includes(o)) : !options.short || p.short));
  const rows = [];
  let missed = 0;
  await stage(async ({ server, pion, page }) => {
    for (const p of chosen) {
      const link = [`delay=${p.latency / 2}ms`, p.loss && `loss=${p.loss}`, p.rate && `rate=${p.rate}`, p.link].filter(Boolean);
      const legs = p.link ? [1, 2, 3] : [1, 2];
      for (const i of legs) await star('link', i, ...link);
      await sleep(6000);
      let m;
      let ok;
      for (let n = 0; n === 0 || (!ok && n <= again); n += 1) {
        m = await measure(page, pion, server, Number(options.seconds));
        ok = p.goal?.(m) ?? true;
      }
      if (!ok) missed += 1;
      rows.push(row(p, m));
      console.log(`${ok ? 'ok  ' : 'FAIL'} ${row(p, m).join(' | ')}  ${JSON.stringify(m)}`);
      if (p === chosen.at(-1)) break;
      for (const i of [1, 2, 3]) await star('link', i, 'delay=20ms');
      const best = async () => Math.min(...(await pion.ask()).Layer) >= 1;
      await until('the pictures are good again', best, { timeout: 25_000, every: 500 }).catch((err) => console.log(String(err.message)));
      await sleep(2000);
    }
  });
  const table = [head, head.map(() => '---'), ...rows].map((r) => `| ${r.join(' | ')} |`).join('\n');
  console.log(`\n${table}\n\nload average ${loadavg().map((x) => x.toFixed(1)).join(' ')}; ${missed} goals missed`);
  if (options.markdown) writeFileSync(options.markdown, `${table}\n`);
  return missed ? 1 : 0;
}

/** Does the same in a process namespace that takes everything down with it. */
async function box() {
  mkdirSync(out, { recursive: true });
  if (!options['no-build']) await run('go', ['test', '-c', '-o', binary, './test/lab'], { cwd: root });
  const args = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const child = start('unshare', args, { stdio: 'inherit', env: { ...process.env, VECHE_E2E_BOXED: stamp } });
  const status = await child.gone;
  await star('down');
  return typeof status === 'number' ? status : 1;
}

process.exit(process.env.VECHE_E2E_BOXED ? await inside() : await box());
