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
  await Promise.all([a, b].map((p) => p.eval(() => window.__e2e.awaitPicture())));
  await b.click('Join');
  await Promise.all([a, b].map((p) => until(`${p.name} sees a picture`, () => p.when('picture'))));
  const clicked = await b.when('click');
  for (const p of [a, b]) {
    const took = Math.round((await p.when('picture')) - clicked);
    t.note(`${p.name} sees it after ${took} ms`);
    assert.ok(took <= 3000, `${p.name} sees a picture after ${took} ms`);
  }
  await bothGet(a, b);
}

export default group(
  'demo',
  {},
  ['two tabs see and hear each other 3 s after one click', (t) => twoTabs(t, 'chromium')],
  ['two tabs in Firefox', (t) => twoTabs(t, 'firefox'), { firefox: true }],
);
