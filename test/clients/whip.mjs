// WHIP and WHEP: encoders and players of other makers, which share no code with the server or with browsers' WebRTC.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { client, here, open, run, start, stop, until } from './lib.mjs';

const makers = {
  aiortc: ['/usr/bin/python3', join(here, 'streams/aiortc_client.py')],
  wrtc: [process.execPath, join(here, 'streams/wrtc_client.mjs')],
};

/** Publishes until the scenario ends, or end() is called. */
async function publish(t, maker, room) {
  const [command, ...args] = makers[maker];
  const child = start(command, [...args, 'publish', `${t.base}whip/${room}`], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.defer(() => stop(child));
  let text = '';
  let said = '';
  child.stdout.on('data', (d) => {
    said += d;
  });
  child.stderr.on('data', (d) => {
    text += d;
  });
  await until(() => `${maker} publishes: ${text}`, () => said.includes('session') || (child.exitCode !== null && Promise.reject(new Error(text))));
  return {
    session: new URL(JSON.parse(said).session, t.base),
    async end() {
      child.stdin.write('\n');
      assert.equal(await child.gone, 0, text);
    },
  };
}

async function play(t, maker, room) {
  const [command, ...args] = makers[maker];
  return JSON.parse((await run(command, [...args, 'play', `${t.base}whep/${room}`])).trim().split('\n').at(-1));
}

/** Each of both publishes, and each plays what the other one does. */
function pair(publisher, player, size) {
  return async (t) => {
    const room = t.room();
    const encoder = await publish(t, publisher, room);
    const seen = await play(t, player, room);
    assert.equal(`${seen.width}x${seen.height}`, size);
    await encoder.end();
    assert.equal((await fetch(encoder.session, { method: 'GET' })).status, 404, 'it has left');
  };
}

/** The player as one script: the package is for bundlers. */
async function bundle() {
  const vite = createRequire(join(here, '../../web/package.json')).resolve('vite');
  const { build } = await import(pathToFileURL(vite).href);
  const outDir = join(here, 'node_modules/.cache/eyevinn');
  mkdirSync(outDir, { recursive: true });
  await build({
    configFile: false,
    root: here,
    logLevel: 'warn',
    build: { outDir, copyPublicDir: false, lib: { entry: join(here, 'streams/eyevinn.js'), formats: ['iife'], name: 'eyevinn', fileName: () => 'player.js' } },
  });
  return 'node_modules/.cache/eyevinn/player.js';
}

async function eyevinn(t) {
  const room = t.room();
  await publish(t, 'wrtc', room);
  const p = await open(t, 'Player', 'chromium', await bundle());
  await p.eval(async (url) => {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, width: 320, height: 180 });
    document.body.append(video);
    const player = new WebRTCPlayer({ video, type: 'whep', iceServers: [] });
    await player.load(new URL(url));
    video.play();
  }, `${t.base}whep/${room}`);
  await p.shows('video');
}

/** The code for pages that a document gives. */
const snippet = (file) => /```html\n(<iframe[\s\S]*?)```/.exec(readFileSync(join(here, '../..', file), 'utf8'))[1];

/** The player page in a frame of a foreign page, in a sandbox without an origin, as the documents say. */
function framed(browser, file) {
  return async (t) => {
    const room = t.room();
    const p = await open(t, 'Host page', browser);
    await p.eval((html) => {
      document.body.innerHTML = html;
    }, snippet(file).replace('https://HOST/', t.base).replace('ROOM', room).replace('/embed', '/embed?lang=en'));
    const inside = await until('the frame is there', () => p.page.frames().find((f) => f.url().includes('/embed')));
    const words = () => inside.evaluate(() => document.querySelector('p').hidden || document.querySelector('p').textContent);
    await until('it says that nobody publishes yet', async () => /Nothing is shown yet/.test(await words()));
    const encoder = await publish(t, 'wrtc', room);
    const moves = () => inside.evaluate(() => {
      const v = document.querySelector('video');
      const was = v.dataset.at ?? 0;
      v.dataset.at = v.currentTime;
      return v.videoWidth === 320 && v.currentTime > was && v.muted && !document.querySelector('button').hidden;
    });
    await until('the picture moves', moves);
    await until('no words are over it', async () => (await words()) === true);
    await inside.evaluate(() => document.querySelector('button').click());
    await until('there is sound', () => inside.evaluate(() => !document.querySelector('video').muted || document.querySelector('video').paused));
    await encoder.end();
    await until('it says that it is over', async () => /Nothing is shown yet/.test(await words()));
    assert.deepEqual(p.log.filter((line) => line.startsWith('error')), []);
  };
}

export const whip = client({
  name: 'whip',
  system: 'WHIP, WHEP',
  clients: ['@roamhq/wrtc'],
  cases: [
    {
      test: 'aiortc publishes, @roamhq/wrtc plays',
      does: { en: 'aiortc (Debian) publishes picture and sound, libwebrtc without a browser plays them', ru: 'aiortc (Debian) публикует изображение и звук, libwebrtc без браузера их воспроизводит' },
      run: pair('aiortc', 'wrtc', '640x480'),
    },
    {
      test: '@roamhq/wrtc publishes, aiortc plays',
      does: { en: 'libwebrtc without a browser publishes, aiortc (Debian) plays', ru: 'libwebrtc без браузера публикует, aiortc (Debian) воспроизводит' },
      run: pair('wrtc', 'aiortc', '320x180'),
    },
    {
      test: 'a web player from npm',
      clients: ['@eyevinn/webrtc-player'],
      does: { en: 'a web player for WHEP, in a page of foreign origin', ru: 'веб-плеер WHEP на странице чужого сайта' },
      browsers: ['chromium'],
      run: eyevinn,
    },
    {
      test: 'the player page in a frame',
      does: { en: 'watch/ROOM/embed in a sandboxed frame of a foreign page: waits, plays, gives sound by a click, says when it is over', ru: 'watch/КОМНАТА/embed в изолированном фрейме чужой страницы: ждёт, показывает, включает звук по щелчку, говорит о конце' },
      browsers: ['chromium'],
      run: framed('chromium', 'docs/streaming-out.md'),
    },
    {
      test: 'the player page in a frame, Firefox',
      does: { en: 'the same', ru: 'то же' },
      browsers: ['firefox'],
      run: framed('firefox', 'docs/ru/streaming-out.md'),
    },
  ],
});
