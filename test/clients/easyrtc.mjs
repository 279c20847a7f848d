// Open-EasyRTC: the packages open-easyrtc and socket.io-client, unmodified, against the front-end.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { binary, client, here, open, run } from './lib.mjs';

const scripts = ['node_modules/socket.io-client/dist/socket.io.js', 'node_modules/open-easyrtc/api/easyrtc.js'];
const secret = 'a secret that is long enough for everybody';

/** Runs in the page: what the tests do there. */
function helpers() {
  globalThis.events = [];
  globalThis.note = (...what) => events.push(what);
  globalThis.show = (stream) => {
    const video = document.querySelector('video') ?? document.createElement('video');
    Object.assign(video, { autoplay: true, playsInline: true, muted: true, width: 320, height: 180 });
    document.body.append(video);
    video.srcObject = stream;
  };
  globalThis.login = (application) =>
    new Promise((resolve) => easyrtc.connect(application, (id) => resolve({ id }), (code, text) => resolve({ error: code, text })));
  // The options of a page: server, username, credential, rooms, transports, media, data.
  globalThis.enter = async (o) => {
    easyrtc.setSocketUrl(o.url, { forceNew: true, reconnection: Boolean(o.reconnection), ...(o.transports ? { transports: o.transports } : {}) });
    easyrtc.enableAudio(Boolean(o.media));
    easyrtc.enableVideo(Boolean(o.media));
    easyrtc.enableDataChannels(Boolean(o.data));
    easyrtc.setOnError((e) => note('error', e.errorCode, e.errorText));
    easyrtc.setStreamAcceptor((id, stream) => {
      note('stream', id);
      show(stream);
    });
    easyrtc.setOnStreamClosed((id) => note('closed', id));
    easyrtc.setAcceptChecker((id, accept) => {
      note('asked', id);
      accept(!globalThis.declines);
    });
    easyrtc.setPeerListener((from, type, data, targeting) => note('message', from, type, data, targeting));
    easyrtc.setDataChannelOpenListener((id) => note('data', id));
    easyrtc.setDisconnectListener(() => note('disconnected'));
    easyrtc.setRoomOccupantListener((room, list) => {
      if (room) (globalThis.occupants ??= {})[room] = list;
    });
    if (o.username) easyrtc.setUsername(o.username);
    if (o.credential) easyrtc.setCredential(o.credential);
    if (o.relay) easyrtc.setIceCandidateFilter((c) => (c.candidate.includes(' typ relay ') ? c : null));
    for (const room of o.rooms ?? []) easyrtc.roomJoin[room] = { roomName: room }; // joinRoom wants a connection
    if (o.media) {
      easyrtc.setVideoDims(320, 180);
      await new Promise((resolve, reject) => easyrtc.initMediaSource(resolve, (code, text) => reject(new Error(`${code} ${text}`))));
    }
    return login(o.application ?? 'app');
  };
  globalThis.callTo = (id) =>
    new Promise((resolve) => {
      const out = {};
      const done = () => (out.accepted !== undefined && (out.success || out.accepted === false) ? resolve(out) : 0);
      easyrtc.call(
        id,
        (other, kind) => { out.success = [other, kind]; done(); },
        (code, text) => resolve({ error: code, text }),
        (yes) => { out.accepted = yes; done(); },
      );
    });
  globalThis.sendTo = (to, type, data) =>
    new Promise((resolve) => easyrtc.sendPeerMessage(to, type, data, (answer) => resolve(answer), (code) => resolve(code)));
  globalThis.emit = (event, message) => new Promise((resolve) => easyrtc.webSocket.emit(event, message, resolve));
  globalThis.transport = () => easyrtc.webSocket.io.engine.transport.name;
}

/** A page that has connected; `o` are options of the page. */
async function member(t, name, o = {}) {
  const { browser = 'chromium', port = t.server.port, page: old, may, ...options } = o;
  const page = old ?? (await open(t, name, browser, ...scripts));
  if (!old) await page.eval(helpers);
  const made = await page.eval((x) => enter(x), { url: `http://localhost:${port}`, ...options });
  if (!may) assert.ok(made.id, `${name}: ${JSON.stringify(made)}`);
  page.made = made;
  page.id = made.id;
  return page;
}

