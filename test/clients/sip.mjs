// SIP over WebSocket: JsSIP and SIP.js, unmodified, against the front-end.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { client, open } from './lib.mjs';

/** Runs in the page: what the tests do with JsSIP. */
function jssipHelpers() {
  globalThis.JsSIP = requireModule('jssip');
  globalThis.events = [];
  globalThis.note = (...what) => events.push(what);
  globalThis.show = (stream) => {
    let video = document.querySelector('video');
    if (!video) {
      video = document.createElement('video');
      Object.assign(video, { autoplay: true, playsInline: true, muted: true, width: 320, height: 180 });
      document.body.append(video);
    }
    if (video.srcObject !== stream) video.srcObject = stream;
  };
  const follow = (session) => {
    globalThis.session = session;
    const streams = (pc) => pc.addEventListener('track', (e) => e.streams[0] && show(e.streams[0]));
    if (session.connection) streams(session.connection);
    session.on('peerconnection', (e) => streams(e.peerconnection));
    for (const name of ['progress', 'accepted', 'confirmed', 'hold', 'unhold']) session.on(name, (e) => note(name, e?.originator));
    session.on('ended', (e) => note('ended', e.originator, e.cause));
    session.on('failed', (e) => note('failed', e.originator, e.cause));
    session.on('newDTMF', (e) => note('dtmf', e.originator, e.dtmf.tone));
    session.on('refer', (e) => {
      note('refer', e.request.refer_to.uri.toString());
      e.accept((s) => follow(s), globalThis.calling);
    });
  };
  globalThis.calling = { mediaConstraints: { audio: true, video: { width: 320, height: 180 } }, pcConfig: { iceServers: [] }, sessionTimersExpires: 90 };
  globalThis.ring = false; // leave calls unanswered
  globalThis.make = (user, url, options) =>
    new Promise((resolve) => {
      const ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@localhost`, password: 'none', register: true, ...options });
      globalThis.ua = ua;
      ua.on('registered', (e) => {
        note('registered', e.response.getHeader('X-ICE-Servers'));
        resolve({ status: e.response.status_code });
      });
      ua.on('registrationFailed', (e) => {
        note('registrationFailed', e.cause);
        resolve({ failed: e.cause, status: e.response?.status_code });
      });
      ua.on('unregistered', () => note('unregistered'));
      ua.on('disconnected', () => note('disconnected'));
      ua.on('newMessage', (e) => note('message', e.originator, e.request.from.uri.toString(), e.request.body));
      ua.on('newRTCSession', (e) => {
        follow(e.session);
        if (e.originator !== 'remote') return;
        note('call', e.request.from.uri.user);
        if (!ring) e.session.answer(calling);
      });
      ua.start();
      if (options?.register === false) ua.on('connected', () => resolve({ connected: true }));
    });
  globalThis.dial = (user) => follow(ua.call(`sip:${user}@localhost`, calling));
}

/** A page with a JsSIP user agent. */
async function phone(t, user, o = {}) {
  const { browser = 'chromium', port = t.server.port, may, ...options } = o;
  const page = await open(t, user, browser, 'commonjs.js');
  await page.eval(jssipHelpers);
  page.made = await page.eval((u, url, x) => make(u, url, x), user, `ws://localhost:${port}/sip`, options);
  if (!may) assert.ok(page.made.status === 200 || page.made.connected, `${user}: ${JSON.stringify(page.made)}`);
  return page;
}

const has = (page, ...event) => page.until(`event ${event}`, (want) => events.some((e) => want.every((w, i) => e[i] === w)), event);

/** One in Chromium, one in Firefox. */
function two(t, options = {}) {
  return Promise.all([phone(t, 'ann', options), phone(t, 'bob', { browser: 'firefox', ...options })]);
}

async function called(t, options) {
  const [a, b] = await two(t, options);
  await a.eval(() => {
    dial('bob');
  });
  await has(b, 'call', 'ann');
  await Promise.all([a.shows('video'), b.shows('video')]);
  return [a, b];
}

async function call(t) {
  const [a, b] = await called(t);
  await a.eval(() => session.terminate());
  await has(b, 'ended', 'remote', 'Terminated');
}

async function hold(t) {
  const [a, b] = await called(t);
  await a.eval(() => session.hold());
  await has(b, 'hold', 'remote');
  await a.eval(() => session.unhold());
  await has(b, 'unhold', 'remote');
  await b.shows('video');
}

async function messages(t) {
  const [a, b] = await two(t);
  const text = 'ünïcödé ✓ 𝄞\r\n\r\nSIP/2.0 200 OK';
  assert.equal(await a.eval((body) => new Promise((resolve) => {
    ua.sendMessage('sip:bob@localhost', body, { eventHandlers: { succeeded: () => resolve('sent'), failed: (e) => resolve(e.cause) } });
  }), text), 'sent');
  await has(b, 'message', 'remote', 'sip:ann@localhost', text);
  assert.equal(await b.eval(() => new Promise((resolve) => {
    ua.sendMessage('sip:nobody@localhost', 'x', { eventHandlers: { succeeded: () => resolve('sent'), failed: (e) => resolve(e.cause) } });
  })), 'Not Found');
}

async function tones(t) {
  const [a, b] = await called(t);
  await a.eval(() => session.sendDTMF('1#', { transportType: 'INFO', duration: 100, interToneGap: 100 }));
  for (const tone of ['1', '#']) await has(b, 'dtmf', 'remote', tone);
}

async function refer(t) {
  const [a, b] = await called(t);
  const c = await phone(t, 'cid');
  await a.eval(() => {
    session.refer('sip:cid@localhost', { eventHandlers: { accepted: () => note('refer accepted') } });
  });
  await has(b, 'refer', 'sip:cid@localhost');
  await has(c, 'call', 'bob');
  await c.shows('video');
  await has(a, 'refer accepted'); // by NOTIFY
}

async function refused(t) {
  const [a, b] = await two(t);
  await b.eval(() => {
    ring = true;
    ua.on('newRTCSession', ({ session: s }) => {
      if (globalThis.busy) s.terminate({ status_code: 486 });
    });
    globalThis.busy = true;
  });
  await a.eval(() => {
    dial('bob');
  });
  await has(a, 'failed', 'remote', 'Busy');
  await b.eval(() => {
    globalThis.busy = false;
    events.length = 0;
  });
  await a.eval(() => {
    events.length = 0;
    dial('bob');
  });
  await has(a, 'progress', 'remote');
  await a.eval(() => session.terminate());
  await has(b, 'failed', 'remote', 'Canceled');
  await a.eval(() => {
    events.length = 0;
    dial('nobody');
  });
  await has(a, 'failed', 'remote', 'Not Found');
}

async function forked(t) {
  const [a, b] = await two(t);
  const other = await phone(t, 'bob');
  await other.eval(() => {
    ring = true;
  });
  await a.eval(() => {
    dial('bob');
  });
  await a.shows('video');
  await b.shows('video');
  await has(other, 'failed', 'remote', 'Canceled');
}

async function unregister(t) {
  const [a, b] = await two(t, { register_expires: 120 });
  await b.eval(() => ua.unregister());
  await has(b, 'unregistered');
  await a.eval(() => {
    dial('bob');
  });
  await has(a, 'failed', 'remote', 'Not Found');
  await b.eval(() => {
    events.length = 0;
    ua.register();
  });
  await has(b, 'registered');
}

/** Registers for too short a time, is told Min-Expires, and does as told. */
async function brief(t) {
  const server = await t.serve({ set: { 'frontends.sip.minExpires': '5m' } });
  const a = await phone(t, 'ann', { port: server.port, register_expires: 60 });
  assert.equal(a.made.status, 200);
}

async function halfOpen(t) {
  const way = await t.cutter();
  const a = await phone(t, 'ann', { port: way.port, browser: 'firefox', connection_recovery_min_interval: 1 });
  const b = await phone(t, 'bob');
  await a.eval(() => {
    dial('bob');
  });
  await b.shows('video');
  way.blackHole();
  await a.eval(() => {
    events.length = 0;
    const { socket } = ua._transport;
    const dead = socket._ws;
    const { onclose } = dead;
    dead.onclose = null;
    dead.onmessage = null;
    socket._ws = null;
    onclose({ wasClean: false, code: 1006, reason: '' }); // as the browser does much later
  });
  await has(a, 'registered');
  await b.eval(() => session.terminate()); // the call goes on, and ends by the new connection
  await has(a, 'ended', 'remote', 'Terminated');
}

async function passwords(t) {
  const md5 = createHash('md5').update('bob:veche:b').digest('hex');
  const server = await t.serve({ set: { 'auth.secret': 'a secret that is long enough for everybody', 'frontends.sip.access': 'token', 'frontends.sip.users': `ann:a,bob:md5=${md5},cid:c` } });
  const { port } = server;
  const [a, b] = await Promise.all([phone(t, 'ann', { port, password: 'a' }), phone(t, 'bob', { port, password: 'b', browser: 'firefox' })]);
  await a.eval(() => {
    dial('bob');
  });
  await b.shows('video');
  await a.eval(() => {
    session.terminate();
    dial('cid');
  });
  await has(a, 'failed', 'remote', 'Unavailable'); // 480: one of ours, and not there
  const wrong = await phone(t, 'ann', { port, password: 'x', may: true });
  assert.equal(wrong.made.failed, 'Authentication Error');
  const eve = await phone(t, 'eve', { port, password: 'b', authorization_user: 'bob', may: true });
  assert.ok(eve.made.failed);
}

async function ice(t) {
  const [a, b] = await two(t);
  for (const p of [a, b]) {
    await p.eval(() => {
      const servers = JSON.parse(events.find(([e]) => e === 'registered')[1]);
      calling.pcConfig = { iceServers: servers, iceTransportPolicy: 'relay' };
    });
  }
  await a.eval(() => {
    dial('bob');
  });
  await Promise.all([a.shows('video'), b.shows('video')]);
}

async function spoofed(t) {
  const [a, b] = await two(t);
  await a.eval(() => {
    ua.sendMessage('sip:bob@localhost', 'x', { fromUserName: 'cid', eventHandlers: { failed: (e) => note('refused', e.cause), succeeded: () => note('sent') } });
    ua._transport.socket.send('MESSAGE sip:bob@localhost SIP/2.0\r\nVia: broken\r\n\r\n');
    ua._transport.socket.send('{"no":"SIP"}');
  });
  await has(a, 'refused', 'Rejected');
  assert.equal(await b.eval(() => events.filter(([e]) => e === 'message').length), 0);
}

/** Runs in the page: SIP.js by its SessionManager. */
async function sipjsHelpers(user, url, options) {
  const { UserAgent, Registerer, RegistererState, Inviter, SessionState, Messager, Web } = await import('/node_modules/sip.js/lib/index.js');
  Object.assign(globalThis, { events: [], SIP: { Inviter, SessionState, Messager, UserAgent, Web } });
  globalThis.note = (...what) => events.push(what);
  globalThis.follow = (session) => {
    globalThis.session = session;
    session.stateChange.addListener((state) => {
      note('state', state);
      if (state !== 'Established') return;
      const video = document.createElement('video');
      Object.assign(video, { autoplay: true, playsInline: true, muted: true, width: 320, height: 180, srcObject: session.sessionDescriptionHandler.remoteMediaStream });
      document.body.append(video);
    });
    session.delegate = {
      onInfo: (info) => {
        note('info', info.request.body);
        info.accept();
      },
      onInvite: (request) => note('reinvite', /a=sendonly|a=inactive/.test(request.body) ? 'hold' : 'resume'),
      onRefer: (referral) => {
        note('refer', referral.referTo.uri.toString());
        referral.accept().then(() => referral.makeInviter(SIPmedia).invite());
      },
    };
  };
  globalThis.SIPmedia = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: { width: 320, height: 180 } } } };
  const ua = new UserAgent({
    uri: UserAgent.makeURI(`sip:${user}@localhost`), transportOptions: { server: url }, logLevel: 'error',
    sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout: 500, peerConnectionConfiguration: { iceServers: [] } },
    delegate: {
      onInvite: (invitation) => {
        note('call', invitation.remoteIdentity.uri.user);
        follow(invitation);
        if (!globalThis.ring) invitation.accept(SIPmedia);
      },
      onMessage: (m) => {
        note('message', m.request.from.uri.user, m.request.body);
        m.accept();
      },
    },
    ...options,
  });
  globalThis.ua = ua;
  await ua.start();
  globalThis.registerer = new Registerer(ua);
  const done = new Promise((resolve) => {
    registerer.stateChange.addListener((s) => s === RegistererState.Registered && resolve(true));
    registerer.register({ requestDelegate: { onReject: (r) => resolve(r.message.statusCode) } });
  });
  globalThis.dial = (to) => {
    const inviter = new Inviter(ua, UserAgent.makeURI(`sip:${to}@localhost`), SIPmedia);
    follow(inviter);
    return inviter.invite({ requestDelegate: { onReject: (r) => note('rejected', r.message.statusCode) } });
  };
  return done;
}

