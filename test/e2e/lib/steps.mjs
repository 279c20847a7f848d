// What several scenarios do in the app: one function per thing that a person does.
import assert from 'node:assert/strict';
import { sleep, until } from './proc.mjs';

/** The text that somebody shows, flattened. */
export const flat = (s) => s.replace(/\s+/g, ' ');

/** Opens a page with a name field, fills it in and goes in. */
export async function enter(p, url, button, { name = p.name } = {}) {
  await p.goto(url);
  await p.type('Your name', name);
  await p.click(button);
  return p;
}

/** Joins a meeting; `query` tells the room's options. */
export async function join(t, name, room, { query = '', base = t.base, page = 'r', ...options } = {}) {
  const p = await t.person(name, options);
  await enter(p, `${base}${page}/${room}${query}`, 'Join');
  await p.find('button', 'Leave', { timeout: 15_000 });
  return p;
}

/** Goes into the lobby from which people ring each other. */
export async function lobby(t, name, room, { base = t.base, ...options } = {}) {
  const p = await t.person(name, options);
  await enter(p, `${base}call/${room}`, 'Enter');
  await p.reads(/Online now/);
  return p;
}

export async function ring(from, to) {
  await from.click(`Call ${to.name}`);
  await to.reads(new RegExp(`${from.name} is calling`));
}

/** Rings, accepts, and waits until both see and hear each other. */
export async function call(from, to) {
  await ring(from, to);
  await to.click('Accept');
  await bothGet(from, to);
}

export async function bothGet(...people) {
  await Promise.all(people.map((p) => p.gets({ videos: people.length - 1 })));
}

/**
 * Hangs up and asserts that the call is over on both sides within a second, by the pages' own clocks, and that nothing is captured or
 * sent from then on.
 */
export async function endsBoth(hanger, ...people) {
  await hanger.click('Hang up');
  await Promise.all(people.map((p) => until(`${p.name}'s call is over`, async () => (await p.eval(() => window.__e2e.live().length)) === 0)));
  const clicked = await hanger.when('click');
  for (const p of people) {
    const took = Math.round((await p.when('pc-close')) - clicked);
    assert.ok(took <= 1000, `${p.name}'s call is over after ${took} ms`);
  }
  await Promise.all(people.map((p) => p.silent()));
  for (const p of people) {
    const kinds = await p.eval((from) => window.__e2e.frames('sent').filter((f) => performance.timeOrigin + f.at > from + 1500).map((f) => f.data.t), clicked);
    assert.deepEqual(kinds.filter((k) => k !== 'ping'), [], `${p.name} sends nothing after the end`);
  }
}

/** The welcome that a page got last. */
export async function welcome(p) {
  return (await p.frames('got', 'welcome')).at(-1);
}

/** Waits for the n-th welcome. */
export async function welcomes(p, n, options) {
  return until(`${p.name} is welcomed ${n} times`, async () => {
    const all = await p.frames('got', 'welcome');
    return all.length >= n && all.at(-1);
  }, options);
}

export async function topology(p) {
  const changes = await p.frames('got', 'topology');
  return changes.at(-1)?.mode ?? (await welcome(p)).room.topology;
}

export async function waitTopology(mode, people, { timeout = 10_000 } = {}) {
  await Promise.all(people.map((p) => until(`${p.name} is on ${mode}`, async () => (await topology(p)) === mode, { timeout })));
}

/** Waits until the old path is closed everywhere. */
export async function settled(people, { timeout = 10_000 } = {}) {
  await Promise.all(
    people.map((p) =>
      until(`${p.name}'s topology is settled`, async () => {
        const epoch = (await p.frames('got', 'topology')).at(-1)?.epoch;
        return epoch === undefined || (await p.frames('got', 'settled')).some((s) => s.epoch === epoch);
      }, { timeout }),
    ),
  );
}

/** Opens a panel of the in-call view. */
export async function open(p, panel) {
  await p.click(panel);
}

export async function say(p, text) {
  await p.type('Message', text);
  await p.press('Enter');
}

/** Bytes that are the same on every run and compress badly. */
export function bytes(size, seed = 1) {
  const b = Buffer.alloc(size);
  let x = seed >>> 0;
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    b[i] = x >>> 24;
  }
  return b;
}

export { sleep, until };
