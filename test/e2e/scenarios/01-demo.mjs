// The first minute: two tabs, one click each.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { bothGet, until } from '../lib/steps.mjs';

async function twoTabs(t, browser) {
  const a = await t.person('Ann', { browser });
  const b = await t.person('Bob', { browser, context: a.context });
  await a.goto(t.base);
  await t.gallery(a, `start-${browser}`);
  await a.click('Join');
  await a.find('button', 'Leave');
  await b.goto(t.base);
  await b.find('button', 'Join');
  await b.click('Join');
  const clicked = performance.now();
  const first = (p) => until(`${p.name} sees a picture`, async () => (await p.eval(() => window.__e2e.videos().some((v) => v.w > 0 && v.frames > 0))), { timeout: 10_000, every: 30 });
  await Promise.all([first(a), first(b)]);
  const took = Math.round(performance.now() - clicked);
  t.note(`picture after ${took} ms`);
  assert.ok(took <= 3000, `picture after ${took} ms`);
  await bothGet(a, b);
}

export default group(
  'demo',
  {},
  ['two tabs see and hear each other 3 s after one click', (t) => twoTabs(t, 'chromium')],
  ['two tabs in Firefox', (t) => twoTabs(t, 'firefox'), { firefox: true }],
);