const has = (page, ...event) => page.until(`event ${JSON.stringify(event)}`, (want) => events.some((e) => want.every((w, i) => JSON.stringify(e[i]) === JSON.stringify(w))), event);
const sees = (page, room, ...others) => page.until(`${others} in ${room}`, (r, want) => want.every((id) => globalThis.occupants?.[r]?.[id]), room, others);
const misses = (page, room, id) => page.until(`${id} has left ${room}`, (r, gone) => globalThis.occupants?.[r] && !occupants[r][gone], room, id);

/** One in Chromium, one in Firefox, who see each other. */
async function two(t, options = {}) {
  const [a, b] = await Promise.all([member(t, 'ann', options), member(t, 'bob', { browser: 'firefox', ...options })]);
  await Promise.all([sees(a, 'default', b.id), sees(b, 'default', a.id)]);
  return [a, b];
}

async function call(t, options = {}) {
  const [a, b] = await two(t, { media: true, ...options });
  const out = await a.eval((id) => callTo(id), b.id);
  assert.equal(out.accepted, true, JSON.stringify(out));
  await Promise.all([a.shows('video'), b.shows('video')]);
  return [a, b];
}

async function hangup(t) {
  const [a, b] = await call(t);
  assert.equal(await a.eval(() => transport()), 'websocket', 'the client begins by polling and upgrades');
  await b.eval((id) => easyrtc.hangup(id), a.id);
  await has(a, 'closed', b.id);
  const again = await b.eval((id) => callTo(id), a.id); // and the other way round
  assert.equal(again.accepted, true);
  await Promise.all([a.shows('video'), b.shows('video')]);
}

async function rejected(t) {
  const [a, b] = await two(t, { media: true });
  await b.eval(() => (globalThis.declines = true));
  const out = await a.eval((id) => callTo(id), b.id);
  assert.equal(out.accepted, false);
  await has(b, 'asked', a.id);
}

async function polled(t) {
  const [a, b] = await call(t, { transports: ['polling'] });
  assert.deepEqual([await a.eval(() => transport()), await b.eval(() => transport())], ['polling', 'polling']);
  assert.equal(await b.eval((id) => sendTo(id, 'im', 'by polling'), a.id), 'ack');
  await has(a, 'message', b.id, 'im', 'by polling');
}

async function deadSTUN(t) {
  const dead = () => {
    const Real = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(config, ...more) {
        super({ ...config, iceServers: [...(config?.iceServers ?? []), { urls: 'stun:192.0.2.1:3478' }] }, ...more);
      }
    };
  };
  const [a, b] = await two(t, { media: true });
  for (const p of [a, b]) await p.eval(dead);
  const began = performance.now();
  assert.equal((await a.eval((id) => callTo(id), b.id)).accepted, true);
  await Promise.all([a.shows('video'), b.shows('video')]);
  const took = performance.now() - began;
  assert.ok(took < 8_000, `${took} ms`);
}

async function dataChannel(t) {
  const [a, b] = await two(t, { data: true });
  assert.equal((await a.eval((id) => callTo(id), b.id)).accepted, true);
  await Promise.all([has(a, 'data', b.id), has(b, 'data', a.id)]);
  const value = { text: 'ünïcödé ✓ 𝄞', list: [1, null, { x: 'y'.repeat(50_000) }] };
  for (const [from, to] of [[a, b], [b, a]]) {
    await from.eval((id, v) => easyrtc.sendDataP2P(id, 'p2p', v), to.id, value);
    await has(to, 'message', from.id, 'p2p', value, null);
  }
}

