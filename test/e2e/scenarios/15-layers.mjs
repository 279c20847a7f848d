// Several sizes of a picture: who needs which gets it, what nobody needs is not sent, and the app says so in words.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { bothGet, join, open, sleep, until } from '../lib/steps.mjs';

const hd = { width: 1280, height: 720 };
const small = { width: 400, height: 300 };
const large = { width: 1280, height: 800 };

/** The widest picture that somebody decodes now, as it grows. */
async function seen(p) {
  const { decoded } = await p.sample();
  return Math.max(0, ...decoded.filter((d) => d.frames > 0).map((d) => d.w ?? 0));
}

const encoding = async (p, rid) => (await p.sample()).sent.find((s) => s.rid === rid);

/** What the server told last of which encodings it wants of the camera: frame and when it came, in the page's time. */
function wanted(p) {
  return p.eval(() => {
    const all = window.__e2e.frames('got', 'layers').filter((f) => f.data.tracks.some((t) => t.source === 'camera'));
    return all.map((f) => ({ at: f.at, wanted: f.data.tracks.find((t) => t.source === 'camera').wanted }));
  });
}

/** Follows, in the page, when an encoding encodes its first frame, or the last one, from now on. */
const follow = (p, rid) =>
  p.eval((id) => {
    window.__frames = [];
    let before;
    clearInterval(window.__follow);
    window.__follow = setInterval(async () => {
      for (const pc of window.__e2e.live()) {
        for (const r of (await pc.getStats()).values()) {
          if (r.type !== 'outbound-rtp' || r.rid !== id) continue;
          if (before !== undefined && r.framesSent > before) window.__frames.push(performance.now());
          before = r.framesSent;
        }
      }
    }, 50);
  }, rid);
const frames = (p) => p.eval(() => window.__frames);

/** From the wish for a large tile to the first packet of the large picture, in the page's time. */
const resumed = (p) =>
  p.eval(() => {
    const [{ e2e }] = window.__e2e.sockets.slice(-1);
    const views = e2e.sent.filter((f) => f.data.t === 'view' && f.data.seats.length > 0);
    const last = views.findLastIndex((f) => f.data.seats[0].width <= 640);
    const asked = views[last + 1];
    const began = asked && e2e.got.find((f) => f.at > asked.at && f.data.t === 'seats' && f.data.seats.some((x) => x.rtp !== undefined && x.layer?.index === 2));
    return began && began.at - asked.at;
  });

async function sizes(t, browser) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu&video=vp8', captures: hd, browser });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  await until('Bob sees the large picture', async () => (await seen(b)) >= 960, { timeout: 25_000 });
  await follow(a, 'h');
  const began = await a.eval(() => performance.now());
  await b.page.setViewport(small);
  await until('Bob sees a small picture', async () => (await seen(b)) <= 640, { timeout: 10_000 });
  const told = await until('the server wants the large one no more', async () => (await wanted(a)).findLast((w) => w.at > began && !w.wanted.includes(2)), { timeout: 10_000 });
  await sleep(2500);
  const last = (await frames(a)).at(-1) ?? 0;
  const stopped = Math.max(0, Math.round(last - told.at));
  assert.ok(stopped <= 2000, `the large encoding stops ${stopped} ms after it was told`);
  await b.page.setViewport(large);
  const took = await until('the large one begins', () => resumed(b), { timeout: 10_000 });
  t.note(`stopped after ${stopped} ms, begins again ${Math.round(took)} ms after it was asked for`);
  assert.ok(took <= 1000, `first packet after ${Math.round(took)} ms`);
  await until('Bob sees the large picture again', async () => (await seen(b)) >= 960, { timeout: 20_000 });
  await open(b, 'Statistics');
  await b.reads(/Camera: size 3 of 3/);
  await open(a, 'Statistics');
  await a.reads(/Camera: sent in sizes: [123]/);
  await t.gallery(b, 'statistics-layers');
}

/** Layers in one stream, which Chromium makes of VP9 and AV1. */
async function layered(t, codec) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: `?topology=sfu&video=${codec}`, captures: { width: 640, height: 360 } });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  const modes = await a.eval(() => window.__e2e.live().flatMap((pc) => pc.getSenders()).filter((s) => s.track?.kind === 'video').map((s) => s.getParameters().encodings[0].scalabilityMode));
  assert.match(modes[0], /^L[12]T3/);
  t.note(`${modes[0]}`);
}

