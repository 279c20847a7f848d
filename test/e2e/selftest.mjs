// Proves the harness itself: two peer connections in one page, in both browsers, without a server of ours.
import http from 'node:http';
import assert from 'node:assert/strict';
import { launchChromium, launchFirefox } from './lib/browsers.mjs';
import { Person } from './lib/person.mjs';

const html = `<!doctype html><html lang="en"><title>Proof</title><main><h1>Proof</h1><button id="b">Join</button>
<figure aria-label="Other"><video id="v" autoplay playsinline width="320" height="180"></video></figure></main><script src="a.js"></script></html>`;
const js = `
let a, b, s;
document.querySelector('#b').onclick = async () => {
  s = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
  a = new RTCPeerConnection(); b = new RTCPeerConnection();
  a.onicecandidate = (e) => b.addIceCandidate(e.candidate); b.onicecandidate = (e) => a.addIceCandidate(e.candidate);
  b.ontrack = (e) => { document.querySelector('#v').srcObject = e.streams[0]; };
  for (const t of s.getTracks()) a.addTrack(t, s);
  await a.setLocalDescription(); await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(); await a.setRemoteDescription(b.localDescription);
  document.querySelector('#b').textContent = 'Hang up';
  document.querySelector('#b').onclick = () => { for (const t of s.getTracks()) t.stop(); a.close(); b.close(); };
};`;

const server = http.createServer((q, r) => {
  r.setHeader('Content-Type', q.url === '/a.js' ? 'text/javascript' : 'text/html');
  r.end(q.url === '/a.js' ? js : html);
});
await new Promise((resolve) => server.listen(0, 'localhost', resolve));
const url = `http://localhost:${server.address().port}/`;

for (const launch of [launchChromium, launchFirefox]) {
  const began = performance.now();
  const host = await launch();
  const started = performance.now();
  const p = await Person.make(host, 'Ann');
  await p.goto(url);
  assert.deepEqual(await p.captures(), []);
  await p.click('Join');
  const got = await p.gets({ videos: 1 });
  const joined = performance.now();
  await p.startGaps();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const gaps = await p.stopGaps();
  assert.deepEqual(await p.captures(), ['getUserMedia']);
  assert.equal(await p.exchanges(), 4);
  await assert.rejects(p.silent(), /still run/);
  await p.click('Hang up');
  await p.silent();
  assert.equal((await p.sample()).paths.length, 0);
  console.log(host.kind, `start ${Math.round(started - began)} ms, media ${Math.round(joined - started)} ms`, JSON.stringify(gaps), JSON.stringify(got));
  await p.close();
  await host.close();
}
server.close();
