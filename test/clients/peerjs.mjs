// PeerJS: the package peerjs, unmodified, against the front-end. The cases are those of PeerJS's own end-to-end pages and more.
import assert from 'node:assert/strict';
import { binary, client, open, run } from './lib.mjs';

const script = 'node_modules/peerjs/dist/peerjs.min.js';
const secret = 'a secret that is long enough for everybody';

/** Runs in the page: what the tests do there. */
function helpers() {
  globalThis.peers = {};
  globalThis.events = [];
  globalThis.note = (...what) => events.push(what);
  // Makes a peer and waits for what becomes of it.
  globalThis.make = (id, options) =>
    new Promise((resolve) => {
      const p = id ? new Peer(id, options) : new Peer(options);
      p.on('open', (got) => {
        note('open', got);
        peers[got] = p;
        resolve({ id: got });
      });
      p.on('error', (e) => {
        note('error', e.type, e.message);
        resolve({ error: e.type, message: e.message });
      });
      p.on('disconnected', () => note('disconnected'));
      p.on('close', () => note('closed'));
      p.on('connection', (c) => {
        globalThis.incoming = c;
        note('connection', c.peer, c.label, c.serialization, c.reliable, c.metadata);
        globalThis.got = [];
        c.on('data', (d) => got.push(d));
        c.on('close', () => note('data closed'));
      });
      p.on('call', async (call) => {
        globalThis.call = call;
        note('call', call.peer, call.metadata);
        call.on('stream', (s) => show(s));
        call.on('close', () => note('call closed'));
        call.answer(await camera());
      });
      globalThis.peer = p;
    });
  globalThis.camera = () => navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180 }, audio: true });
  globalThis.show = (stream) => {
    let video = document.querySelector('video');
    if (!video) {
      video = document.createElement('video');
      Object.assign(video, { autoplay: true, playsInline: true, muted: true, width: 320, height: 180 });
      document.body.append(video);
    }
    if (video.srcObject !== stream) video.srcObject = stream;
  };
  globalThis.connectTo = (id, options) =>
    new Promise((resolve) => {
      const c = peer.connect(id, options);
      globalThis.outgoing = c;
      globalThis.got = [];
      c.on('data', (d) => got.push(d));
      c.on('open', () => resolve('open'));
      c.on('error', (e) => resolve(`error ${e.type}`));
      c.on('close', () => note('data closed'));
    });
}

/** A page with a peer; `o` are options of the peer and of the test. */
async function peer(t, id, o = {}) {
  const { browser = 'chromium', port = t.server.port, page: old, may, ...options } = o;
  const page = old ?? (await open(t, id ?? 'anonymous', browser, script));
  if (!old) await page.eval(helpers);
  const all = { host: 'localhost', port, path: '/peerjs', secure: false, config: { iceServers: [] }, ...options };
  const made = await page.eval((i, x) => make(i, x), id ?? null, all);
  if (!may) assert.ok(made.id, `${id}: ${JSON.stringify(made)}`);
  page.made = made;
  return page;
}

const has = (page, ...event) => page.until(`event ${event}`, (want) => events.some((e) => want.every((w, i) => e[i] === w)), event);

/** One in Chromium, one in Firefox. */
async function two(t, options = {}) {
  const [a, b] = await Promise.all([peer(t, 'ann', options), peer(t, 'bob', { browser: 'firefox', ...options })]);
  return [a, b];
}

/** Values that each serialization of the client can carry, made and compared in the page. */
const kinds = {
  binary: ['number', 'text', 'long', 'object', 'array', 'truth', 'buffer', 'bytes', 'blob', 'big'],
  'binary-utf8': ['number', 'text', 'long', 'object', 'array', 'truth', 'buffer', 'bytes', 'blob', 'big'],
  json: ['number', 'text', 'object', 'array', 'truth'],
  raw: ['text', 'buffer'],
  msgpack: ['number', 'text', 'long', 'object', 'array', 'truth', 'bytes', 'date', 'big'],
};

