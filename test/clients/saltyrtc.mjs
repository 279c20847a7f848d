// SaltyRTC: the packages @saltyrtc/client and @saltyrtc/task-webrtc, unmodified, against the front-end. The client
// knows TLS only, so the server has it.
import assert from 'node:assert/strict';
import https from 'node:https';
import { binary, client, open, run } from './lib.mjs';

const scripts = [
  'node_modules/tweetnacl/nacl-fast.min.js',
  'node_modules/msgpack-lite/dist/msgpack.min.js',
  'node_modules/@saltyrtc/chunked-dc/dist/chunked-dc.es5.min.js',
  'node_modules/@saltyrtc/client/dist/saltyrtc-client.es5.min.js',
  'node_modules/@saltyrtc/task-webrtc/dist/saltyrtc-task-webrtc.es5.min.js',
];
const secret = 'a secret that is long enough for everybody';
const both = ['chromium', 'firefox'];

/** Runs in the page: what the tests do there. */
function helpers() {
  globalThis.events = [];
  globalThis.note = (...what) => events.push(what);
  globalThis.frames = []; // what goes through WebSockets, as hex
  const hex = (data) => (typeof data === 'string' ? data : saltyrtcClientHex(new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength)));
  globalThis.saltyrtcClientHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  globalThis.bytes = (text) => new Uint8Array(text.match(/../g).map((b) => parseInt(b, 16)));
  const Original = WebSocket;
  globalThis.WebSocket = class extends Original {
    constructor(...args) {
      super(...args);
      globalThis.socket = this;
      this.addEventListener('message', (e) => frames.push(hex(e.data)));
      this.addEventListener('close', (e) => note('ws closed', e.code));
    }
    send(data) {
      frames.push(hex(data));
      super.send(data);
    }
  };

  // Makes a client with the task; `o`: port, path, serverKey, initiator, token, trusted, keys, ping, handover.
  globalThis.make = (o) => {
    const keys = o.keys ? new saltyrtcClient.KeyStore(o.keys) : new saltyrtcClient.KeyStore();
    globalThis.task = new saltyrtcTaskWebrtc.WebRTCTaskBuilder().withVersion(o.version ?? 'v1').withHandover(o.handover ?? true).build();
    let b = new saltyrtcClient.SaltyRTCBuilder().withKeyStore(keys).usingTasks([task]).withPingInterval(o.ping ?? 0);
    b = b.connectTo('localhost', o.port);
    if (o.serverKey) b = b.withServerKey(o.serverKey);
    if (o.trusted) b = b.withTrustedPeerKey(o.trusted);
    if (o.initiator) b = b.initiatorInfo(o.initiator, o.token);
    globalThis.salty = o.initiator || o.responder ? b.asResponder() : b.asInitiator();
    for (const type of ['state-change', 'new-initiator', 'new-responder', 'connection-error', 'connection-closed', 'signaling-connection-lost', 'peer-disconnected', 'no-shared-task', 'application', 'handover']) {
      salty.on(type, (e) => {
        note(type, e.data);
      });
    }
    salty.connect();
    return { key: salty.permanentKeyHex, secret: keys.secretKeyHex, token: salty.authTokenHex };
  };

  // Calls: an RTCPeerConnection whose signalling is the task's, a camera, and a video that shows what comes.
  globalThis.call = async (offers, config = { iceServers: [] }) => {
    const pc = new RTCPeerConnection(config);
    globalThis.pc = pc;
    const video = document.createElement('video');
    Object.assign(video, { autoplay: true, playsInline: true, muted: true, width: 320, height: 180 });
    document.body.append(video);
    pc.ontrack = (e) => {
      video.srcObject = e.streams[0];
    };
    pc.onicecandidate = (e) => {
      if (e.candidate) task.sendCandidate({ candidate: e.candidate.candidate, sdpMid: e.candidate.sdpMid, sdpMLineIndex: e.candidate.sdpMLineIndex });
    };
    const early = [];
    task.on('candidates', (e) => {
      for (const c of e.data) pc.remoteDescription ? pc.addIceCandidate(c) : early.push(c);
    });
    const remote = async (description) => {
      await pc.setRemoteDescription(description);
      for (const c of early.splice(0)) await pc.addIceCandidate(c);
    };
    task.on('answer', (e) => {
      remote(e.data);
    });
    task.on('offer', async (e) => {
      await remote(e.data);
      await pc.setLocalDescription();
      task.sendAnswer({ type: 'answer', sdp: pc.localDescription.sdp });
    });
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180 }, audio: true });
    for (const track of stream.getTracks()) pc.addTrack(track, stream);
    // What the task's README has, for the signalling to go on without the server.
    const link = task.getTransportLink();
    const channel = pc.createDataChannel(link.label, { id: link.id, negotiated: true, ordered: true, protocol: link.protocol });
    channel.binaryType = 'arraybuffer';
    channel.onopen = () =>
      task.handover({
        get maxMessageSize() {
          return pc.sctp.maxMessageSize;
        },
        close: () => channel.close(),
        send: (message) => channel.send(message),
      });
    channel.onclose = () => link.closed();
    channel.onmessage = (e) => link.receive(new Uint8Array(e.data));
    if (offers) {
      await pc.setLocalDescription();
      task.sendOffer({ type: 'offer', sdp: pc.localDescription.sdp });
    }
  };
}

