// Runs groups of scenarios: one server per group, one process per browser, a page per participant.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchChromium, launchFirefox } from './browsers.mjs';
import { Cutter } from './cutter.mjs';
import { out } from './paths.mjs';
import { Person } from './person.mjs';
import { Server } from './server.mjs';

const slug = (s) => s.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').toLowerCase();

/** A group of scenarios that share a server: `{ name, server?, scenarios: [[title, fn, options?], …] }`. */
export function group(name, server, ...scenarios) {
  return { name, server, scenarios };
}

export class Runner {
  #hosts = new Map();
  #options;
  results = [];

  /** `only`: part of a title; `exact`: whole titles; `browser`: leave out scenarios that need the other one; `port`: an existing server. */
  constructor(options = {}) {
    this.#options = options;
  }

  async run(groups) {
    for (const g of groups) {
      const wanted = g.scenarios.filter(([title, , o]) => this.#wanted(`${g.name}: ${title}`, o));
      if (wanted.length === 0) continue;
      const server = g.server === null ? null : new Server({ name: `server-${slug(g.name)}`, ...g.server });
      try {
        await server?.start();
        for (const [title, fn, options] of wanted) {
          if (this.#options.bail && this.results.some((r) => r.failure)) return this.results;
          await this.#one(g, server, title, fn, options);
        }
      } catch (err) {
        this.#report(`${g.name}: server`, 0, err);
      } finally {
        await server?.stop();
      }
    }
    return this.results;
  }

  #wanted(title, { firefox = false, asked = false } = {}) {
    if (asked && !this.#options.only?.length) return false;
    const { only, exact, browser } = this.#options;
    if (exact && !exact.includes(title)) return false;
    if (only?.length && !only.some((o) => title.includes(o))) return false;
    return !(browser === 'chromium' && firefox);
  }

  async #one(g, server, title, fn, { timeout = 90_000 } = {}) {
    const name = `${g.name}: ${title}`;
    const t = new Scene(this, server, name);
    const began = performance.now();
    let failure;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not finished within ${timeout} ms`)), timeout);
    });
    try {
      await Promise.race([fn(t), late]);
    } catch (err) {
      failure = err;
      await Promise.race([t.explain(), new Promise((resolve) => setTimeout(resolve, 10_000))]);
    }
    clearTimeout(timer);
    await t.close();
    this.#report(name, performance.now() - began, failure, t.notes);
  }

  #report(name, ms, failure, notes = []) {
    this.results.push({ name, ms, failure });
    const more = notes.length ? `  (${notes.join('; ')})` : '';
    console.log(`${failure ? 'FAIL' : 'ok  '} ${(ms / 1000).toFixed(1).padStart(5)} s  ${name}${more}`);
    if (failure) console.log(`        ${String(failure.stack ?? failure).split('\n').slice(0, 8).join('\n        ')}`);
  }

  /** The shared browser of a kind, started when somebody needs it. */
  host(kind) {
    if (!this.#hosts.has(kind)) this.#hosts.set(kind, kind === 'firefox' ? launchFirefox() : launchChromium());
    return this.#hosts.get(kind);
  }

  async closeBrowsers() {
    const hosts = [...this.#hosts.values()];
    this.#hosts.clear();
    for (const h of hosts) await (await h).close();
  }
}

/**
 * Runs groups and, once more and alone, what has failed; returns the exit code. On two cores that two browsers and a server
 * share, a scenario can be starved: what passes the second time is named as unstable in the last lines, for
 * somebody to find the cause, and its first failure stays in out/failures.
 */
export async function prove(groups, options = {}) {
  const first = new Runner(options);
  const results = await first.run(groups);
  await first.closeBrowsers();
  const failed = results.filter((r) => r.failure).map((r) => r.name);
  let lost = failed;
  if (failed.length && !options.bail) {
    console.log(`once more: ${failed.length}`);
    const second = new Runner({ ...options, only: undefined, exact: failed });
    const again = await second.run(groups);
    await second.closeBrowsers();
    const passed = new Set(again.filter((r) => !r.failure).map((r) => r.name));
    lost = failed.filter((name) => !passed.has(name));
    for (const name of passed) console.log(`unstable: ${name}`);
  }
  console.log(`${results.length - lost.length} passed, ${lost.length} failed`);
  return lost.length || results.length === 0 ? 1 : 0;
}

let rooms = 0;

/** What a scenario works with. */
export class Scene {
  people = [];
  notes = [];
  #closers = [];

  constructor(runner, server, name) {
    Object.assign(this, { runner, server, name, base: server?.base });
  }

  /** A fresh room id. */
  room(prefix = 'room') {
    rooms += 1;
    return `${prefix}-${rooms}`;
  }

  /** Opens a page for somebody: `browser`, `viewport`, `language`, `host` (a browser of one's own). */
  async person(name, { browser = 'chromium', host, ...options } = {}) {
    const p = await Person.make(host ?? (await this.runner.host(browser)), name, options);
    this.people.push(p);
    return p;
  }

  /** A browser of its own with other flags, closed with the scenario. */
  async chromium(options) {
    const host = await launchChromium(options);
    this.defer(() => host.close());
    return host;
  }

  /** A way to the server that can be cut. */
  async cutter() {
    const c = await new Cutter().open(this.server.port);
    this.defer(() => c.close());
    c.base = `http://localhost:${c.port}/`;
    return c;
  }

  async serve(options) {
    const s = await new Server({ name: `server-${slug(this.name)}`, ...options }).start();
    this.defer(() => s.stop());
    return s;
  }

  defer(fn) {
    this.#closers.push(fn);
  }

  note(text) {
    this.notes.push(text);
  }

  /** A picture for the gallery. */
  async gallery(p, title) {
    await p.shot(join(out, 'gallery', `${title}.png`));
  }

  async explain() {
    const folder = join(out, 'failures');
    mkdirSync(folder, { recursive: true });
    const states = [];
    for (const p of this.people) {
      await p.shot(join(folder, `${slug(this.name)}-${slug(p.name)}.png`)).catch(() => {});
      states.push(await p.state());
    }
    writeFileSync(join(folder, `${slug(this.name)}.json`), JSON.stringify(states, null, 1));
  }

  async close() {
    for (const p of this.people.splice(0)) await p.close();
    for (const fn of this.#closers.splice(0).reverse()) await fn().catch(() => {});
  }
}
