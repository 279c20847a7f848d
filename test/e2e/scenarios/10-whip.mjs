// WHIP and WHEP (RFC 9725 and its counterpart for players), with a browser at both ends.
import assert from 'node:assert/strict';
import { group } from '../lib/runner.mjs';
import { join, until } from '../lib/steps.mjs';

/** Runs in the page: posts an offer and applies the answer. */
async function post(path, publish) {
  const pc = new RTCPeerConnection();
  if (publish) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
    for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
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

export default group('whip', {}, ['an encoder is seen in the room and by a player', both, { firefox: true }]);