async function messages(t) {
  const [a, b] = await two(t, { credential: { groups: ['staff'] } });
  const c = await member(t, 'cid', { rooms: ['side'] });
  const value = { text: 'ünïcödé ✓ 𝄞', list: [1, null, [true]] };
  for (const [to, targeting] of [
    [b.id, { targetEasyrtcid: b.id }],
    [{ targetRoom: 'default' }, { targetRoom: 'default' }],
    [{ targetGroup: 'staff' }, { targetGroup: 'staff' }],
  ]) {
    assert.equal(await a.eval((x, v) => sendTo(x, 'im', v), to, value), 'ack');
    await has(b, 'message', a.id, 'im', value, targeting);
  }
  assert.equal(await a.eval((x) => sendTo(x, 'im', 1), { targetRoom: 'side' }), 'MSG_REJECT_TARGET_ROOM');
  assert.equal(await a.eval((x) => sendTo(x, 'im', 1), 'nobody'), 'MSG_REJECT_TARGET_EASYRTCID');
  assert.equal(await a.eval((x) => sendTo(x, 'im', 1), { targetGroup: 'nobody' }), 'MSG_REJECT_TARGET_GROUP');
  assert.equal(await c.eval(() => events.filter(([e]) => e === 'message').length), 0, 'who is elsewhere hears nothing');
}

async function rooms(t) {
  const [a, b] = await two(t, { username: 'Ann' });
  for (const p of [a, b]) assert.equal(await p.eval(() => new Promise((resolve) => easyrtc.joinRoom('side', { any: 1 }, resolve, resolve))), 'side');
  await sees(a, 'side', b.id);
  assert.equal(await a.eval((id) => easyrtc.idToName(id), b.id), 'Ann');
  await b.eval(() => easyrtc.updatePresence('dnd', 'at lunch'));
  await a.until('the presence', (id) => occupants.side?.[id]?.presence?.show === 'dnd' && occupants.side[id].presence.status === 'at lunch', b.id);
  await b.eval(() => easyrtc.setRoomApiField('side', 'mood', { is: 'good' }));
  await a.until('the field', (id) => {
    const field = easyrtc.getRoomApiField('side', id, 'mood');
    return field && (field.is ?? JSON.parse(field).is) === 'good';
  }, b.id);
  const list = await a.eval(() => new Promise((resolve, reject) => easyrtc.getRoomList(resolve, reject)));
  assert.deepEqual(list, { default: { roomName: 'default', numberClients: 2 }, side: { roomName: 'side', numberClients: 2 } });
  await b.eval(() => easyrtc.leaveRoom('side'));
  await misses(a, 'side', b.id);
  await b.close();
  await misses(a, 'default', b.id);
}

async function tokens(t) {
  const server = await t.serve({ set: { 'auth.secret': secret, 'frontends.easyrtc.access': 'token' } });
  const env = { ...process.env, VECHE_AUTH_SECRET: secret };
  const token = (await run(binary, ['token', '--room', 'app/one', '--identity', 'ann'], { env })).trim();
  const inside = { port: server.port, rooms: ['one'] };
  const a = await member(t, 'ann', { ...inside, credential: { token } });
  assert.equal(await a.eval((id) => easyrtc.idToName(id), a.id), 'ann', 'the name is the token’s');
  const joined = await a.eval(() => new Promise((resolve) => easyrtc.joinRoom('two', null, () => resolve('in'), (code) => resolve(code))));
  assert.equal(joined, 'MSG_REJECT_NO_AUTH');
  for (const [name, o] of [['nobody', {}], ['forger', { credential: { token: `${token}x` } }], ['eve', { credential: { token }, username: 'eve' }], ['elsewhere', { credential: { token }, application: 'other' }]]) {
    const p = await member(t, name, { ...inside, ...o, may: true });
    assert.equal(p.made.error, 'LOGIN_BAD_AUTH', `${name}: ${JSON.stringify(p.made)}`);
    await p.close();
  }
}

async function apart(t) {
  const [a, b] = await Promise.all([member(t, 'ann', { application: 'one' }), member(t, 'bob', { application: 'two', browser: 'firefox' })]);
  assert.equal(await a.eval((id) => sendTo(id, 'im', 1), b.id), 'MSG_REJECT_TARGET_EASYRTCID');
  assert.equal(await a.eval(() => sendTo({ targetRoom: 'default' }, 'im', 1)), 'ack');
  assert.equal(await b.eval(() => sendTo({ targetRoom: 'default' }, 'im', 1)), 'ack');
  for (const p of [a, b]) assert.equal(await p.eval(() => events.filter(([e]) => e === 'message').length), 0);
}

