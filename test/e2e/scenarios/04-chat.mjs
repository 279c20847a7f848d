// Messages and files, in calls and meetings.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { out } from '../lib/paths.mjs';
import { group } from '../lib/runner.mjs';
import { bothGet, bytes, call, join, lobby, open, say, until } from '../lib/steps.mjs';

const size = 3_000_001;

function file(name, n = size) {
  mkdirSync(path(out, 'files'), { recursive: true });
  const at = path(out, 'files', name);
  const content = bytes(n, name.length);
  writeFileSync(at, content);
  return { at, name, hash: createHash('sha256').update(content).digest('hex') };
}

/** Offers a file by the app's own file chooser. */
async function attach(p, f) {
  const input = await until('there is a file input', () => p.page.$('input[type=file]'));
  await input.uploadFile(f.at);
}

/** Receives it and compares the bytes; the progress must have been seen in between. */
async function receive(p, f) {
  await p.find('button', `Receive ${f.name}`);
  await p.eval((name) => {
    window.__steps = [];
    const look = () => {
      for (const bar of document.querySelectorAll('progress,[role=progressbar]')) {
        if ((bar.ariaLabel ?? bar.getAttribute('aria-label') ?? '').includes(name)) window.__steps.push(Number(bar.value ?? bar.ariaValueNow));
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  }, f.name);
  await p.click(`Receive ${f.name}`);
  const link = await p.find('link', `Save ${f.name}`, { timeout: 20_000 });
  const hash = await link.evaluate((a) => window.__e2e.hash(a.href));
  assert.equal(hash, f.hash, 'the bytes are the same');
  const steps = await p.eval(() => [...new Set(window.__steps)].length);
  return steps;
}

async function talk(t, a, b) {
  await open(a, 'Chat');
  await say(a, 'Hello Bob <b>not bold</b>');
  await open(b, 'Chat');
  await b.reads(/Hello Bob <b>not bold<\/b>/);
  await say(b, 'Привет, Ann 👋');
  await a.reads(/Привет, Ann 👋/);
  const f = file(`notes-${t.room('f')}.bin`);
  await attach(a, f);
  t.note(`progress in ${await receive(b, f)} steps`);
  await a.reads(/Sent/);
}

async function inCall(t, second) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room, { browser: second });
  await call(a, b);
  await talk(t, a, b);
  const texts = (await a.frames('sent')).filter((f) => f.t === 'chat');
  assert.deepEqual(texts, [], 'the messages of a call do not pass the server');
  if (second === 'chromium') await t.gallery(b, 'call-chat');
  await bothGet(a, b);
}

async function inMeeting(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  const c = await join(t, 'Cem', room, { browser: 'firefox' });
  await bothGet(a, b, c);
  await talk(t, a, b);
  await open(c, 'Chat');
  await c.reads(/Hello Bob/);
  const f = file(`photo-${room}.bin`, 500_000);
  await attach(c, f);
  await receive(a, f);
  await receive(b, f); // as many as want it
  await t.gallery(a, 'meeting-chat');
  await bothGet(a, b, c);
}

/** A latecomer sees what was said. */
async function history(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room);
  await open(a, 'Chat');
  await say(a, 'said before');
  await a.reads(/said before/);
  const b = await join(t, 'Bob', room);
  await open(b, 'Chat');
  await b.reads(/said before/);
}

export default group(
  'chat',
  {},
  ['messages and a file in a call', (t) => inCall(t, 'chromium')],
  ['messages and a file in a call with Firefox', (t) => inCall(t, 'firefox'), { firefox: true }],
  ['messages and files in a meeting', inMeeting, { firefox: true }],
  ['who comes late reads what was said', history],
);