/** A page that nobody sees gets no pictures, in both topologies; sound goes on. */
async function hidden(t, mode) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: `?topology=${mode}` });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  const look = (state) =>
    b.eval((s) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => s });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  const pictures = async (p) => (await p.sample()).decoded.reduce((n, d) => n + d.frames, 0);
  await look('hidden');
  await until('Bob gets no frames', async () => {
    const before = await pictures(b);
    await sleep(700);
    return (await pictures(b)) === before;
  });
  await b.gets({ videos: 0, audio: 1 });
  await look('visible');
  await bothGet(a, b);
}

/** A tile that is scrolled out of sight gets no picture either, while the page itself is looked at. */
async function scrolled(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room);
  await bothGet(a, b);
  const move = (to) => b.eval((y) => { document.querySelector('.st-area').style.translate = y; }, to);
  const paused = async () => (await b.frames('sent', 'view')).at(-1).seats.some((s) => s.paused && s.width > 0);
  await move('0 -4000px');
  await until('the picture is paused', paused);
  await b.gets({ videos: 0, audio: 1 });
  await move('0 0');
  await bothGet(a, b);
}

/** Sound only, by choice; the choice outlives the page. */
async function saving(t, mode) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: `?topology=${mode}` });
  const b = await join(t, 'Bob', room, { browser: t.browser ?? 'chromium' });
  await bothGet(a, b);
  await open(b, 'Layout');
  await b.click('Sound only (save data)');
  await b.reads(/Sound only, to save data/);
  await b.gets({ videos: 0, audio: 1 });
  await t.gallery(b, `sound-only-${mode}`);
  await a.gets({ videos: 1 });
  await b.press('Escape');
  await open(b, 'Layout');
  await b.click('Sound only (save data)');
  await bothGet(a, b);
}

/** What a page has agreed on for its microphone, and what it sends. */
const voice = (p) =>
  p.eval(async () => {
    const [pc] = window.__e2e.live();
    const { mid } = pc.getTransceivers().find((x) => x.sender.track?.kind === 'audio');
    const section = pc.remoteDescription.sdp.split(/(?=^m=)/m).find((x) => x.includes(`a=mid:${mid}\r\n`));
    const first = /^m=audio \d+ \S+ (\d+)/.exec(section)[1];
    const sent = [...(await pc.getStats()).values()].find((r) => r.type === 'outbound-rtp' && r.kind === 'audio');
    return { name: new RegExp(`a=rtpmap:${first} (\\S+)`).exec(section)[1], fmtp: section.match(/^a=fmtp.*/gm), bytes: sent.bytesSent, packets: sent.packetsSent };
  });

/** Opus goes as RED where the browser knows it, with FEC and silence; who does not know RED hears all the same. */
async function redundant(t) {
  const room = t.room();
  const a = await join(t, 'Ann', room, { query: '?topology=sfu' });
  const b = await join(t, 'Bob', room, { browser: 'firefox' });
  const c = await join(t, 'Cem', room);
  await bothGet(a, b, c);
  const [ann, bob] = [await voice(a), await voice(b)];
  t.note(`Chromium ${ann.name} ${Math.round(ann.bytes / ann.packets)} bytes a packet; Firefox ${bob.name} ${Math.round(bob.bytes / bob.packets)}`);
  assert.equal(ann.name, 'red/48000/2');
  assert.equal(bob.name, 'opus/48000/2');
  for (const one of [ann, bob]) {
    const opus = one.fmtp.find((line) => line.includes('useinbandfec=1'));
    assert.match(opus, /usedtx=1/);
  }
  for (const p of [a, b, c]) assert.equal((await p.sample()).audio.filter((x) => x.energy > 0).length, 2, `${p.name} hears both`);
}

export default group(
  'layers',
  {},
  ['three sizes: small and large tile, what nobody watches stops', (t) => sizes(t, 'chromium'), { timeout: 120_000 }],
  ['three sizes sent by Firefox', (t) => sizes(t, 'firefox'), { firefox: true, timeout: 120_000 }],
  ['Opus with redundancy', redundant, { firefox: true }],
  ['VP9 in layers', (t) => layered(t, 'vp9')],
  ['AV1 of a larger camera', (t) => layered(t, 'av1')],
  ['a page out of sight gets no pictures, SFU', (t) => hidden(t, 'sfu')],
  ['a page out of sight gets no pictures, P2P', (t) => hidden(t, 'p2p')],
  ['a tile out of sight gets no picture', scrolled],
  ['sound only by choice, SFU', (t) => saving(t, 'sfu')],
  ['sound only by choice, P2P', (t) => saving(t, 'p2p')],
);
