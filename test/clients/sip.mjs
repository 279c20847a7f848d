// SIP over WebSocket: JsSIP and SIP.js, unmodified, against the front-end.
import assert from 'node:assert/strict';
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

const both = ['chromium', 'firefox'];

export default client({
  name: 'sip',
  system: 'SIP over WebSocket',
  clients: ['jssip'],
  cases: [
    { test: 'call', does: { en: 'register; call with video both ways; BYE is seen by the other side', ru: 'регистрация; вызов с видео в обе стороны; BYE виден другой стороне' }, browsers: both, run: call },
  ],
});
