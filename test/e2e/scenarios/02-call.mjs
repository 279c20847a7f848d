// Calls between two people in a lobby.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { call, endsBoth, lobby, ring, sleep, until } from '../lib/steps.mjs';

const noCapture = async (...people) => {
  for (const p of people) assert.deepEqual(await p.captures(), [], `${p.name} captures nothing`);
};

async function acceptAndHangUp(t, first, second, who) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room, { browser: first });
  const b = await lobby(t, 'Bob', room, { browser: second });
  await ring(a, b);
  await b.reads(/Your camera and microphone are off until you accept/);
  await sleep(300);
  await noCapture(a, b);
  if (first === 'chromium' && second === 'chromium') await t.gallery(b, 'call-incoming');
  await b.click('Accept');
  const [sa] = await Promise.all([a.gets(), b.gets()]);
  assert.equal(sa.paths[0].local, 'host');
  assert.deepEqual(await a.captures(), ['getUserMedia']);
  assert.deepEqual(await b.captures(), ['getUserMedia']);
  if (first === 'chromium' && second === 'chromium') await t.gallery(a, 'call');
  const [hanger, other] = who === 'caller' ? [a, b] : [b, a];
  await endsBoth(hanger, a, b);
  await other.reads(new RegExp(`The call with ${hanger.name} is over`));
  await other.reads(/Online now/);
}

async function declined(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await ring(a, b);
  await b.click('Decline');
  await a.reads(/Bob declined the call/);
  await b.readsNot(/is calling/);
  await noCapture(a, b);
}

async function cancelled(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await ring(a, b);
  await a.click('Cancel');
  await b.readsNot(/Ann is calling/);
  await b.reads(/Ann stopped calling/);
  await a.reads(/The call was cancelled/);
  await noCapture(a, b);
}

async function glare(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  const [toBob] = await Promise.all([a.find('button', 'Call Bob'), b.find('button', 'Call Ann')]);
  const [toAnn] = await b.all('button', 'Call Ann');
  await Promise.all([toBob.evaluate((e) => e.click()), toAnn.evaluate((e) => e.click())]);
  await Promise.all([a.gets(), b.gets()]);
  await endsBoth(a, a, b);
}

async function busy(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  const c = await lobby(t, 'Cem', room);
  await call(a, b);
  await c.click('Call Bob');
  await c.reads(/Bob is in another call/);
  await b.reads(/Cem called while you were in a call/);
  await noCapture(c);
  await Promise.all([a.gets(), b.gets()]); // the call itself goes on
  await endsBoth(b, a, b);
}

async function busyRinging(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  const c = await lobby(t, 'Cem', room);
  await ring(a, b);
  await c.click('Call Bob');
  await c.reads(/Bob is in another call/);
  await b.reads(/Ann is calling/);
  await b.click('Accept');
  await Promise.all([a.gets(), b.gets()]);
}

async function vanishes(t, who) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await ring(a, b);
  const [gone, stays] = who === 'caller' ? [a, b] : [b, a];
  await gone.close();
  if (who === 'caller') await stays.readsNot(/Ann is calling/);
  await stays.reads(who === 'caller' ? /Ann (stopped calling|has lost the connection)/ : /Bob (has lost the connection|is not here any more)/);
  await noCapture(stays);
}

async function vanishesTalking(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await call(a, b);
  await a.close();
  await b.reads(/Ann has lost the connection/);
  await b.silent();
}

async function timeout(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await ring(a, b);
  await a.reads(/Bob did not answer/);
  await b.reads(/Missed call from Ann/);
  await b.readsNot(/is calling/);
  await noCapture(a, b);
}

async function privacy(t) {
  const a = await lobby(t, 'Ann', t.room('lobby'));
  const c = await lobby(t, 'Cem', t.room('lobby'));
  await a.reads(/Nobody else is here yet/);
  assert.ok(!(await c.has('button', 'Call Ann')));
  const [me] = await a.frames('got', 'welcome');
  assert.match(me.you.id, /^[\w-]{22}$/);
  await a.reads(new RegExp(me.you.id));
}

async function hiddenAddress(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await a.click('Hide my IP address', { role: 'switch' });
  await ring(a, b);
  await b.click('Accept');
  const [sa, sb] = await Promise.all([a.gets(), b.gets()]);
  t.note(`Ann ${sa.paths[0].local}→${sa.paths[0].remote}, Bob ${sb.paths[0].local}→${sb.paths[0].remote}`);
  assert.equal(sa.paths[0].local, 'relay', 'Ann sends by a relay');
  assert.equal(sb.paths[0].remote, 'relay', 'Bob sends to a relay');
  const told = (await b.frames('got', 'signal')).flatMap((s) => [s.data.candidate?.candidate, s.data.description?.sdp]).join('\n');
  assert.doesNotMatch(told, /typ (host|srflx)/, 'Bob is never told where Ann is');
}

async function videoAndVoice(t) {
  const room = t.room('lobby');
  const a = await lobby(t, 'Ann', room);
  const b = await lobby(t, 'Bob', room);
  await call(a, b);
  await a.click('Mute');
  await b.find('figure', 'Ann, Microphone off');
  await b.hearsNothing();
  await a.click('Mute');
  await b.gets();
  await a.click('Camera');
  await b.find('figure', 'Ann, Camera off');
  await until('Bob sees no picture of Ann', async () => (await b.sample()).videos.length === 0);
  assert.deepEqual((await a.eval(() => window.__e2e.running())).filter((x) => x.includes('video')), [], 'the camera is really off');
  await a.click('Camera');
  await Promise.all([a.gets(), b.gets()]);
}

const chromium = ['chromium', 'chromium'];
export default [
  group(
    'call',
    {},
    ['Chromium to Chromium, the caller hangs up', (t) => acceptAndHangUp(t, ...chromium, 'caller')],
    ['Chromium to Chromium, the callee hangs up', (t) => acceptAndHangUp(t, ...chromium, 'callee')],
    ['Chromium to Firefox', (t) => acceptAndHangUp(t, 'chromium', 'firefox', 'callee'), { firefox: true }],
    ['Firefox to Chromium', (t) => acceptAndHangUp(t, 'firefox', 'chromium', 'caller'), { firefox: true }],
    ['declined', declined],
    ['cancelled', cancelled],
    ['both ring at once', glare],
    ['a third rings during a call', busy],
    ['a third rings while it rings', busyRinging],
    ['the caller vanishes while it rings', (t) => vanishes(t, 'caller')],
    ['the callee vanishes while it rings', (t) => vanishes(t, 'callee')],
    ['one vanishes during the call', vanishesTalking],
    ['mute and camera', videoAndVoice],
    ['only those in the same lobby are seen', privacy],
    ['hide my address: by a relay only', hiddenAddress],
  ),
  group('call that nobody answers', { set: { 'rooms.ringTimeout': '2s' } }, ['the ring times out', timeout]),
];