async function sipjs(t, user, o = {}) {
  const { browser = 'chromium', port = t.server.port, ...options } = o;
  const page = await open(t, user, browser);
  assert.equal(await page.eval(sipjsHelpers, user, `ws://localhost:${port}/sip`, options), true);
  return page;
}

async function sipjsCall(t) {
  const [a, b] = await Promise.all([sipjs(t, 'ann'), sipjs(t, 'bob', { browser: 'firefox' })]);
  await a.eval(() => {
    dial('bob');
  });
  await has(b, 'call', 'ann');
  await Promise.all([a.shows('video'), b.shows('video')]);
  await a.eval(() => session.info({ requestOptions: { body: { contentDisposition: 'render', contentType: 'application/dtmf-relay', content: 'Signal=5\r\nDuration=100' } } }));
  await has(b, 'info', 'Signal=5\r\nDuration=100');
  await a.eval(() => new SIP.Messager(ua, SIP.UserAgent.makeURI('sip:bob@localhost'), 'höllo').message());
  await has(b, 'message', 'ann', 'höllo');
  await a.eval(() => session.invite({ sessionDescriptionHandlerModifiers: [SIP.Web.holdModifier] }));
  await has(b, 'reinvite', 'hold');
  await b.eval(() => session.bye());
  await has(a, 'state', 'Terminated');
}