/** What kills the project's own server, and what else a client may send. */
async function badFrames(t) {
  const [a, b] = await two(t);
  for (const [event, message, code] of [
    ['easyrtcCmd', { msgType: 'roomJoin', msgData: { roomJoin: {} } }, 'MSG_REJECT_BAD_STRUCTURE'],
    ['easyrtcCmd', null, 'MSG_REJECT_BAD_STRUCTURE'],
    ['easyrtcMsg', { msgType: 'x', targetRoom: '__proto__' }, 'MSG_REJECT_TARGET_ROOM'],
    ['easyrtcCmd', { msgType: 'constructor' }, 'MSG_REJECT_BAD_TYPE'],
    ['nothing', {}, 'MSG_REJECT_BAD_TYPE'],
  ]) {
    const out = await a.eval((e, m) => emit(e, m), event, message);
    assert.equal(out.msgData.errorCode, code, JSON.stringify(message));
  }
  const refused = await a.eval(() => emit('easyrtcMsg', { msgType: 'x', targetRoom: 'default', msgData: new Uint8Array(4) }));
  assert.equal(refused.msgData.errorCode, 'MSG_REJECT_BAD_DATA', 'binary attachments');
  for (const packet of ['x', '9', '2["easyrtcCmd"', '2[]']) await a.eval((p) => easyrtc.webSocket.io.engine.write(p), packet);
  await has(a, 'error', 'MSG_REJECT_BAD_STRUCTURE');
  await a.eval((id) => emit('easyrtcMsg', { msgType: 'im', msgData: 'spoofed', targetEasyrtcid: id, senderEasyrtcid: 'cid' }), b.id);
  await has(b, 'message', a.id, 'im', 'spoofed');
  assert.equal(await b.eval(() => events.filter(([e]) => e === 'error').length), 0, 'nobody else notices');
}

/** The old connection leads into nothing and the server still holds it: who comes back meets no ghost of itself. */
async function halfOpen(t) {
  const way = await t.cutter();
  const b = await member(t, 'bob', { browser: 'firefox', media: true });
  const a = await member(t, 'ann', { port: way.port, media: true, username: 'ann', transports: ['websocket'] }); // kept-alive requests would take the dead way
  const old = a.id;
  await sees(b, 'default', old);
  way.blackHole();
  await a.eval(() => easyrtc.disconnect());
  await a.until('the client has given up', () => easyrtc.webSocket === null);
  a.id = (await a.eval(() => login('app'))).id;
  assert.ok(a.id && a.id !== old);
  await Promise.all([misses(b, 'default', old), sees(b, 'default', a.id)]);
  assert.equal((await a.eval((id) => callTo(id), b.id)).accepted, true);
  await Promise.all([a.shows('video'), b.shows('video')]);
}

async function restart(t) {
  const server = await t.serve({});
  const [a, b] = [await member(t, 'ann', { port: server.port, reconnection: true }), await member(t, 'bob', { port: server.port, reconnection: true, browser: 'firefox' })];
  await server.stop();
  for (const p of [a, b]) await has(p, 'disconnected');
  await server.start();
  for (const p of [a, b]) await p.until('connected again', () => easyrtc.myEasyrtcid);
  const id = await b.eval(() => easyrtc.myEasyrtcid);
  await sees(a, 'default', id);
  assert.equal(await a.eval((to) => sendTo(to, 'im', 'again'), id), 'ack');
  await b.until('the message', () => events.some(([e, , , text]) => e === 'message' && text === 'again'));
}

async function otherPlaces(t) {
  const own = await t.serve({ set: { 'frontends.easyrtc.listen': 'localhost:9124' } }); // the article's
  assert.ok(own.port);
  const a = await member(t, 'ann', { port: 9124 });
  assert.ok(a.id);
  const under = await t.serve({ set: { 'http.prefix': '/rtc' } });
  const page = await open(t, 'bob', 'firefox', ...scripts);
  await page.eval(helpers);
  const out = await page.eval((url) => {
    easyrtc.enableAudio(false);
    easyrtc.enableVideo(false);
    easyrtc.setSocketUrl(url, { path: '/rtc/socket.io/', forceNew: true });
    return login('app');
  }, `http://localhost:${under.port}`);
  assert.ok(out.id, JSON.stringify(out));
}