/** Runs in the page: sends the values, or compares what came with them. */
function values(names, act) {
  const all = {
    number: 4294967296.5,
    text: 'ünïcödé ✓ 𝄞',
    long: 'läng '.repeat(30_000),
    object: { a: 1, b: { c: ['d', { e: 'f' }] }, 'ü': null },
    array: [1, 'two', [3, [4]], { five: 5 }],
    truth: true,
    buffer: new Uint8Array([0, 1, 254, 255]).buffer,
    bytes: new Uint8Array([9, 8, 7, 0, 255]),
    blob: new Blob(['bl', 'ob']),
    date: new Date(1_700_000_000_123),
    big: new Uint8Array(300_000).map((_, i) => i * 7),
  };
  const plain = (v) => {
    if (v instanceof Blob) return 'blob';
    if (v instanceof Date) return `date ${v.getTime()}`;
    if (v instanceof ArrayBuffer || ArrayBuffer.isView(v)) return `bytes ${Array.from(new Uint8Array(v.buffer ?? v, v.byteOffset ?? 0, v.byteLength)).join()}`;
    return JSON.stringify(v);
  };
  return act(names.map((n) => all[n]), plain);
}

async function exchange(t, serialization) {
  const [a, b] = await two(t);
  const names = kinds[serialization];
  if (serialization === 'msgpack') {
    for (const p of [a, b]) {
      await p.eval(async () => {
        const { MsgPack } = await import('/node_modules/peerjs/dist/serializer.msgpack.mjs');
        peer._serializers.MsgPack = MsgPack; // what the option serializers does
      });
    }
  }
  const name = serialization === 'msgpack' ? 'MsgPack' : serialization;
  assert.equal(await a.eval((s) => connectTo('bob', { serialization: s, label: 'l', metadata: { m: [1] }, reliable: true }), name), 'open');
  await has(b, 'connection', 'ann', 'l', name === 'binary-utf8' ? 'binary' : name); // the client calls both so
  await b.until('the connection is open', () => incoming.open);
  for (const [from, to, line] of [[a, b, 'outgoing'], [b, a, 'incoming']]) {
    await from.eval(
      async (source, list, which) => {
        const f = new Function(`return ${source}`)();
        for (const v of f(list, (all) => all)) await globalThis[which].send(v);
      },
      values.toString(), names, line,
    );
    await to.until(`${names.length} messages`, (n) => got.length >= n, names.length);
    const wrong = await to.eval(
      async (source, list) => {
        const f = new Function(`return ${source}`)();
        const want = f(list, (all, plain) => all.map(plain));
        const plain = f(list, (_, p) => p);
        const bad = [];
        for (const [i, v] of got.entries()) {
          const text = want[i] === 'blob' ? await new Response(v).text() : plain(v);
          if (text !== (want[i] === 'blob' ? 'blob' : want[i])) bad.push(`${list[i]}: ${String(text).slice(0, 60)}`);
        }
        return bad;
      },
      values.toString(), names,
    );
    assert.deepEqual(wrong, []);
  }
}

async function dataClose(t) {
  const [a, b] = await two(t);
  assert.equal(await a.eval(() => connectTo('bob')), 'open');
  await b.until('the connection is open', () => incoming?.open);
  await a.eval(() => outgoing.close());
  await has(b, 'data closed');
  assert.equal(await b.eval(() => connectTo('ann')), 'open');
  await b.eval(() => outgoing.close({ flush: true }));
  await has(a, 'data closed');
}

async function call(t, options = {}) {
  const [a, b] = await two(t, options);
  await a.eval(async () => {
    globalThis.call = peer.call('bob', await camera(), { metadata: { topic: 'x' } });
    call.on('stream', (s) => show(s));
    call.on('close', () => note('call closed'));
  });
  await has(b, 'call', 'ann');
  await Promise.all([a.shows('video'), b.shows('video')]);
  return [a, b];
}

