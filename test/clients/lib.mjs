// What the tests of clients share: pages of foreign origin with a client in them, and what is seen and heard in them.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/lib/proc.mjs';
import { group } from '../e2e/lib/runner.mjs';

export { until, run, sleep, start, stop } from '../e2e/lib/proc.mjs';
export { binary } from '../e2e/lib/paths.mjs';
export { Cutter } from '../e2e/lib/cutter.mjs';

export const here = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '');

/** The exact version of a package that is tested, as the lock file pins it. */
export function version(name) {
  const lock = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8'));
  return lock.packages[`node_modules/${name}`].version;
}

/**
 * Declares the tests of one system, for run.mjs and for docs/clients.md:
 * `{ name, system, clients: [package, …], server?, cases: [{ test, does: { en, ru }, browsers?, run, timeout? }, …] }`.
 * `browsers` are those that take part; `server` is for test/e2e's Server.
 */
export function client(declared) {
  return declared;
}

/** The same for test/e2e's runner. */
export function asGroup(c) {
  const scenarios = c.cases.map((one) => [
    one.test,
    one.run,
    { timeout: one.timeout ?? 30_000, firefox: (one.browsers ?? []).includes('firefox') },
  ]);
  return group(c.name, c.server ?? {}, ...scenarios);
}

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.cjs': 'text/javascript' };

/** Serves test/clients (node_modules too) at an origin that is not the server's, for the time of a scenario. */
export async function pages(t) {
  if (t.pages) return t.pages;
  const web = createServer((req, res) => {
    const path = new URL(req.url, 'http://x').pathname;
    if (path === '/') {
      res.setHeader('Content-Type', types['.html']);
      res.end('<!doctype html><title>client</title><body>');
      return;
    }
    try {
      const body = readFileSync(join(here, path.replaceAll('..', '')));
      res.setHeader('Content-Type', types[path.slice(path.lastIndexOf('.'))] ?? 'application/octet-stream');
      res.end(body);
    } catch {
      res.statusCode = 404;
      res.end();
    }
  });
  await new Promise((resolve) => web.listen(0, 'localhost', resolve));
  t.defer(() => {
    web.closeAllConnections();
    return new Promise((resolve) => web.close(resolve));
  });
  t.pages = `http://localhost:${web.address().port}/`;
  return t.pages;
}

/** One page in a browser, with scripts loaded. */
class Page {
  log = [];

  constructor(name, page) {
    Object.assign(this, { name, page });
  }

  /** Runs a function of the page; its arguments and its result are JSON. */
  eval(fn, ...args) {
    return this.page.evaluate(fn, ...args);
  }

  /** Waits until the function in the page gives something true. */
  until(what, fn, ...args) {
    return until(`${this.name}: ${what}`, () => this.page.evaluate(fn, ...args));
  }

  /** Waits until a video shows frames that are decoded, move, and are no blank. */
  shows(selector) {
    return until(`${this.name}: ${selector} shows moving pictures`, () => this.page.evaluate(watch, selector), { every: 150 });
  }

  shot(path) {
    return this.page.screenshot({ path });
  }

  async state() {
    return { name: this.name, url: this.page.url(), log: this.log };
  }

  async close() {
    await this.context.close().catch(() => {});
  }
}

/** Runs in the page: whether a video has decoded more frames since the last look, and its picture is no single colour. */
function watch(selector) {
  const video = document.querySelector(selector);
  if (!video?.videoWidth) return false;
  if (video.shownFrames === undefined) {
    video.shownFrames = 0; // not all browsers count those of a MediaStream
    const count = () => {
      video.shownFrames += 1;
      video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback(count);
  }
  const frames = video.shownFrames;
  const before = video.seenFrames ?? frames;
  video.seenFrames = frames;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 32, height: 18 });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 32, 18);
  const { data } = context.getImageData(0, 0, 32, 18);
  const colours = new Set();
  for (let i = 0; i < data.length; i += 4) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return frames > before && frames >= 3 && colours.size > 3;
}

/** Opens a page in a browser; `scripts` are paths below test/clients or of modules. */
export async function open(t, name, browser, ...scripts) {
  const host = await t.runner.host(browser);
  const context = await host.browser.createBrowserContext();
  const page = await context.newPage();
  const p = new Page(name, page);
  p.context = context;
  page.on('console', (m) => p.log.push(m.text()));
  page.on('pageerror', (e) => p.log.push(`error: ${e.message}`));
  t.people.push(p);
  await page.goto(await pages(t));
  for (const script of scripts) await page.addScriptTag({ url: (await pages(t)) + script, ...(script.endsWith('.mjs') ? { type: 'module' } : {}) });
  return p;
}
