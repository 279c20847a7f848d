// Players of HLS and MPEG-DASH, unmodified as npm has them, on what the server makes of a stream that ffmpeg pushes.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { client, open, start, stop, until } from './lib.mjs';

const hlsScript = 'node_modules/hls.js/dist/hls.min.js';
const dashScript = 'node_modules/dashjs/dist/modern/umd/dash.all.min.js';

async function freePort() {
  const s = createServer();
  await new Promise((resolve) => s.listen(0, resolve));
  const { port } = s.address();
  await new Promise((resolve) => s.close(resolve));
  return port;
}

const rtmp = await freePort();

/** Pushes a moving picture and a tone into a room until the scenario ends. */
function studio(t, room, size = '640x360') {
  const child = start('ffmpeg', [
    '-hide_banner', '-loglevel', 'error', '-nostdin', '-re', '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25`, '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '50', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'flv', `rtmp://localhost:${rtmp}/live/${room}`,
  ]);
  t.defer(() => stop(child, 2000));
  return child;
}

/** Waits until somebody plays in the room. */
async function ready(t, url) {
  await until('the room plays', async () => (await fetch(url)).ok, { timeout: 20_000 });
}

/** Runs in the page: a player of HLS, and what it says. */
function playHLS(source, options) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, playsInline: true, width: 320, height: 180 });
  document.body.append(video);
  globalThis.faults = [];
  globalThis.cuts = new Set();
  const hls = new Hls(options);
  globalThis.hls = hls;
  hls.on(Hls.Events.ERROR, (_, e) => faults.push(`${e.type} ${e.details} ${e.fatal} ${e.error?.message ?? ''}`));
  hls.on(Hls.Events.FRAG_CHANGED, (_, e) => cuts.add(e.frag.cc));
  hls.loadSource(source);
  hls.attachMedia(video);
  video.play().catch(() => {});
}

const fatal = (p) => p.eval(() => faults.filter((f) => f.includes(' true ')));

async function hlsPlays(t, browser) {
  const room = `hls-${browser}`;
  studio(t, room);
  const url = `${t.server.base}hls/${room}/index.m3u8`;
  await ready(t, url);
  const p = await open(t, `hls.js in ${browser}`, browser, hlsScript);
  await p.eval(playHLS, url, { lowLatencyMode: true });
  await p.shows('video');
  await p.until('it plays close to the live edge', () => hls.latency > 0 && hls.latency < 3 && hls.mainForwardBufferInfo?.len > 0);
  const audio = await p.eval(() => hls.audioTracks[hls.audioTrack]?.name);
  t.note?.(`hls.js in ${browser}: ${(await p.eval(() => hls.latency)).toFixed(2)} s behind, sound ${audio}`);
  assert.deepEqual(await fatal(p), []);
}

/** The publisher goes, comes back with another size, and the player plays on. */
async function gap(t, browser) {
  const room = `gap-${browser}`;
  const first = studio(t, room);
  const url = `${t.server.base}hls/${room}/index.m3u8`;
  await ready(t, url);
  const p = await open(t, `hls.js in ${browser}`, browser, hlsScript);
  await p.eval(playHLS, url, { lowLatencyMode: true });
  await p.shows('video');
  await stop(first, 2000);
  studio(t, room, '480x270');
  await p.until('the new picture is played', () => document.querySelector('video').videoWidth === 480);
  await p.shows('video');
  assert.ok((await p.eval(() => cuts.size)) > 1, 'no discontinuity');
  assert.deepEqual(await fatal(p), []);
}

async function dashPlays(t, browser) {
  const room = `dash-${browser}`;
  studio(t, room);
  const url = `${t.server.base}dash/${room}/manifest.mpd`;
  await ready(t, url);
  const p = await open(t, `dash.js in ${browser}`, browser, dashScript);
  await p.eval((source) => {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, width: 320, height: 180 });
    document.body.append(video);
    globalThis.faults = [];
    globalThis.player = dashjs.MediaPlayer().create();
    player.on('error', (e) => faults.push(`${e.error?.code} ${e.error?.message} true `));
    player.updateSettings({ streaming: { liveCatchup: { enabled: true } } }); // on a machine that stutters too
    player.initialize(video, source, true);
    player.setMute(true);
  }, url);
  await p.shows('video');
  await p.until('it plays close to the live edge', () => player.getCurrentLiveLatency() < 8);
  assert.deepEqual(await fatal(p), []);
}

const both = ['chromium', 'firefox'];
const each = (name, does, run, clients) =>
  both.map((browser) => ({ test: `${name}, ${browser}`, does, browsers: [browser], clients, timeout: 40_000, run: (t) => run(t, browser) }));

export default client({
  name: 'players',
  system: 'HLS, MPEG-DASH',
  clients: ['hls.js'],
  server: { set: { 'streams.rtmp': `:${rtmp}` } },
  cases: [
    ...each('hls.js', { en: 'a stream pushed by RTMP, less than 3 s behind', ru: 'поток по RTMP, отставание меньше 3 с' }, hlsPlays),
    ...each('hls.js, a gap', { en: 'the publisher goes and comes back with another size: played on over the discontinuity', ru: 'передающий уходит и возвращается с другим размером: воспроизведение идёт дальше' }, gap),
    ...each('dash.js', { en: 'the same by its manifest, less than 8 s behind', ru: 'то же по манифесту, отставание меньше 8 с' }, dashPlays, ['dashjs']),
  ],
});