async function sipjsOthers(t) {
  const [a, b, c] = await Promise.all([sipjs(t, 'ann'), sipjs(t, 'bob', { browser: 'firefox' }), phone(t, 'cid')]);
  await a.eval(() => {
    dial('nobody');
  });
  await has(a, 'rejected', 404);
  await b.eval(() => {
    globalThis.ring = true;
  });
  await a.eval(() => {
    dial('bob');
  });
  await has(b, 'call', 'ann');
  await a.eval(() => session.cancel());
  await has(b, 'state', 'Terminated');
  await a.eval(() => {
    dial('bob');
  });
  await b.until('it rings again', () => events.filter(([e]) => e === 'call').length === 2);
  await b.eval(() => session.reject({ statusCode: 486 }));
  await has(a, 'rejected', 486);
  await b.eval(() => {
    globalThis.ring = false;
  });
  await a.eval(() => {
    dial('bob');
  });
  await a.shows('video');
  await a.eval(() => session.refer(SIP.UserAgent.makeURI('sip:cid@localhost')));
  await has(c, 'call', 'bob'); // to the other kind of client
  await c.shows('video');
  await b.eval(() => registerer.unregister());
  await b.until('unregistered', () => registerer.state === 'Unregistered');
}

const both = ['chromium', 'firefox'];

