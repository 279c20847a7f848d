// The article's own protocol. There is no package: its client is written here from the article's description, with its faults
// mended, and once as it is printed.
import assert from 'node:assert/strict';
import { client, open } from './lib.mjs';

/** Runs in the page: the article's client (figures 3 to 6) without its faults. */
function corrected(url, options) {
  const me = { id: null, others: [], target: null, pc: null, frames: [], errors: [], queued: [], ended: [] };
  globalThis.me = me;
  for (const id of ['local_video', 'received_video']) {
    const video = document.createElement('video');
    Object.assign(video, { id, autoplay: true, playsInline: true, muted: true, width: 320, height: 180 });
    document.body.append(video);
  }
  const send = (message) => {
    const text = JSON.stringify({ clientId: me.id, target: me.target, ...message });
    me.ws.send(options.binary ? new TextEncoder().encode(text) : text);
  };
  me.close = () => {
    if (!me.pc) return;
    for (const s of me.pc.getSenders()) s.track?.stop();
    me.pc.close();
    me.pc = null;
    me.ended.push(me.target);
    me.target = null;
  };
  me.hangUp = () => {
    send({ type: 'hang-up' });
    me.close();
  };
  const connection = () => {
    const pc = new RTCPeerConnection({ iceServers: options.iceServers, iceTransportPolicy: options.policy ?? 'all' });
    pc.onicecandidate = ({ candidate }) => send({ type: 'new-ice-candidate', candidate });
    pc.ontrack = ({ streams }) => {
      document.querySelector('#received_video').srcObject = streams[0];
    };
    me.pc = pc;
    return pc;
  };
  const camera = async (pc) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
    document.querySelector('#local_video').srcObject = stream;
    for (const track of stream.getTracks()) pc.addTrack(track, stream);
  };
  me.invite = async (id) => {
    me.target = id;
    const pc = connection();
    await camera(pc);
    await pc.setLocalDescription();
    send({ type: 'video-offer', sdp: pc.localDescription });
  };
  const described = async (sdp) => {
    await me.pc.setRemoteDescription(sdp);
    for (const c of me.queued.splice(0)) await me.pc.addIceCandidate(c).catch((e) => me.errors.push(e.message));
  };
  const take = {
    id: ({ id }) => {
      if (me.id === null) me.id = id;
      else me.others.push(id);
    },
    left: ({ id }) => {
      me.others = me.others.filter((o) => o !== id);
    },
    'video-offer': async ({ clientId, sdp }) => {
      me.target = clientId;
      const pc = connection();
      await described(sdp);
      await camera(pc);
      await pc.setLocalDescription();
      send({ type: 'video-answer', sdp: pc.localDescription });
    },
    'video-answer': ({ sdp }) => described(sdp),
    'new-ice-candidate': async ({ candidate }) => {
      if (!me.pc?.remoteDescription) me.queued.push(candidate);
      else await me.pc.addIceCandidate(candidate).catch((e) => me.errors.push(e.message));
    },
    'hang-up': ({ clientId }) => {
      if (clientId === me.target) me.close();
    },
    error: (m) => me.errors.push(m.code),
  };
  let order = Promise.resolve();
  return new Promise((resolve) => {
    me.ws = new WebSocket(url);
    me.ws.onopen = () => resolve();
    me.ws.onmessage = ({ data }) => {
      order = order
        .then(async () => {
          const message = await new Response(data).json();
          me.frames.push({ type: message.type, kind: typeof data === 'string' ? 'text' : 'binary', candidate: message.candidate });
          await take[message.type]?.(message);
        })
        .catch((e) => me.errors.push(`${e.name}: ${e.message}`));
    };
  });
}

/** Runs in the page: the client as it is printed: no id, no candidates, a callee without connection, a hang-up to nobody. */
function printed(url) {
  const me = { frames: [], faults: [] };
  globalThis.me = me;
  let pc = null;
  let target = null;
  const send = (m) => me.ws.send(JSON.stringify(m));
  me.invite = async (id) => {
    target = id;
    pc = new RTCPeerConnection({ iceServers: [{ urls: 'turn:localhost:7788', username: 'webrtc', credential: 'turnserver' }] });
    pc.onnegotiationneeded = async () => {
      await pc.setLocalDescription(await pc.createOffer());
      send({ clientId: undefined, target, type: 'video-offer', sdp: pc.localDescription });
    };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) pc.addTransceiver(track, { streams: [stream] });
  };
  me.hangUp = () => {
    target = null;
    send({ target, type: 'hang-up' });
  };
  return new Promise((resolve) => {
    me.ws = new WebSocket(url);
    me.ws.onopen = () => resolve();
    me.ws.onmessage = async ({ data }) => {
      const message = await new Response(data).json();
      me.frames.push(message);
      try {
        if (message.type === 'video-offer') await pc.setRemoteDescription(message.sdp);
      } catch (e) {
        me.faults.push(e.message);
      }
    };
  });
}

const turn = [{ urls: 'turn:localhost:7788', username: 'webrtc', credential: 'turnserver' }];

async function one(t, name, browser, options = {}) {
  const page = await open(t, name, browser);
  await page.eval(corrected, `ws://localhost:${options.port ?? t.server.port}/${options.query ?? ''}`, { iceServers: [], ...options });
  await page.until('an id of its own', () => me.id);
  return page;
}

async function two(t, a = {}, b = a) {
  const query = `?room=${encodeURIComponent(t.name ?? Math.random())}`;
  const ann = await one(t, 'ann', 'chromium', { query, ...a });
  const bob = await one(t, 'bob', b.browser ?? 'firefox', { query, ...b });
  await ann.until('the other one', () => me.others.length === 1);
  await bob.until('the other one', () => me.others.length === 1);
  return [ann, bob];
}