/** GETs JSON over TLS whose certificate nobody knows. */
function get(port, path) {
  return new Promise((resolve, reject) => {
    https
      .get({ host: 'localhost', port, path, rejectUnauthorized: false }, (res) => {
        let text = '';
        res.on('data', (d) => (text += d)).on('end', () => (res.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${path}: ${res.statusCode} ${text}`))));
      })
      .on('error', reject);
  });
}

const serverKey = async (t, port = t.server.port) => (await get(port, '/saltyrtc/keys')).keys[0];

async function page(t, name, browser, options) {
  const p = await open(t, name, browser, ...scripts);
  await p.eval(helpers);
  if (options) p.made = await p.eval((o) => make(o), { port: t.server.port, ...options });
  return p;
}

const has = (p, ...event) => p.until(`event ${event}`, (want) => events.some((e) => want.every((w, i) => e[i] === w)), event);
const state = (p, want) => p.until(`state ${want}`, (s) => salty.state === s, want);

/** An initiator in Chromium, a responder in Firefox that knows its key and token. */
async function two(t, options = {}) {
  const key = await serverKey(t);
  const a = await page(t, 'ann', 'chromium', { serverKey: key, ...options });
  const b = await page(t, 'bob', 'firefox', { serverKey: key, initiator: a.made.key, token: a.made.token, ...options });
  for (const p of [a, b]) await state(p, 'task');
  return [a, b];
}

// Long enough not to come about by chance in what is encrypted.
const readable = [/v=0\r\n/, /m=video/, /fingerprint/, /candidate/, /ufrag/, / udp /i, /\.local/, /offer/, /answer/, /sdpMid/];

/** Fails if one of the frames can be read: SDP or ICE, as it is or in part. */
function sealed(frames) {
  assert.ok(frames.length > 10, `${frames.length} frames`);
  let legible = 0;
  for (const f of frames) {
    const text = Buffer.from(f, 'hex').toString('latin1');
    if (readable.some((r) => r.test(text))) legible += 1;
  }
  assert.equal(legible, 0, 'frames in which SDP or ICE can be read');
}

async function videoCall(t, options) {
  const [a, b] = await two(t);
  await b.eval((o) => call(false, o), options);
  await a.eval((o) => call(true, o), options);
  await Promise.all([a.shows('video'), b.shows('video')]);
  return [a, b];
}

async function handover(t) {
  const [a, b] = await videoCall(t);
  for (const p of [a, b]) {
    await has(p, 'handover');
    await has(p, 'ws closed', 3003);
  }
  for (const p of [a, b]) {
    sealed(await p.eval(() => frames));
    const sdp = await p.eval(() => pc.localDescription.sdp);
    assert.ok(readable.some((r) => r.test(sdp)), 'what is looked for is there before it is encrypted');
  }
  await a.eval(() => salty.sendApplicationMessage('without the server'));
  await has(b, 'application', 'without the server');
  await Promise.all([a.shows('video'), b.shows('video')]);
  const count = await a.eval(() => frames.length);
  t.note(`${count} frames, none to be read`);
}

async function relayed(t) {
  const path = 'ab'.repeat(32); // whoever's
  const { iceServers } = await get(t.server.port, `/saltyrtc/ice?path=${path}`);
  assert.ok(iceServers.some((s) => s.urls.some((u) => u.startsWith('turn:')) && s.credential));
  await videoCall(t, { iceServers, iceTransportPolicy: 'relay' });
}

async function deadSTUN(t) {
  const began = performance.now();
  await videoCall(t, { iceServers: [{ urls: 'stun:192.0.2.1:3478' }] });
  const took = performance.now() - began;
  assert.ok(took < 12_000, `${took} ms`);
}

async function trusted(t) {
  const [a, b] = await two(t, { handover: false });
  const keys = { a: a.made, b: b.made };
  for (const p of [a, b]) await p.eval(() => salty.disconnect());
  for (const p of [a, b]) await state(p, 'closed');
  const key = await serverKey(t);
  for (const p of [a, b]) await p.eval(() => events.splice(0));
  await b.eval((o) => make(o), { port: t.server.port, serverKey: key, keys: keys.b.secret, trusted: keys.a.key, responder: true });
  await state(b, 'peer-handshake');
  await a.eval((o) => make(o), { port: t.server.port, serverKey: key, keys: keys.a.secret, trusted: keys.b.key });
  for (const p of [a, b]) await state(p, 'task');
  await b.eval(() => salty.sendApplicationMessage({ any: ['thing', 1] }));
  await a.until('the message', () => events.some(([e, d]) => e === 'application' && d.any[1] === 1));
}

async function wrongServerKey(t) {
  const p = await page(t, 'ann', 'chromium', { serverKey: 'ab'.repeat(32) });
  await has(p, 'connection-closed', 3007);
}

async function wrongToken(t) {
  const a = await page(t, 'ann', 'chromium', {});
  const b = await page(t, 'bob', 'firefox', { initiator: a.made.key, token: 'ab'.repeat(32) });
  await has(b, 'connection-closed', 3005);
  assert.equal(await a.eval(() => salty.state), 'peer-handshake');
}

async function noSharedTask(t) {
  const a = await page(t, 'ann', 'chromium', {});
  const b = await page(t, 'bob', 'firefox', { initiator: a.made.key, token: a.made.token, version: 'v0' });
  await has(a, 'no-shared-task');
  await has(b, 'connection-closed', 3006);
}

async function oneOnly(t) {
  const [a] = await two(t, { handover: false });
  const c = await page(t, 'cid', 'chromium', { initiator: a.made.key, token: a.made.token });
  await has(c, 'connection-closed', 3004);
  assert.equal(await a.eval(() => salty.state), 'task');
}

async function goesAway(t) {
  const [a, b] = await two(t, { handover: false });
  await b.eval(() => socket.close());
  await has(a, 'peer-disconnected', 2);
  await a.eval(() => salty.sendApplicationMessage('to nobody'));
  await a.until('send-error is told', () => events.some(([e]) => e === 'signaling-connection-lost' || e === 'connection-closed'));
}

/** The old connection leads into nothing and the server still holds it. */
async function halfOpen(t) {
  const way = await t.cutter();
  const key = await serverKey(t);
  const a = await page(t, 'ann', 'chromium', { port: way.port, serverKey: key });
  const b = await page(t, 'bob', 'firefox', { serverKey: key, initiator: a.made.key, token: a.made.token });
  for (const p of [a, b]) await state(p, 'task');
  way.blackHole();
  await b.eval((o) => make(o), { port: t.server.port, keys: b.made.secret, trusted: a.made.key, responder: true });
  await state(b, 'peer-handshake');
  await a.eval((o) => make(o), { port: way.port, keys: a.made.secret, trusted: b.made.key });
  for (const p of [a, b]) await state(p, 'task');
  await a.eval(() => salty.sendApplicationMessage('here again'));
  await has(b, 'application', 'here again');
}

async function pinged(t) {
  const [a, b] = await two(t, { handover: false, ping: 1 });
  await new Promise((resolve) => setTimeout(resolve, 2500)); // there is nothing to wait for: browsers answer pings unseen
  for (const p of [a, b]) assert.equal(await p.eval(() => socket.readyState), 1);
}

async function tokens(t) {
  const server = await t.serve({ args: ['--lan'], set: { 'auth.secret': secret, 'frontends.saltyrtc.access': 'token' } });
  const env = { ...process.env, VECHE_AUTH_SECRET: secret };
  const a = await page(t, 'ann', 'chromium', { port: server.port });
  await has(a, 'connection-closed', 1008);
  const token = (await run(binary, ['token', '--room', a.made.key], { env })).trim();
  await a.eval((o) => make(o), { port: `${server.port}/saltyrtc/${token}`, keys: a.made.secret });
  await state(a, 'peer-handshake');
  const b = await page(t, 'bob', 'firefox', { port: `${server.port}/saltyrtc/${token}` });
  await has(b, 'connection-closed', 1008); // the token is for another path
}

async function otherPlaces(t) {
  const own = await t.serve({ args: ['--lan'], set: { 'frontends.saltyrtc.listen': 'localhost:8765' } });
  const a = await page(t, 'ann', 'chromium', { port: 8765, serverKey: await serverKey(t, own.port) });
  await state(a, 'peer-handshake');
  const under = await t.serve({ args: ['--lan'], set: { 'http.prefix': '/rtc' } });
  const b = await page(t, 'bob', 'firefox', { port: `${under.port}/rtc` });
  await state(b, 'peer-handshake');
}

/** Frames that are none of the protocol end their sender's connection and nobody else's. */
async function badFrames(t) {
  const key = await serverKey(t);
  const a = await page(t, 'ann', 'chromium', { serverKey: key });
  await state(a, 'peer-handshake');
  const eve = await page(t, 'eve', 'firefox', {});
  for (const text of ['', 'text', '00'.repeat(24), '00'.repeat(25), 'ff'.repeat(200)]) {
    const code = await eve.eval(
      ([url, frame]) =>
        new Promise((resolve) => {
          const ws = new WebSocket(url, 'v1.saltyrtc.org');
          ws.onclose = (e) => resolve(e.code);
          ws.onmessage = () => {
            ws.onmessage = null;
            ws.send(frame === 'text' ? frame : bytes(frame || '00'));
          };
        }),
      [`wss://localhost:${t.server.port}/${a.made.key}`, text],
    );
    assert.equal(code, 3001, text.slice(0, 10));
  }
  assert.equal(await a.eval(() => salty.state), 'peer-handshake');
}

export default client({
  name: 'saltyrtc',
  system: 'SaltyRTC',
  clients: ['@saltyrtc/client', '@saltyrtc/task-webrtc'],
  server: { args: ['--lan'] },
  cases: [
    { test: 'call and handover', does: { en: 'video call with the server’s key pinned, no WebSocket frame in which SDP or ICE can be read; handover (3003): messages and video go on without the server', ru: 'видеовызов с закреплённым ключом сервера, ни одного кадра WebSocket с читаемыми SDP или ICE; передача сигнализации (3003): сообщения и видео идут дальше без сервера' }, browsers: both, run: handover },
    { test: 'call, relayed', does: { en: 'a call through TURN alone, with the servers of `/saltyrtc/ice`', ru: 'вызов только через TURN, с серверами из `/saltyrtc/ice`' }, browsers: both, run: relayed },
    { test: 'call, dead STUN server', does: { en: 'a STUN server that does not answer delays no call', ru: 'неотвечающий сервер STUN не задерживает вызов' }, browsers: both, run: deadSTUN },
    { test: 'trusted keys', does: { en: 'peers that know each other’s keys; the responder is there first; application messages', ru: 'участники, знающие ключи друг друга; отвечающий приходит первым; сообщения приложения' }, browsers: both, run: trusted },
    { test: 'wrong server key', does: { en: 'close code 3007', ru: 'код закрытия 3007' }, browsers: ['chromium'], run: wrongServerKey },
    { test: 'wrong token', does: { en: 'drop-responder, close code 3005', ru: 'drop-responder, код закрытия 3005' }, browsers: both, run: wrongToken },
    { test: 'no shared task', does: { en: 'close code 3006', ru: 'код закрытия 3006' }, browsers: both, run: noSharedTask },
    { test: 'one responder only', does: { en: 'others are dropped with 3004', ru: 'остальные отключаются с кодом 3004' }, browsers: both, run: oneOnly },
    { test: 'gone', does: { en: 'disconnected, then send-error', ru: 'disconnected, затем send-error' }, browsers: both, run: goesAway },
    { test: 'half-open', does: { en: 'reconnect with the same key while the server still holds the dead connection', ru: 'переподключение с тем же ключом, пока сервер держит мёртвое соединение' }, browsers: both, run: halfOpen },
    { test: 'ping interval', does: { en: 'connections with a ping interval stay', ru: 'соединения с интервалом ping сохраняются' }, browsers: both, run: pinged },
    { test: 'tokens', does: { en: 'a signed token before the path, bound to it', ru: 'подписанный токен перед путём, привязан к нему' }, browsers: both, run: tokens },
    { test: 'places', does: { en: 'a port of its own, a path prefix', ru: 'свой порт, префикс пути' }, browsers: both, run: otherPlaces },
    { test: 'bad frames', does: { en: 'close code 3001 for their sender only', ru: 'код закрытия 3001 только для отправителя' }, browsers: both, run: badFrames },
  ],
});
