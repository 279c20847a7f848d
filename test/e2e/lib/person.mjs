// One participant: a page in a browser context of its own, driven like a person does, by roles and names.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { hook, probes } from './hook.mjs';
import { sleep, until } from './proc.mjs';

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

const script = `(${hook})();(${probes})();`;

/** Whether an element stays where it is for two frames: what moves cannot be aimed at. */
function still(e) {
  const place = () => JSON.stringify(e.getBoundingClientRect());
  return new Promise((resolve) => {
    const before = place();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(e.isConnected && place() === before)));
  });
}

export class Person {
  static async make(host, name, { viewport = desktop, language = 'en', context, captures } = {}) {
    const p = new Person();
    p.name = name;
    p.kind = host.kind;
    p.own = !context;
    p.context = context ?? (await host.browser.createBrowserContext());
    p.page = await p.context.newPage({ type: 'window' });
    p.console = [];
    p.page.on('console', (m) => p.console.push(`${m.type()}: ${m.text()}`));
    p.page.on('pageerror', (e) => p.console.push(`pageerror: ${e.stack ?? e.message ?? e}`));
    await p.page.evaluateOnNewDocument(`${script}Object.assign(window.__e2e.size,${JSON.stringify(captures ?? {})});`);
    await p.page.setViewport(viewport).catch((err) => {
      if (!/unknown command/.test(err.message)) throw err; // an older Firefox cannot turn the screen, which nobody needs
    });
    if (language !== 'en' || host.kind === 'chromium') await p.speak(language);
    return p;
  }

  async speak(language) {
    await this.page.setExtraHTTPHeaders({ 'Accept-Language': language });
    if (this.kind !== 'chromium') return;
    await this.page.evaluateOnNewDocument(`Object.defineProperty(navigator,'languages',{get:()=>['${language}']});Object.defineProperty(navigator,'language',{get:()=>'${language}'});`);
  }

  async goto(url) {
    const go = () => this.page.goto(url, { waitUntil: 'domcontentloaded' });
    // A network that was just built may still be news to the browser, which then gives a page up that it was loading.
    await go().catch((error) => (/ERR_NETWORK_CHANGED/.test(error.message) ? go() : Promise.reject(error)));
    return this;
  }

  async reload() {
    await this.page.reload({ waitUntil: 'domcontentloaded' });
  }

  async close() {
    await (this.own ? this.context : this.page).close().catch(() => {});
  }

  eval(fn, ...args) {
    return this.page.evaluate(fn, ...args);
  }

  /** The visible elements with this role and accessible name, or one of these names. */
  async all(role, name) {
    const names = name === undefined ? null : [name].flat();
    const list = await this.page.evaluateHandle((r, n) => window.__e2e.named(r, n), role, names);
    const found = [...(await list.getProperties()).values()].map((h) => h.asElement()).filter(Boolean);
    await list.dispose();
    return found;
  }

  /** The same as assistive technology is told, in Chromium. */
  async told(role, name) {
    const seen = [];
    for (const h of await this.page.$$(`::-p-aria([name="${name}"][role="${role}"])`)) if (await h.isVisible()) seen.push(h);
    return seen;
  }

  async has(role, name) {
    return (await this.all(role, name)).length > 0;
  }

  async find(role, name, options) {
    return until(
      () => `${this.name} sees the ${role} "${name}"`,
      async () => (await this.all(role, name))[0],
      options,
    );
  }

  /** Clicks a button (or something else) as soon as it can be clicked. */
  async click(name, { role = 'button', timeout = 15_000 } = {}) {
    let seen = 'not there';
    await until(
      () => `${this.name} clicks the ${role} "${name}" (${seen})`,
      async () => {
        const [h] = await this.all(role, name);
        if (!h) return false;
        if (await h.evaluate((e) => e.disabled || e.getAttribute('aria-disabled') === 'true')) {
          seen = 'disabled';
          return false;
        }
        seen = 'moving';
        if (!(await h.evaluate(still))) return false;
        seen = 'there';
        await h.click();
        return true;
      },
      { timeout },
    );
  }