async function talk(t, a, b) {
  const people = await two(t, a, b);
  await people[0].eval(() => me.invite(me.others[0]));
  await Promise.all(people.map((p) => p.shows('#received_video')));
  for (const p of people) assert.deepEqual(await p.eval(() => me.errors), []);
  return people;
}

async function call(t) {
  const [ann, bob] = await talk(t);
  const frames = await bob.eval(() => me.frames);
  assert.ok(frames.some((f) => f.type === 'new-ice-candidate' && f.candidate), 'candidates come one by one');
  assert.ok(frames.some((f) => f.type === 'new-ice-candidate' && !f.candidate), 'and their end');
  await ann.eval(() => me.hangUp());
  await bob.until('the end of the call', () => me.ended.length === 1 && me.pc === null);
  // Once more, the other way round.
  await bob.eval(() => me.invite(me.others[0]));
  await Promise.all([ann.shows('#received_video'), bob.shows('#received_video')]);
}

async function binary(t) {
  const [ann, bob] = await talk(t, { binary: true }, { binary: false });
  const kinds = (p) => p.eval(() => [...new Set(me.frames.filter((f) => f.type.startsWith('video-')).map((f) => f.kind))]);
  assert.deepEqual(await kinds(bob), ['binary']);
  assert.deepEqual(await kinds(ann), ['text']);
}

async function relayed(t) {
  const iceServers = turn.map((s) => ({ ...s, urls: `turn:localhost:${t.server.udp}` }));
  // Firefox asks no TURN server on a loopback address.
  await talk(t, { iceServers, policy: 'relay', browser: 'chromium' });
}

async function vanished(t) {
  const [ann, bob] = await talk(t);
  await ann.eval(() => me.ws.close());
  await bob.until('the end of the call', () => me.ended.length === 1 && me.others.length === 0);
}

async function busy(t) {
  const [ann, bob] = await talk(t);
  const room = await ann.eval(() => new URL(me.ws.url).search);
  const cid = await one(t, 'cid', 'chromium', { query: room });
  const target = await bob.eval(() => me.id);
  await cid.eval((id) => me.invite(id), target);
  await cid.until('word that the other one is busy', () => me.errors.includes('busy') && me.pc === null);
  await Promise.all([ann.shows('#received_video'), bob.shows('#received_video')]);
}

async function asPrinted(t) {
  const [ann, bob] = await talk(t);
  const page = await open(t, 'printed', 'chromium');
  const room = await ann.eval(() => new URL(me.ws.url).search);
  await page.eval(printed, `ws://localhost:${t.server.port}/${room}`);
  const target = await bob.eval(() => me.id);
  await page.eval((id) => me.invite(id), target);
  await page.until('an answer of the server', () => me.frames.some((f) => f.type === 'error'));
  await page.eval(() => me.hangUp());
  for (const frame of ['hello', 'null', '{"target":"constructor"}', '{"target":"__proto__"}']) await page.eval((f) => me.ws.send(f), frame);
  await page.until('an answer to each', () => me.frames.filter((f) => f.type === 'error').length >= 6);
  await Promise.all([ann.shows('#received_video'), bob.shows('#received_video')]);
  assert.equal(await bob.eval(() => me.ended.length), 0);
}

/** The old connection leads into nothing; whoever comes back is another one, and the old one goes in time. */
async function halfOpen(t) {
  const way = await t.cutter();
  const query = '?room=half';
  const ann = await one(t, 'ann', 'chromium', { query, port: way.port });
  const bob = await one(t, 'bob', 'firefox', { query });
  await ann.until('the other one', () => me.others.length === 1);
  way.blackHole();
  const again = await one(t, 'ann again', 'chromium', { query });
  await again.eval((id) => me.invite(id), await bob.eval(() => me.id));
  await Promise.all([again.shows('#received_video'), bob.shows('#received_video')]);
}

const both = ['chromium', 'firefox'];

export default client({
  name: 'article',
  system: 'the article (Figs 2–6)',
  clients: [],
  cases: [
    { test: 'call', does: { en: 'ids, invite, offer, answer, candidates and their end, hang-up, a second call the other way: video both ways', ru: 'идентификаторы, приглашение, offer, answer, кандидаты и их конец, отбой, второй вызов в обратную сторону: видео в обе стороны' }, browsers: both, run: call },
    { test: 'text and binary frames', does: { en: 'frames of both kinds, relayed as they came', ru: 'кадры обоих видов передаются такими, какими пришли' }, browsers: both, run: binary },
    { test: 'the TURN server of the page', does: { en: '`turn:localhost:7788`, user `webrtc`, in `veche demo` on this machine', ru: '`turn:localhost:7788`, пользователь `webrtc`, в `veche demo` на этой машине' }, browsers: ['chromium'], run: relayed },
    { test: 'one vanishes', does: { en: 'whoever was in a call with it is hung up', ru: 'собеседник пропавшего получает отбой' }, browsers: both, run: vanished },
    { test: 'busy', does: { en: 'a third one does not disturb a call, and is told', ru: 'третий не мешает разговору и узнаёт об этом' }, browsers: both, run: busy },
    { test: 'the printed client', does: { en: 'with its faults, and each frame that ends the article’s server: nobody else notices', ru: 'со своими ошибками и каждым кадром, который роняет сервер статьи: никто другой ничего не замечает' }, browsers: both, run: asPrinted },
    { test: 'half-open', does: { en: 'coming back while the server still holds the dead connection', ru: 'возвращение, пока сервер держит мёртвое соединение' }, browsers: both, run: halfOpen },
  ],
});