/** Fig. 7 of the article, with its errors corrected: quotes, media before the connection, who is there, the arguments of call. */
async function article(t) {
  const figure = (url) => {
    globalThis.others = {};
    easyrtc.setSocketUrl(url);
    easyrtc.enableAudio(true);
    easyrtc.enableVideo(true);
    easyrtc.setStreamAcceptor((id, stream) => show(stream));
    easyrtc.setRoomOccupantListener((room, list) => (globalThis.others = list));
    return new Promise((resolve, reject) => {
      const failure = (code, text) => reject(new Error(`${code}: ${text}`));
      easyrtc.initMediaSource(() => easyrtc.connect('article', resolve, failure), failure);
    });
  };
  const [a, b] = await Promise.all(['chromium', 'firefox'].map((browser) => open(t, browser, browser, ...scripts)));
  for (const p of [a, b]) {
    await p.eval(helpers);
    p.id = await p.eval(figure, `http://localhost:${t.server.port}`);
  }
  await a.until('the other one is there', (id) => others[id], b.id);
  const how = await a.eval((id) => new Promise((resolve) => {
    const out = [];
    const next = (what) => (out.push(what), out.length === 2 && resolve(out.sort()));
    easyrtc.call(id, () => next('success'), (code, text) => resolve([code, text]), (accepted) => next(accepted ? 'accepted' : 'declined'));
  }), b.id);
  assert.deepEqual(how, ['accepted', 'success']);
  await Promise.all([a.shows('video'), b.shows('video')]);
}

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.png': 'image/png', '.gif': 'image/gif' };

/** What the project's own server serves: its demos and scripts; the rest of /socket.io/ is Veche's, behind a proxy. */
async function site(t) {
  const folders = { '/demos/': 'open-easyrtc/demos', '/easyrtc/': 'open-easyrtc/api' };
  const target = { host: 'localhost', port: t.server.port };
  const web = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://x');
    const prefix = Object.keys(folders).find((p) => pathname.startsWith(p));
    const file = pathname === '/socket.io/socket.io.js' ? 'socket.io-client/dist/socket.io.js' : prefix && join(folders[prefix], pathname.slice(prefix.length));
    if (!file) {
      const up = request({ ...target, path: req.url, method: req.method, headers: req.headers }, (r) => r.pipe(res.writeHead(r.statusCode, r.headers)));
      up.on('error', () => res.destroy());
      res.on('close', () => up.destroy());
      req.pipe(up);
      return;
    }
    try {
      const body = readFileSync(join(here, 'node_modules', file));
      res.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      res.writeHead(404).end();
    }
  });
  web.on('upgrade', (req, near) => {
    const far = connect(target, () => {
      far.write(`GET ${req.url} HTTP/1.1\r\n${req.rawHeaders.map((v, i) => (i % 2 ? `${v}\r\n` : `${v}: `)).join('')}\r\n`);
      near.pipe(far).pipe(near);
    });
    for (const s of [near, far]) s.on('error', () => { near.destroy(); far.destroy(); });
    near.on('close', () => far.destroy());
  });
  await new Promise((resolve) => web.listen(0, 'localhost', resolve));
  t.defer(() => {
    web.closeAllConnections();
    return new Promise((resolve) => web.close(resolve));
  });
  return `http://localhost:${web.address().port}/`;
}

/** The package's own page, which calls everybody who is there. */
async function multiparty(t) {
  const at = await site(t);
  const all = [];
  for (let i = 0; i < 4; i += 1) {
    const p = await open(t, `page-${i}`, 'chromium');
    await p.page.evaluateOnNewDocument(() => { // a small camera: the machine of a test has two cores
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = () => real({ audio: true, video: { width: 160, height: 120, frameRate: 10 } });
    });
    await p.page.goto(`${at}demos/demo_multiparty.html`);
    await p.until('it is in', () => easyrtc.myEasyrtcid);
    await p.until(`it is connected to ${i}`, (n) => easyrtc.getConnectionCount() === n, i);
    all.push(p);
  }
  await Promise.all(all.flatMap((p) => [1, 2, 3].map((n) => p.shows(`#box${n}`))));
  await all[3].eval(() => {
    document.getElementById('textentryField').value = 'hello all';
    sendText();
  });
  for (const p of all.slice(0, 3)) await p.until('the text', () => document.body.textContent.includes('hello all'));
  await all[3].close();
  for (const p of all.slice(0, 3)) await p.until('the fourth has gone', () => easyrtc.getConnectionCount() === 2);
}