  async type(name, text, { role = 'textbox' } = {}) {
    const h = await this.find(role, name);
    await h.click({ count: 3 });
    await h.type(text);
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  text() {
    return this.eval(() => document.body.innerText);
  }

  /** Waits for words on the screen. */
  async reads(pattern, { timeout = 15_000 } = {}) {
    let last = '';
    return until(
      () => `${this.name} reads ${pattern} in: ${last.replace(/\s+/g, ' ').slice(0, 400)}`,
      async () => pattern.exec((last = await this.text())),
      { timeout },
    );
  }

  async readsNot(pattern, options) {
    let last = '';
    await until(() => `${this.name} no longer reads ${pattern} in: ${last.replace(/\s+/g, ' ').slice(0, 300)}`, async () => !pattern.test((last = await this.text())), options);
  }

  sample() {
    return this.eval(() => window.__e2e.sample());
  }

  /**
   * Waits until `videos` remote pictures are shown, decode and move, and `audio` remote voices have energy and are played.
   * Returns the last sample.
   */
  async gets({ videos = 1, audio = videos, timeout = 20_000, exactly = true } = {}) {
    const first = await this.sample();
    let last = first;
    const grown = (list, key, field, by) =>
      list.filter((x) => {
        const before = base.get(`${field}:${x[key]}`);
        if (before === undefined) base.set(`${field}:${x[key]}`, x[field]);
        return before !== undefined && x[field] - before >= by;
      });
    const base = new Map();
    const check = () => {
      const shown = last.videos.filter((v) => v.w > 0 && !v.paused);
      const moving = grown(shown, 'key', 'frames', 3).filter((v) => grown([v], 'key', 'time', 0.1).length);
      const decoding = grown(last.decoded, 'id', 'frames', 3);
      const loud = grown(last.audio, 'id', 'energy', 1e-7);
      return { moving: moving.length, decoding: decoding.length, audio: loud.length, aloud: loud.filter((a) => a.aloud).length };
    };
    let state = check();
    const enough = () =>
      state.moving >= videos && state.decoding >= videos && state.audio >= audio && state.aloud >= audio && (!exactly || last.videos.length <= videos);
    await until(
      () => `${this.name} gets ${videos} pictures and ${audio} voices; has ${JSON.stringify(state)} of ${JSON.stringify(last.videos.map((v) => v.label))}`,
      async () => {
        last = await this.sample();
        state = check();
        return enough();
      },
      { timeout, every: 100 },
    );
    return last;
  }

  /** Waits until half a second brings no sound at all; what is in the jitter buffer may still be played. */
  async hearsNothing({ timeout = 4000 } = {}) {
    const energy = async () => (await this.sample()).audio.reduce((sum, a) => sum + a.energy, 0);
    let before = await energy();
    let more = 0;
    await until(
      () => `${this.name} hears nothing; last half second ${more}`,
      async () => {
        await sleep(500);
        const now = await energy();
        more = now - before;
        before = now;
        return more < 1e-6;
      },
      { timeout },
    );
  }

  /** Nothing is captured and nothing is sent, now and for a while. */
  async silent({ hold = 600 } = {}) {
    const running = await this.eval(() => window.__e2e.running());
    if (running.length) throw new Error(`${this.name}: tracks still run: ${running.join(', ')}`);
    const before = await this.sample();
    await sleep(hold);
    const after = await this.sample();
    for (const s of after.sent) {
      const was = before.sent.find((b) => b.id === s.id);
      if (was && s.packets > was.packets) throw new Error(`${this.name} still sends ${s.kind}`);
    }
    return after;
  }

  /** Since 1970, in ms: when something was last noted in the page (see hook.mjs). */
  when(what) {
    return this.eval((w) => window.__e2e.when(w), what);
  }

  captures() {
    return this.eval(() => window.__e2e.captures.map((c) => c.method));
  }

  exchanges() {
    return this.eval(() => window.__e2e.exchanges());
  }

  /** Frames of the signalling protocol, `sent` or `got`. */
  frames(side, type) {
    return this.eval((s, t) => window.__e2e.frames(s, t).map((f) => f.data), side, type);
  }

  startGaps() {
    return this.eval(() => window.__e2e.startGaps());
  }

  stopGaps() {
    return this.eval(() => window.__e2e.stopGaps());
  }

  async shot(path) {
    mkdirSync(dirname(path), { recursive: true });
    await this.page.screenshot({ path });
  }

  /** What helps to understand a failure. */
  async state() {
    const page = await this.eval(async () => ({
      url: location.href,
      text: document.body.innerText.slice(0, 1500),
      log: window.__e2e.log.slice(-80),
      errors: window.__e2e.errors,
      frames: window.__e2e.sockets.flatMap((s) => [...s.e2e.sent.map((f) => ['>', f]), ...s.e2e.got.map((f) => ['<', f])]).sort((a, b) => a[1].at - b[1].at)
        .slice(-60).map(([d, f]) => `${Math.round(f.at)} ${d} ${JSON.stringify(f.data).slice(0, 500)}`),
      running: window.__e2e.running(),
      sample: await window.__e2e.sample(),
    })).catch((err) => ({ failed: err.message }));
    return { name: this.name, browser: this.kind, console: this.console.slice(-60), ...page };
  }
}
