// WHIP and WHEP (RFC 9725 and its counterpart for players), with a browser at both ends.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { join, until } from '../lib/steps.mjs';

/** Runs in the page: posts an offer and applies the answer. */
async function post(path, publish, codec) {
  const pc = new RTCPeerConnection();
  if (publish) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
    for (const track of stream.getTracks()) {
      const section = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      if (!codec || track.kind !== 'audio') continue;
      section.setCodecPreferences(RTCRtpReceiver.getCapabilities('audio').codecs.filter((c) => c.mimeType === codec));
    }
  } else {
    const video = document.createElement('video');
    Object.assign(video, { autoplay: true, playsInline: true, width: 320, height: 180 });
    video.srcObject = new MediaStream();
    document.body.prepend(video);
    pc.ontrack = (e) => video.srcObject.addTrack(e.track);
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
  }
  await pc.setLocalDescription();
  await new Promise((resolve) => {
    const look = () => pc.iceGatheringState === 'complete' && resolve();
    pc.onicegatheringstatechange = look;
    look();
  });
  const answer = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  const told = { status: answer.status, location: answer.headers.get('Location'), etag: answer.headers.get('ETag') };
  const sdp = await answer.text();
  if (answer.ok) await pc.setRemoteDescription({ type: 'answer', sdp });
  return told.status === 201 ? told : { ...told, sdp };
}

async function both(t) {
  const room = t.room();
  const player = await t.person('Player', { browser: 'firefox' });
  await player.goto(t.base);
  const early = await player.eval(post, `whep/${room}`, false); // before anybody publishes
  assert.equal(early.status, 201, JSON.stringify(early));
  const encoder = await t.person('Encoder');
  await encoder.goto(t.base);
  const made = await encoder.eval(post, `whip/${room}`, true);
  assert.equal(made.status, 201, JSON.stringify(made));
  assert.ok(made.location && made.etag);
  const a = await join(t, 'Ann', room);
  await a.gets({ videos: 1 });
  await player.gets({ videos: 1 });
  const status = await encoder.eval(async (url) => (await fetch(url, { method: 'DELETE' })).status, made.location);
  assert.ok(status === 200 || status === 204, `DELETE: ${status}`);
  await until('the encoder has left', async () => (await a.sample()).videos.length === 0);
}

/** An encoder with a telephone codec in a room of Opus: both are heard, and the picture is seen. */
async function telephone(t, codec, browser) {
  const room = t.room();
  const encoder = await t.person('Encoder');
  await encoder.goto(t.base);
  const made = await encoder.eval(post, `whip/${room}`, true, `audio/${codec}`);
  assert.equal(made.status, 201, JSON.stringify(made));
  const a = await join(t, 'Ann', room, { browser });
  const b = await join(t, 'Bob', room);
  const wanted = ['opus', codec.toLowerCase()];
  for (const p of [a, b]) {
    await p.gets({ videos: 2, audio: 2, timeout: 20_000 });
    await until(`${p.name} hears ${wanted.join(' and ')}`, async () => {
      const heard = (await p.sample()).audio.filter((x) => x.energy > 0).map((x) => x.codec);
      return wanted.every((name) => heard.includes(name));
    });
  }
}

export default group('whip', {},
  ['G.711 is heard in a room of Opus', (t) => telephone(t, 'PCMU')],
  ['G.722 is heard by Firefox in a room of Opus', (t) => telephone(t, 'G722', 'firefox'), { firefox: true }],
  ['an encoder is seen in the room and by a player', both, { firefox: true }]);