async function callClosed(t) {
  const [a, b] = await call(t);
  await a.eval(() => call.close());
  await has(b, 'call closed');
}

async function callClosedByCallee(t) {
  const [a, b] = await call(t);
  await b.eval(() => call.close());
  await has(a, 'call closed');
}

async function relayed(t) {
  const url = (who) => `http://localhost:${t.server.port}/peerjs/peerjs/ice?id=${who}&token=t`;
  const { iceServers } = await (await fetch(url('ann'))).json();
  assert.ok(iceServers.some((s) => s.urls.some((u) => u.startsWith('turn:')) && s.credential));
  await call(t, { config: { iceServers, iceTransportPolicy: 'relay' } });
}

async function deadSTUN(t) {
  const began = performance.now();
  await call(t, { config: { iceServers: [{ urls: 'stun:192.0.2.1:3478' }] } });
  const took = performance.now() - began;
  assert.ok(took < 12_000, `${took} ms`);
}

async function idTaken(t) {
  await peer(t, 'ann');
  const other = await peer(t, 'ann', { browser: 'firefox', may: true });
  assert.equal(other.made.error, 'unavailable-id');
}

async function random(t) {
  const p = await peer(t, undefined);
  assert.match(p.made.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
}

async function unavailable(t) {
  const a = await peer(t, 'ann');
  await a.eval(() => {
    connectTo('nobody');
  });
  await has(a, 'error', 'peer-unavailable');
  assert.ok(await a.eval(() => peer.open), 'the peer goes on');
}

async function invalidKey(t) {
  const a = await peer(t, 'ann', { key: 'unknown', may: true });
  assert.deepEqual(a.made, { error: 'server-error', message: 'Invalid key provided' });
  const b = await peer(t, undefined, { key: 'unknown', may: true }); // no id either
  assert.equal(b.made.error, 'server-error');
}

async function noServer(t) {
  const a = await peer(t, 'ann', { port: 9, may: true });
  assert.equal(a.made.error, 'network');
}

async function keysApart(t) {
  const [one, two] = [await peer(t, 'ann', { key: 'one' }), await peer(t, 'ann', { key: 'two', browser: 'firefox' })];
  assert.ok(one.made.id === 'ann' && two.made.id === 'ann');
  await one.eval(() => {
    connectTo('bob');
  });
  await peer(t, 'bob', { key: 'two' });
  await has(one, 'error', 'peer-unavailable');
}

async function listed(t) {
  const a = await peer(t, 'ann', { key: 'one' });
  await peer(t, 'bob', { key: 'one', browser: 'firefox' });
  await peer(t, 'cid', { key: 'two' });
  const all = await a.eval(() => new Promise((resolve) => peer.listAllPeers(resolve)));
  assert.deepEqual(all.sort(), ['ann', 'bob']);
}

async function unlisted(t) {
  const a = await peer(t, 'ann');
  await a.eval(() => peer.listAllPeers());
  await has(a, 'error', 'server-error');
}

async function comeBack(t) {
  const [a, b] = await two(t);
  assert.equal(await a.eval(() => connectTo('bob')), 'open');
  await b.until('the connection is open', () => incoming?.open);
  await a.eval(() => peer.disconnect());
  await has(a, 'disconnected');
  await a.eval(() => outgoing.send('still there'));
  await b.until('the data connection lives on', () => got.includes('still there'));
  await a.eval(() => {
    events.length = 0;
    peer.reconnect();
  });
  await has(a, 'open', 'ann');
  await a.eval(() => outgoing.close());
  assert.equal(await b.eval(() => connectTo('ann')), 'open');
}

/** The old connection leads into nothing and the server still holds it. */
async function halfOpen(t) {
  const way = await t.cutter();
  const a = await peer(t, 'ann', { port: way.port });
  const b = await peer(t, 'bob', { browser: 'firefox' });
  way.blackHole();
  await a.eval(() => {
    events.length = 0;
    peer.disconnect();
    peer.reconnect();
  });
  await has(a, 'open', 'ann');
  assert.equal(await b.eval(() => connectTo('ann')), 'open');
}

async function restart(t) {
  const server = await t.serve({});
  const [a, b] = [await peer(t, 'ann', { port: server.port }), await peer(t, 'bob', { port: server.port, browser: 'firefox' })];
  assert.equal(await a.eval(() => connectTo('bob')), 'open');
  await server.stop();
  for (const p of [a, b]) await has(p, 'disconnected');
  await server.start();
  for (const p of [a, b]) await p.eval(() => peer.reconnect());
  for (const p of [a, b]) await p.until('open again', () => peer.open);
  await a.eval(() => outgoing.send('through it all'));
  await b.until('the data connection lives on', () => got.includes('through it all'));
}

async function tokens(t) {
  const server = await t.serve({ set: { 'auth.secret': secret, 'frontends.peerjs.access': 'token' } });
  const env = { ...process.env, VECHE_AUTH_SECRET: secret };
  const token = (await run(binary, ['token', '--room', 'peerjs', '--identity', 'ann'], { env })).trim();
  const a = await peer(t, 'ann', { port: server.port, token });
  assert.equal(a.made.id, 'ann');
  for (const [id, options] of [['ann', {}], ['ann', { token: `${token}x` }], ['eve', { token }]]) {
    const p = await peer(t, id, { port: server.port, may: true, page: a, ...options });
    assert.equal(p.made.error, 'server-error', `${id}: ${JSON.stringify(p.made)}`);
  }
}

async function otherPlaces(t) {
  const a = await peer(t, 'ann', { path: '/' }); // what a client is set to when it has a server of its own
  assert.equal(a.made.id, 'ann');
  const own = await t.serve({ set: { 'frontends.peerjs.listen': 'localhost:9000' } });
  assert.ok(own.port);
  const b = await peer(t, 'bob', { port: 9000, path: '/', browser: 'firefox' });
  assert.equal(b.made.id, 'bob');
  const under = await t.serve({ set: { 'http.prefix': '/rtc' } });
  const c = await peer(t, 'cid', { port: under.port, path: '/rtc/peerjs', page: a });
  assert.equal(c.made.id, 'cid');
}

/** What kills the project's own server. */
async function badFrames(t) {
  const [a, b] = await two(t);
  for (const frame of ['{bad', 'null', '5', '[]', '"x"', '{}', '{"type":"OFFER"}', '{"type":"constructor","dst":"__proto__"}']) {
    await a.eval((f) => peer.socket._socket?.send(f), frame);
  }
  await has(a, 'error', 'server-error');
  assert.ok(await b.eval(() => peer.open), 'nobody else notices');
  assert.equal(await b.eval(() => events.filter(([e]) => e === 'error').length), 0);
  const c = await peer(t, 'cid', { page: a });
  assert.equal(c.made.id, 'cid');
}

async function spoofed(t) {
  const [a, b] = await two(t);
  await a.eval(() => {
    const send = peer.socket.send.bind(peer.socket);
    peer.socket.send = (m) => send({ ...m, src: 'cid' });
    connectTo('bob');
  });
  await has(b, 'connection', 'ann');
}

const both = ['chromium', 'firefox'];
const data = Object.keys(kinds).map((k) => ({
  test: `data, ${k}`,
  does: {
    en: `data connection, serialization ${k}: ${kinds[k].length} kinds of values both ways, label, metadata`,
    ru: `соединение данных, сериализация ${k}: ${kinds[k].length} видов значений в обе стороны, метка, метаданные`,
  },
  browsers: both,
  run: (t) => exchange(t, k),
}));

export default client({
  name: 'peerjs',
  system: 'PeerJS',
  clients: ['peerjs'],
  server: { set: { 'frontends.peerjs.keys': 'peerjs', 'frontends.peerjs.expire': '1s' } },
  cases: [
    ...data,
    { test: 'data, close', does: { en: 'a data connection that one side closes, also with flush, closes at the other', ru: 'закрытие соединения данных одной стороной, также с flush, видно другой' }, browsers: both, run: dataClose },
    { test: 'call, closed by the caller', does: { en: 'media call: video both ways, metadata; close is seen by the callee', ru: 'вызов: видео в обе стороны, метаданные; закрытие видно вызванному' }, browsers: both, run: callClosed },
    { test: 'call, closed by the callee', does: { en: 'close by the callee is seen by the caller', ru: 'закрытие вызванным видно вызывающему' }, browsers: both, run: callClosedByCallee },
    { test: 'call, relayed', does: { en: 'a call through TURN alone, with the servers of `{key}/ice`', ru: 'вызов только через TURN, с серверами из `{key}/ice`' }, browsers: both, run: relayed },
    { test: 'call, dead STUN server', does: { en: 'a STUN server that does not answer delays no call', ru: 'неотвечающий сервер STUN не задерживает вызов' }, browsers: both, run: deadSTUN },
    { test: 'random id', does: { en: 'an id from the server', ru: 'идентификатор от сервера' }, browsers: ['chromium'], run: random },
    { test: 'id taken', does: { en: 'error unavailable-id', ru: 'ошибка unavailable-id' }, browsers: both, run: idTaken },
    { test: 'peer unavailable', does: { en: 'error peer-unavailable, by EXPIRE', ru: 'ошибка peer-unavailable, по EXPIRE' }, browsers: ['chromium'], run: unavailable },
    { test: 'invalid key', does: { en: 'error server-error, “Invalid key provided”', ru: 'ошибка server-error, «Invalid key provided»' }, browsers: ['chromium'], run: invalidKey },
    { test: 'no server', does: { en: 'error network', ru: 'ошибка network' }, browsers: ['chromium'], run: noServer },
    { test: 'listAllPeers off', does: { en: 'error server-error unless `discovery` is on', ru: 'ошибка server-error, пока не включено `discovery`' }, browsers: ['chromium'], run: unlisted },
    { test: 'disconnect and reconnect', does: { en: 'the id is kept, and so are data connections', ru: 'идентификатор и соединения данных сохраняются' }, browsers: both, run: comeBack },
    { test: 'half-open', does: { en: 'reconnect with the same id while the server still holds the dead connection', ru: 'переподключение с тем же идентификатором, пока сервер держит мёртвое соединение' }, browsers: both, run: halfOpen },
    { test: 'server restart', does: { en: 'peers come back, data connections live on', ru: 'участники возвращаются, соединения данных живут' }, browsers: both, run: restart },
    { test: 'tokens', does: { en: 'a signed token in `token`, bound to key and id', ru: 'подписанный токен в `token`, привязан к ключу и идентификатору' }, browsers: ['chromium'], run: tokens },
    { test: 'places', does: { en: 'path `/`, a port of its own, a path prefix', ru: 'путь `/`, свой порт, префикс пути' }, browsers: both, run: otherPlaces },
    { test: 'bad frames', does: { en: 'malformed messages are answered to their sender only', ru: 'об ошибочных сообщениях узнаёт только отправитель' }, browsers: both, run: badFrames },
    { test: 'spoofed sender', does: { en: 'the server says who the sender is', ru: 'отправителя называет сервер' }, browsers: both, run: spoofed },
  ],
});

export const keys = client({
  name: 'peerjs-keys',
  system: 'PeerJS',
  clients: ['peerjs'],
  server: { set: { 'frontends.peerjs.keys': 'one,two', 'frontends.peerjs.discovery': 'true', 'frontends.peerjs.expire': '500ms' } },
  cases: [
    { test: 'keys are apart', does: { en: 'several keys; the same id in two of them, no way across', ru: 'несколько ключей; один идентификатор в двух, путей между ними нет' }, browsers: both, run: keysApart },
    { test: 'listAllPeers', does: { en: 'all peers of the own key', ru: 'все участники своего ключа' }, browsers: both, run: listed },
  ],
});