export default client({
  name: 'sip',
  system: 'SIP over WebSocket',
  clients: ['jssip'],
  cases: [
    { test: 'call', does: { en: 'register; call with video both ways; BYE is seen by the other side', ru: 'регистрация; вызов с видео в обе стороны; BYE виден другой стороне' }, browsers: both, run: call },
    { test: 'hold', does: { en: 're-INVITE: hold and back', ru: 're-INVITE: удержание и возврат' }, browsers: both, run: hold },
    { test: 'messages', does: { en: 'MESSAGE, as written; 404', ru: 'MESSAGE без изменений; 404' }, browsers: both, run: messages },
    { test: 'tones', does: { en: 'DTMF by INFO', ru: 'DTMF через INFO' }, browsers: both, run: tones },
    { test: 'refer', does: { en: 'transfer by REFER, with NOTIFY', ru: 'перевод вызова: REFER и NOTIFY' }, browsers: both, run: refer },
    { test: 'refused', does: { en: 'busy (486), CANCEL, unknown user (404)', ru: 'занято (486), CANCEL, неизвестный пользователь (404)' }, browsers: both, run: refused },
    { test: 'several devices', does: { en: 'all devices ring; the first that answers ends it for the others', ru: 'звонят все устройства; первый ответ прекращает вызов на остальных' }, browsers: both, run: forked },
    { test: 'unregister', does: { en: 'unregister, register again', ru: 'снятие регистрации и новая регистрация' }, browsers: both, run: unregister },
    { test: 'too brief', does: { en: '423 with Min-Expires, obeyed', ru: '423 с Min-Expires, исполнено' }, browsers: ['chromium'], run: brief },
    { test: 'half-open', does: { en: 'reconnect while the server still holds the dead connection; the call goes on', ru: 'переподключение, пока сервер держит мёртвое соединение; вызов продолжается' }, browsers: both, run: halfOpen },
    { test: 'passwords', does: { en: 'digest with a password or a stored hash; wrong ones refused; 480', ru: 'digest с паролем или хранимым хешем; неверные отклонены; 480' }, browsers: both, run: passwords },
    { test: 'relayed', does: { en: 'a call through TURN alone, with the servers of `X-ICE-Servers`', ru: 'вызов только через TURN, с серверами из `X-ICE-Servers`' }, browsers: both, run: ice },
    { test: 'spoofed sender', does: { en: 'a From of somebody else is refused; malformed messages reach nobody', ru: 'чужой From отклонён; ошибочные сообщения никому не видны' }, browsers: both, run: spoofed },
    { test: 'SIP.js, call', clients: ['sip.js'], does: { en: 'register, video both ways, INFO, MESSAGE, hold, BYE', ru: 'регистрация, видео в обе стороны, INFO, MESSAGE, удержание, BYE' }, browsers: both, run: sipjsCall },
    { test: 'SIP.js, others', clients: ['sip.js'], does: { en: '404, CANCEL, 486, REFER to a JsSIP client, unregister', ru: '404, CANCEL, 486, REFER к клиенту JsSIP, снятие регистрации' }, browsers: both, run: sipjsOthers },
  ],
});
