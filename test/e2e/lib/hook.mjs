// Runs in every page before its scripts: keeps every peer connection, capture, WebSocket and frame that the page makes, so that
// tests look at what really happened and not at what the page says. The function is sent as text: it uses nothing from outside.
export function hook() {
  if (window.__e2e) return;
  const e2e = { pcs: [], captures: [], tracks: [], sockets: [], errors: [], log: [], gaps: null, blobs: new Map(), size: { width: 320, height: 180 } };
  Object.defineProperty(window, '__e2e', { value: e2e });
  const note = (what, more) => e2e.log.push({ at: Math.round(performance.now()), what, ...more });
  e2e.note = note;
  /** When something was last noted, in ms since 1970: pages can be compared. */
  e2e.when = (what, which = () => true) => {
    const found = e2e.log.findLast((entry) => entry.what === what && which(entry));
    return found && performance.timeOrigin + found.at;
  };
  window.addEventListener('error', (e) => e2e.errors.push(String(e.error?.stack ?? e.message)));
  window.addEventListener('unhandledrejection', (e) => e2e.errors.push(`unhandled: ${e.reason?.stack ?? e.reason}`));
  document.addEventListener('securitypolicyviolation', (e) =>
    e2e.errors.push(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`),
  );

  window.addEventListener('click', (e) => note('click', { on: e.target.closest?.('button,a')?.getAttribute('aria-label') ?? e.target.innerText }), true);

  const Peer = window.RTCPeerConnection;
  if (Peer) {
    window.RTCPeerConnection = class RTCPeerConnection extends Peer {
      constructor(...args) {
        super(...args);
        this.e2e = { n: e2e.pcs.length, config: args[0], local: 0, remote: 0, candidates: 0, closed: false, began: Math.round(performance.now()) };
        e2e.pcs.push(this);
        note('pc', { pc: this.e2e.n });
        this.addEventListener('connectionstatechange', () => note('pc-state', { pc: this.e2e.n, state: this.connectionState }));
      }
    };
    const count = (method, side) => {
      const original = Peer.prototype[method];
      Peer.prototype[method] = function (...args) {
        if (this.e2e) this.e2e[side] += 1;
        if (side !== 'candidates') note(method, { pc: this.e2e?.n, type: args[0]?.type });
        const done = original.apply(this, args);
        done?.catch((err) => note(`${method} failed`, { pc: this.e2e?.n, why: String(err), sdp: args[0]?.sdp }));
        return done;
      };
    };
    count('setLocalDescription', 'local');
    count('setRemoteDescription', 'remote');
    count('addIceCandidate', 'candidates');
    const close = Peer.prototype.close;
    Peer.prototype.close = function () {
      if (this.e2e) this.e2e.closed = true;
      note('pc-close', { pc: this.e2e?.n });
      return close.call(this);
    };
  }

  const keep = (track, from) => {
    e2e.tracks.push({ track, from });
    return track;
  };
  /** Four people share two cores: their pictures are small. */
  const small = (method, constraints) => {
    if (!constraints?.video) return constraints;
    const size = method === 'getUserMedia' ? e2e.size : { width: 640, height: 360, frameRate: 5 };
    return { ...constraints, video: { ...(constraints.video === true ? {} : constraints.video), ...size } };
  };
  const devices = window.MediaDevices?.prototype;
  for (const method of ['getUserMedia', 'getDisplayMedia']) {
    const original = devices?.[method];
    if (!original) continue;
    devices[method] = async function (constraints) {
      note(method, { constraints: JSON.stringify(constraints) });
      e2e.captures.push({ method, at: performance.now(), constraints });
      const stream = await original.call(this, small(method, constraints));
      for (const track of stream.getTracks()) keep(track, method);
      return stream;
    };
  }
  if (window.MediaStreamTrack) {
    const clone = MediaStreamTrack.prototype.clone;
    MediaStreamTrack.prototype.clone = function () {
      const known = e2e.tracks.find((t) => t.track === this);
      const copy = clone.call(this);
      if (known) keep(copy, known.from);
      return copy;
    };
  }

  const toURL = URL.createObjectURL;
  URL.createObjectURL = (object) => {
    const url = toURL.call(URL, object);
    e2e.blobs.set(url, object);
    return url;
  };

  const Socket = window.WebSocket;
  window.WebSocket = class WebSocket extends Socket {
    constructor(...args) {
      super(...args);
      this.e2e = { url: String(args[0]), sent: [], got: [] };
      e2e.sockets.push(this);
      note('ws', { ws: e2e.sockets.length - 1 });
      this.addEventListener('message', (m) => this.e2e.got.push({ at: performance.now(), data: read(m.data) }));
      this.addEventListener('close', (c) => note('ws-close', { ws: e2e.sockets.indexOf(this), code: c.code, reason: c.reason }));
    }
    send(data) {
      this.e2e.sent.push({ at: performance.now(), data: read(data) });
      return super.send(data);
    }
  };
  function read(data) {
    try {
      return JSON.parse(data);
    } catch {
      return { t: '(not JSON)', size: data?.length ?? data?.size ?? data?.byteLength };
    }
  }
}

// Helpers in the page for the assertions; sent as text too, after hook().
export function probes() {
  const e2e = window.__e2e;
  const frames = new WeakMap(); // video element → frames that were shown
  const keys = new WeakMap();
  let next = 0;
  const key = (o) => {
    if (!keys.has(o)) keys.set(o, ++next);
    return keys.get(o);
  };
  e2e.live = () => e2e.pcs.filter((pc) => !pc.e2e.closed && pc.connectionState !== 'closed');
  const receivers = () => e2e.live().flatMap((pc) => pc.getReceivers());

  const visible = (el) => {
    const r = el.getBoundingClientRect();
    const style = getComputedStyle(el);
    const covered = el.dataset.shown === 'false'; // the app hides old pictures behind a poster
    return !covered && r.width > 8 && r.height > 8 && style.visibility !== 'hidden' && style.opacity !== '0';
  };
  const follow = (video) => {
    if (!video.requestVideoFrameCallback) return;
    const count = frames.get(video) ?? { n: 0, last: 0 };
    frames.set(video, count);
    const now = performance.now();
    if (now - count.asked < 300) return;
    // A request can get lost when the element gets another track.
    if (count.handle !== undefined) video.cancelVideoFrameCallback(count.handle);
    const ask = () => {
      count.asked = performance.now();
      count.handle = video.requestVideoFrameCallback((_, { presentedFrames }) => {
        // It goes on while the page itself is held up, and begins anew with another player.
        count.n += presentedFrames >= count.last ? presentedFrames - count.last : 1;
        count.last = presentedFrames;
        ask();
      });
    };
    ask();
  };
  const shown = (video) => frames.get(video)?.n ?? video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
  /** Which tile a picture is in. */
  const label = (video) => video.closest('[data-tile]')?.dataset.tile ?? video.closest('[aria-label]')?.ariaLabel ?? '';

  /** The remote pictures that somebody can see. */
  e2e.videos = () => {
    const remote = new Set(receivers().map((r) => r.track));
    const found = [];
    for (const video of document.querySelectorAll('video')) {
      const tracks = video.srcObject?.getVideoTracks?.() ?? [];
      if (!tracks.some((t) => remote.has(t)) || !visible(video)) continue;
      follow(video);
      found.push({ key: key(video), w: video.videoWidth, h: video.videoHeight, time: video.currentTime, frames: shown(video), paused: video.paused, label: label(video), element: video });
    }
    return found;
  };
  /** Notes when the first remote picture is shown. */
  e2e.awaitPicture = () => {
    const timer = setInterval(() => {
      if (!e2e.videos().some((v) => v.w > 0 && v.frames > 0)) return;
      e2e.note('picture');
      clearInterval(timer);
    }, 20);
  };
  /** Tracks of others that an element plays aloud. */
  e2e.aloud = () => {
    const playing = new Set();
    for (const el of document.querySelectorAll('video,audio')) {
      if (el.muted || el.paused || el.volume === 0) continue;
      for (const t of el.srcObject?.getAudioTracks?.() ?? []) playing.add(t);
    }
    return receivers().filter((r) => playing.has(r.track));
  };

  // Roles and names, without the browsers' accessibility trees, which make every page slow. One scenario compares them with Chromium's.
  const roles = {
    button: 'button,summary,[role=button]',
    textbox: 'textarea,[role=textbox],input:not([type]),input[type=text],input[type=search],input[type=url]',
    link: 'a[href]',
    figure: 'figure',
    switch: '[role=switch]',
  };
  const words = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || node.ariaHidden === 'true' || node.hidden) return '';
    return node.ariaLabel ?? [...node.childNodes].map(words).join(' ');
  };
  const nameOf = (e) => {
    const by = e.getAttribute('aria-labelledby')?.split(' ').map((id) => document.getElementById(id)).filter(Boolean);
    if (by?.length) return by.map(words).join(' ');
    return e.ariaLabel ?? (e.labels?.length ? [...e.labels].map(words).join(' ') : words(e));
  };
  const neat = (s) => s.replace(/\s+/g, ' ').trim();
  e2e.named = (role, names) => {
    const all = [...document.querySelectorAll(`${roles[role]},[role=${role}]`)].filter((e) => e.checkVisibility() && !e.closest('[aria-hidden=true],[inert]'));
    const modal = document.querySelector('dialog:modal');
    return all.filter((e) => (names === null || names.includes(neat(nameOf(e)))) && (!modal || modal.contains(e)));
  };

  const reports = async (pc) => [...(await pc.getStats()).values()];
  /** Everything that is asserted about media, in plain data. */
  e2e.sample = async () => {
    const aloud = new Set(e2e.aloud());
    const result = { videos: e2e.videos().map(({ element, ...v }) => v), audio: [], decoded: [], sent: [], paths: [], at: performance.now() };
    for (const pc of e2e.live()) {
      const all = await reports(pc);
      const byId = new Map(all.map((r) => [r.id, r]));
      const heard = new Map([...aloud].map((r) => [r.track.id, r]));
      for (const r of all) {
        const codec = byId.get(r.codecId)?.mimeType?.split('/')[1]?.toLowerCase();
        const id = `${pc.e2e.n}/${r.mid ?? ''}/${r.ssrc}`;
        if (r.type === 'inbound-rtp' && r.kind === 'audio') {
          result.audio.push({ id, codec, energy: r.totalAudioEnergy ?? 0, packets: r.packetsReceived, aloud: heard.has(r.trackIdentifier) });
        } else if (r.type === 'inbound-rtp') {
          result.decoded.push({ id, codec, frames: r.framesDecoded ?? 0, w: r.frameWidth, h: r.frameHeight, lost: r.packetsLost });
        } else if (r.type === 'outbound-rtp') {
          result.sent.push({ id, codec, rid: r.rid, frames: r.framesSent, w: r.frameWidth, kind: r.kind, packets: r.packetsSent, bytes: r.bytesSent, pc: pc.e2e.n });
        }
      }
      const pair = selected(all, byId);
      if (pair) result.paths.push({ pc: pc.e2e.n, ...pair });
    }
    return result;
  };
  function selected(all, byId) {
    const transport = all.find((r) => r.type === 'transport' && r.selectedCandidatePairId);
    const pair = transport ? byId.get(transport.selectedCandidatePairId) : all.find((r) => r.type === 'candidate-pair' && r.selected);
    if (!pair) return null;
    const local = byId.get(pair.localCandidateId) ?? {};
    const remote = byId.get(pair.remoteCandidateId) ?? {};
    return { local: local.candidateType, remote: remote.candidateType, protocol: local.protocol, relay: local.relayProtocol, to: `${remote.address ?? remote.ip}:${remote.port}`, state: pair.state };
  }

  /** Captured tracks that still run, with where they came from. */
  e2e.running = () => e2e.tracks.filter((t) => t.track.readyState === 'live').map((t) => `${t.from} ${t.track.kind}`);
  /** SHA-256 of what a blob: URL holds; the page's policy forbids to fetch it. */
  e2e.hash = async (url) => {
    const digest = await crypto.subtle.digest('SHA-256', await e2e.blobs.get(url).arrayBuffer());
    return Array.from(new Uint8Array(digest), (x) => x.toString(16).padStart(2, '0')).join('');
  };
  e2e.exchanges = () => e2e.pcs.reduce((n, pc) => n + pc.e2e.local + pc.e2e.remote, 0);
  e2e.frames = (side, t) => e2e.sockets.flatMap((s) => s.e2e[side]).filter((f) => !t || f.data?.t === t);

  // Gaps: every 50 ms, has each remote picture moved, and have packets of sound come? The page itself may be held up on a busy machine:
  // frames and packets that came meanwhile (one each 100 and 20 ms) are no gap.
  class Gap {
    constructor(every) {
      Object.assign(this, { every, seen: new Map(), moved: performance.now(), worst: 0 });
    }
    /** `counts`: what has come so far, by where it came from. */
    look(counts) {
      let more = 0;
      for (const [from, n] of counts) {
        more += Math.max(0, n - (this.seen.get(from) ?? 0));
        this.seen.set(from, n);
      }
      if (more === 0) return;
      this.end((more - 1) * this.every);
      this.moved = performance.now();
    }
    end(came = 0) {
      this.worst = Math.max(this.worst, performance.now() - this.moved - came);
      return Math.round(this.worst);
    }
  }
  e2e.startGaps = () => {
    const g = { videos: new Map(), audio: new Gap(20), late: 0, last: performance.now(), busy: false };
    e2e.gaps = g;
    const look = () => {
      const now = performance.now();
      g.late = Math.max(g.late, now - g.last - 50);
      g.last = now;
      for (const v of e2e.videos()) {
        const name = v.label || v.key;
        if (!g.videos.has(name)) g.videos.set(name, new Gap(100));
        g.videos.get(name).look([[v.key, v.frames]]);
      }
      if (!g.busy) void listen(g);
    };
    g.timer = setInterval(look, 50);
    look();
  };
  async function listen(g) {
    g.busy = true;
    const packets = [];
    for (const r of e2e.aloud()) {
      for (const s of (await r.getStats()).values()) if (s.type === 'inbound-rtp') packets.push([r, s.packetsReceived]);
    }
    g.audio.look(packets);
    g.busy = false;
  }
  e2e.stopGaps = () => {
    const g = e2e.gaps;
    clearInterval(g.timer);
    const videos = {};
    for (const [name, gap] of g.videos) videos[name] = gap.end();
    return { videos, audio: g.audio.end(), late: Math.round(g.late) };
  };
}