const both = ['chromium', 'firefox'];

export default client({
  name: 'easyrtc',
  system: 'Open-EasyRTC',
  clients: ['open-easyrtc', 'socket.io-client'],
  server: { set: { frontends: 'easyrtc' } },
  cases: [
    { test: 'call and hang-up', does: { en: 'call, accept, video both ways, hang-up is seen by the other; polling upgraded to WebSocket', ru: 'вызов, ответ, видео в обе стороны, завершение видно другому; переход с опроса на WebSocket' }, browsers: both, run: hangup },
    { test: 'reject', does: { en: 'a call that is declined', ru: 'отклонённый вызов' }, browsers: both, run: rejected },
    { test: 'call, relayed', does: { en: 'a call through TURN alone, with the servers of `iceConfig`', ru: 'вызов только через TURN, с серверами из `iceConfig`' }, browsers: both, run: (t) => call(t, { relay: true }) },
    { test: 'call, polling only', does: { en: 'a client without WebSocket: video, messages', ru: 'клиент без WebSocket: видео, сообщения' }, browsers: both, run: polled },
    { test: 'call, dead STUN server', does: { en: 'a STUN server that does not answer delays no call', ru: 'неотвечающий сервер STUN не задерживает вызов' }, browsers: both, run: deadSTUN },
    { test: 'data channel', does: { en: 'data messages both ways, also long ones', ru: 'сообщения по каналу данных в обе стороны, также длинные' }, browsers: both, run: dataChannel },
    { test: 'messages', does: { en: 'messages to a client, a room, a group, and the errors for those that are not there', ru: 'сообщения клиенту, комнате, группе и ошибки, если их нет' }, browsers: both, run: messages },
    { test: 'rooms', does: { en: 'joinRoom, leaveRoom, usernames, presence, API fields, getRoomList', ru: 'joinRoom, leaveRoom, имена, присутствие, поля API, getRoomList' }, browsers: both, run: rooms },
    { test: 'tokens', does: { en: 'a signed token in `credential`, bound to application, room and user', ru: 'подписанный токен в `credential`, привязан к приложению, комнате и пользователю' }, browsers: ['chromium'], run: tokens },
    { test: 'applications are apart', does: { en: 'no way from one application to another', ru: 'из одного приложения нет пути в другое' }, browsers: both, run: apart },
    { test: 'bad frames', does: { en: '`roomJoin:{}` and other malformed messages are answered to their sender only; the server says who the sender is', ru: 'о `roomJoin:{}` и других ошибочных сообщениях узнаёт только отправитель; отправителя называет сервер' }, browsers: both, run: badFrames },
    { test: 'half-open', does: { en: 'coming back while the server still holds the dead connection: the ghost goes within seconds', ru: 'возвращение, пока сервер держит мёртвое соединение: призрак исчезает за секунды' }, browsers: both, run: halfOpen },
    { test: 'server restart', does: { en: 'clients with `reconnection` come back', ru: 'клиенты с `reconnection` возвращаются' }, browsers: both, run: restart },
    { test: 'places', does: { en: 'a port of its own, a path prefix', ru: 'свой порт, префикс пути' }, browsers: both, run: otherPlaces },
    { test: 'demo_multiparty', does: { en: 'the package’s page `demo_multiparty.html` in four pages: video and messages each to each', ru: 'страница `demo_multiparty.html` из пакета на четырёх страницах: видео и сообщения каждый каждому' }, browsers: ['chromium'], run: multiparty },
    { test: 'Fig. 7', does: { en: 'the article’s Fig. 7, its errors corrected', ru: 'рис. 7 статьи с исправленными ошибками' }, browsers: both, run: article },
  ],
});
