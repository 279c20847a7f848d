// The same made of @roamhq/wrtc, which is libwebrtc without a browser.
import wrtc from '@roamhq/wrtc';

const { RTCPeerConnection, nonstandard } = wrtc;
const [, , what, url] = process.argv;
const pc = new RTCPeerConnection();

async function post() {
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((resolve) => {
    const look = () => pc.iceGatheringState === 'complete' && resolve();
    pc.addEventListener('icegatheringstatechange', look);
    look();
  });
  const answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  return new URL(answer.headers.get('Location'), url);
}

async function publish() {
  const [width, height] = [320, 180];
  const video = new nonstandard.RTCVideoSource();
  const audio = new nonstandard.RTCAudioSource();
  for (const source of [video, audio]) pc.addTransceiver(source.createTrack(), { direction: 'sendonly' });
  let n = 0;
  setInterval(() => {
    const data = new Uint8ClampedArray(width * height * 1.5).map((_, i) => (i < width * height ? i + n : 128));
    n += 3;
    video.onFrame({ width, height, data });
  }, 50);
  setInterval(() => {
    const samples = new Int16Array(480).map((_, i) => 8000 * Math.sin((i * 2 * Math.PI) / 48));
    audio.onData({ samples, sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
  }, 10);
  const session = await post();
  console.log(JSON.stringify({ session }));
  await new Promise((resolve) => process.stdin.once('data', resolve));
  await fetch(session, { method: 'DELETE' });
}

async function play() {
  const count = { audio: 0, video: 0 };
  let size;
  const done = new Promise((resolve) => {
    const look = () => count.audio >= 10 && count.video >= 10 && resolve();
    pc.ontrack = ({ track }) => {
      if (track.kind === 'video') {
        new nonstandard.RTCVideoSink(track).onframe = ({ frame }) => {
          size = { width: frame.width, height: frame.height };
          count.video += 1;
          look();
        };
      } else {
        new nonstandard.RTCAudioSink(track).ondata = () => {
          count.audio += 1;
          look();
        };
      }
    };
  });
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
  const session = await post();
  await done;
  console.log(JSON.stringify(size));
  await fetch(session, { method: 'DELETE' });
}

await { publish, play }[what]();
process.exit(0);
