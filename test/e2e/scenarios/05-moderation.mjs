// What a moderator can do, and what nobody else can.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { bothGet, enter, join, open, until, welcome } from '../lib/steps.mjs';

async function pair(t, query = '?topology=sfu') {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  return { room, a, b };
}

async function actions(p, name, action) {
  if (!(await p.has('button', `Actions for ${name}`))) await open(p, 'People');
  await p.click(`Actions for ${name}`);
  await p.click(action);
}

async function mute(t, query) {
  const { a, b } = await pair(t, query);
  await actions(a, 'Bob', 'Mute microphone');
  await b.reads(/A moderator muted you/);
  await a.find('figure', 'Bob, Microphone off');
  await a.hearsNothing();
  await b.click('Mute'); // may speak again
  await bothGet(a, b);
}

async function remove(t) {
  const { a, b } = await pair(t);
  await actions(a, 'Bob', 'Remove from the room');
  await a.click('Remove');
  await b.reads(/A moderator removed you/);
  await t.gallery(b, 'end-removed');
  await b.silent();
  await until('Ann is alone', async () => (await a.sample()).videos.length === 0);
}

async function lock(t) {
  const { room, a, b } = await pair(t);
  await open(a, 'People');
  await a.click('Lock room');
  await until('Bob is told', async () => (await b.frames('got', 'room')).some((r) => r.locked));
  const c = await t.person('Cem');
  await enter(c, `${t.base}r/${room}`, 'Join');
  await c.reads(/The room is locked/);
  await t.gallery(c, 'end-locked');
  await c.silent();
  await bothGet(a, b);
}

async function end(t) {
  const { a, b } = await pair(t);
  await open(a, 'People');
  await a.click('End for all');
  await until('Ann confirms', async () => {
    for (const h of await a.all('button', ['End for all', 'End'])) {
      if (await h.evaluate((e) => e.closest('dialog,[role=dialog],[role=alertdialog]') !== null)) {
        await h.click();
        return true;
      }
    }
    return false;
  });
  await Promise.all([a, b].map((p) => p.reads(/The conversation is over/)));
  await Promise.all([a.silent(), b.silent()]);
  await t.gallery(b, 'end-ended');
}

/** The server decides, whatever a page sends. */
async function enforced(t) {
  const { a, b } = await pair(t);
  const ann = (await welcome(a)).you;
  const me = (await welcome(b)).you;
  assert.equal(ann.role, 'moderator');
  assert.equal(me.role, 'speaker');
  const frames = [
    { t: 'mute', member: ann.id, source: 'mic' },
    { t: 'remove', member: ann.id },
    { t: 'lock', locked: true },
    { t: 'role', member: me.id, role: 'moderator' },
    { t: 'end' },
  ];
  for (const [i, frame] of frames.entries()) {
    const id = 900_000 + i;
    await b.eval((f) => window.__e2e.sockets.at(-1).send(JSON.stringify(f)), { ...frame, id });
    const answer = await until(`${frame.t} is answered`, async () => (await b.frames('got')).find((f) => f.re === id));
    assert.deepEqual([answer.t, answer.code], ['error', 'not-allowed'], frame.t);
  }
  await bothGet(a, b);
  assert.ok(!(await b.has('button', 'End for all')));
}

export default group(
  'moderation',
  {},
  ['mute through the server', (t) => mute(t)],
  ['mute in P2P', (t) => mute(t, '')],
  ['remove', remove],
  ['lock', lock],
  ['end for all', end],
  ['nobody else can, whatever is sent', enforced],
);
