/**
 * A peer connection without media: descriptions are JSON, and two that know each other's credentials connect.
 * It keeps the rules that perfect negotiation leans on: states, roll-back, sections found by mid.
 */
import type { RtcEnvironment } from '../../src/types.js';

type Direction = RTCRtpTransceiverDirection;
interface Section {
  mid: string;
  kind: string;
  direction: Direction;
}
interface Description {
  ufrag: string;
  owner: number;
  sections: Section[];
  data: boolean;
  codecs?: Record<string, string[]>;
}

let count = 0;
export const connections: FakeConnection[] = [];
/** Members of stats that the next looks give: by kind of the receiver. */
export const flowing = { audio: true, video: true };

export class FakeTrack extends EventTarget {
  readonly id = `track${++count}`;
  enabled = true;
  muted = false;
  readyState = 'live';
  constructor(readonly kind: string) {
    super();
  }
  stop(): void {
    this.readyState = 'ended';
  }
}

export class FakeStream {
  private tracks: FakeTrack[];
  constructor(tracks: FakeTrack[] = []) {
    this.tracks = [...tracks];
  }
  getTracks(): FakeTrack[] {
    return [...this.tracks];
  }
  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter((t) => t.kind === 'audio');
  }
  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter((t) => t.kind === 'video');
  }
  addTrack(t: FakeTrack): void {
    if (!this.tracks.includes(t)) this.tracks.push(t);
  }
  removeTrack(t: FakeTrack): void {
    this.tracks = this.tracks.filter((x) => x !== t);
  }
}

export class FakeTransceiver {
  mid: string | null = null;
  direction: Direction;
  currentDirection: Direction | null = null;
  preferences: string[] = [];
  readonly sender;
  readonly receiver;
  constructor(
    private readonly pc: FakeConnection,
    kind: string,
    direction: Direction,
    track: FakeTrack | null,
  ) {
    this.direction = direction;
    const sender = {
      track,
      streams: [] as unknown[],
      async replaceTrack(t: FakeTrack | null) {
        sender.track = t;
      },
      setStreams(...s: unknown[]) {
        sender.streams = s;
      },
    };
    this.sender = sender;
    const remote = new FakeTrack(kind);
    this.receiver = {
      track: remote,
      getStats: async () => {
        const on = kind === 'video' ? flowing.video : flowing.audio;
        const s = { type: 'inbound-rtp', id: remote.id, packetsReceived: on ? 10 : 0, framesDecoded: on ? 5 : 0 };
        return new Map(this.currentDirection ? [[s.id, s]] : []);
      },
    };
  }
  setCodecPreferences(codecs: { mimeType: string }[]): void {
    this.preferences = codecs.map((c) => c.mimeType);
  }
  stop(): void {
    this.direction = 'stopped';
    this.currentDirection = 'stopped';
    this.pc.transceivers = this.pc.transceivers.filter((t) => t !== this);
  }
}

export class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'connecting';
  binaryType = 'blob';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  other: FakeChannel | null = null;
  sent = 0;
  constructor(readonly label: string) {
    super();
  }
  open(other: FakeChannel): void {
    if (this.readyState !== 'connecting') return;
    this.other = other;
    this.readyState = 'open';
    this.onopen?.();
    this.dispatchEvent(new Event('open'));
  }
  send(data: string | ArrayBuffer): void {
    if (this.readyState !== 'open') throw new Error('InvalidStateError');
    this.sent++;
    const other = this.other;
    queueMicrotask(() => {
      if (other?.readyState !== 'open') return;
      other.onmessage?.({ data });
      other.dispatchEvent(Object.assign(new Event('message'), { data }));
    });
  }
  close(): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.dispatchEvent(new Event('close'));
    queueMicrotask(() => this.other?.close());
  }
}

export class FakeConnection {
  readonly number = connections.push(this);
  ufrag = `u${this.number}.0`;
  transceivers: FakeTransceiver[] = [];
  channels: FakeChannel[] = [];
  candidates: unknown[] = [];
  signalingState: RTCSignalingState = 'stable';
  connectionState: RTCPeerConnectionState = 'new';
  localDescription: { type: RTCSdpType; sdp: string } | null = null;
  remoteDescription: { type: RTCSdpType; sdp: string } | null = null;
  onicecandidate: ((e: { candidate: { toJSON(): RTCIceCandidateInit } | null }) => void) | null = null;
  onnegotiationneeded: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ondatachannel: ((e: { channel: FakeChannel }) => void) | null = null;
  bytes = 0;
  restarts = 0;
  offers = 0;
  private peer: FakeConnection | null = null;
  private before: { local: FakeConnection['localDescription']; mids: FakeTransceiver[] } | null = null;
  private needed = false;
  private operations: Promise<void> = Promise.resolve();
  private chained = 0;
  private nextMid = 0;
  config: RTCConfiguration;

  constructor(config: RTCConfiguration = {}) {
    this.config = config;
  }

  setConfiguration(config: RTCConfiguration): void {
    this.config = config;
  }
  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }
  addTransceiver(of: string | FakeTrack, init: { direction?: Direction } = {}): FakeTransceiver {
    const track = typeof of === 'string' ? null : of;
    const t = new FakeTransceiver(this, track?.kind ?? (of as string), init.direction ?? 'sendrecv', track);
    this.transceivers.push(t);
    this.need();
    return t;
  }
  createDataChannel(label: string, init: { negotiated?: boolean } = {}): FakeChannel {
    const channel = new FakeChannel(label);
    this.channels.push(channel);
    if (this.connectionState === 'connected') this.link(channel, init.negotiated === true);
    else this.need();
    return channel;
  }
  restartIce(): void {
    this.restarts++;
    this.ufrag = `u${this.number}.${this.restarts}`;
    this.need();
  }
  async createOffer(): Promise<{ type: RTCSdpType; sdp: string }> {
    return { type: 'offer', sdp: this.write(true) };
  }

  /** One operation after the other, as in browsers. */
  private chain<T>(act: () => Promise<T>): Promise<T> {
    this.chained++;
    const done = this.operations.then(act);
    this.operations = done.then(
      () => this.unchain(),
      () => this.unchain(),
    );
    return done;
  }
  private unchain(): void {
    if (--this.chained === 0 && this.needed) this.need();
  }

  setLocalDescription(d?: { type: RTCSdpType; sdp: string }): Promise<void> {
    return this.chain(() => this.local(d));
  }
  setRemoteDescription(d: { type: RTCSdpType; sdp: string }): Promise<void> {
    return this.chain(() => this.remote(d));
  }
  addIceCandidate(c?: RTCIceCandidateInit): Promise<void> {
    return this.chain(() => this.add(c));
  }

  private async local(d?: { type: RTCSdpType; sdp: string }): Promise<void> {
    await tick();
    if (this.signalingState === 'closed') throw new Error('InvalidStateError');
    const answer = this.signalingState === 'have-remote-offer';
    if (!answer) {
      this.before ??= { local: this.localDescription, mids: [] };
      this.before.mids.push(...this.transceivers.filter((t) => t.mid === null));
    }
    if (!answer) this.needed = false;
    this.localDescription = d ?? { type: answer ? 'answer' : 'offer', sdp: '' };
    this.localDescription = { type: answer ? 'answer' : 'offer', sdp: this.write(!answer) };
    this.signalingState = answer ? 'stable' : 'have-local-offer';
    if (!answer) this.offers++;
    if (answer) this.agree();
    setTimeout(() => this.gather(), 0);
  }

  private async remote(d: { type: RTCSdpType; sdp: string }): Promise<void> {
    await tick();
    if (d.type === 'offer') {
      if (this.signalingState === 'have-local-offer') {
        for (const t of this.before?.mids ?? []) t.mid = null;
        this.localDescription = this.before?.local ?? null;
        this.needed = true;
      } else if (this.signalingState !== 'stable') throw new Error('InvalidStateError');
      this.signalingState = 'have-remote-offer';
      this.read(d.sdp);
    } else {
      if (this.signalingState !== 'have-local-offer') throw new Error('InvalidStateError');
      const mine = JSON.parse(this.localDescription?.sdp ?? '') as Description;
      const theirs = JSON.parse(d.sdp) as Description;
      if (mine.sections.length !== theirs.sections.length) throw new Error('InvalidAccessError: sections do not match');
      this.signalingState = 'stable';
      this.read(d.sdp);
    }
    this.before = null;
    this.remoteDescription = d;
    if (d.type === 'answer') this.agree();
  }

  private async add(c?: RTCIceCandidateInit): Promise<void> {
    if (!this.remoteDescription) throw new Error('InvalidStateError: no remote description');
    const remote = JSON.parse(this.remoteDescription.sdp) as Description;
    if (c?.usernameFragment && c.usernameFragment !== remote.ufrag) throw new Error('OperationError: unknown ufrag');
    this.candidates.push(c ?? null);
  }

  async getStats(): Promise<Map<string, unknown>> {
    if (flowing.audio || flowing.video) this.bytes += 100;
    return new Map([['t', { id: 't', type: 'transport', bytesReceived: this.bytes }]]);
  }

  become(state: RTCPeerConnectionState): void {
    if (this.connectionState === state || this.connectionState === 'closed') return;
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close(): void {
    this.connectionState = 'closed';
    this.signalingState = 'closed';
    for (const c of this.channels) c.close();
  }

  /** Once per turn, as browsers do, and only when nothing is under way. */
  private need(): void {
    this.needed = true;
    setTimeout(() => {
      if (!this.needed || this.signalingState !== 'stable' || this.chained > 0) return;
      this.needed = false;
      this.onnegotiationneeded?.();
    }, 0);
  }

  private write(offer: boolean): string {
    const sections: Section[] = [];
    for (const t of this.transceivers) {
      if (t.mid === null && !offer) continue;
      t.mid ??= `${this.number}x${this.nextMid++}`;
      sections.push({ mid: t.mid, kind: t.receiver.track.kind, direction: t.direction });
    }
    const d: Description = { ufrag: this.ufrag, owner: this.number, sections, data: this.channels.length > 0 };
    return JSON.stringify(d);
  }

  private read(sdp: string): void {
    const d = JSON.parse(sdp) as Description;
    for (const s of d.sections) {
      if (this.transceivers.some((t) => t.mid === s.mid)) continue;
      const t = new FakeTransceiver(this, s.kind, 'recvonly', null);
      t.mid = s.mid;
      this.transceivers.push(t);
    }
  }

  /** Both sides have described: directions are known, and who knows whom connects. */
  private agree(): void {
    const remote = JSON.parse(this.remoteDescription?.sdp ?? 'null') as Description | null;
    for (const s of remote?.sections ?? []) {
      const t = this.transceivers.find((x) => x.mid === s.mid);
      if (t) t.currentDirection = meet(t.direction, s.direction);
    }
    const peer = connections[(remote?.owner ?? 0) - 1];
    if (this.needed) this.need();
    if (!peer) return;
    this.peer = peer;
    setTimeout(() => {
      const known = peer.remoteDescription && JSON.parse(peer.remoteDescription.sdp).owner === this.number;
      if (!known || peer.connectionState === 'closed') return;
      for (const pc of [this, peer]) pc.peer = pc === this ? peer : this;
      this.become('connected');
      peer.become('connected');
      this.channels.forEach((c, i) => {
        const other = peer.channels[i];
        if (!other) return;
        c.open(other);
        other.open(c);
      });
    }, 1);
  }

  private link(channel: FakeChannel, negotiated: boolean): void {
    const peer = this.peer;
    if (negotiated || !peer) return;
    const other = new FakeChannel(channel.label);
    peer.channels.push(other);
    setTimeout(() => {
      peer.ondatachannel?.({ channel: other });
      channel.open(other);
      other.open(channel);
    }, 0);
  }

  private gather(): void {
    const candidate = { candidate: `candidate:${this.ufrag}`, sdpMid: '0', usernameFragment: this.ufrag };
    this.onicecandidate?.({ candidate: { toJSON: () => candidate } });
    this.onicecandidate?.({ candidate: null });
  }
}

function meet(mine: Direction, theirs: Direction): Direction {
  const send = /send/.test(mine) && /recv/.test(theirs);
  const recv = /recv/.test(mine) && /send/.test(theirs);
  return send && recv ? 'sendrecv' : send ? 'sendonly' : recv ? 'recvonly' : 'inactive';
}

const tick = () => new Promise<void>((r) => setTimeout(r, 0));

const codec = (mimeType: string, sdpFmtpLine?: string) => ({
  mimeType,
  clockRate: 0,
  ...(sdpFmtpLine ? { sdpFmtpLine } : {}),
});
export const capabilities = {
  getCapabilities: (kind: string) => ({
    headerExtensions: [],
    codecs:
      kind === 'audio'
        ? ['opus', 'red', 'G722', 'PCMU', 'PCMA', 'telephone-event'].map((n) => codec(`audio/${n}`))
        : [
            codec('video/VP8'),
            codec('video/rtx'),
            codec('video/VP9', 'profile-id=0'),
            codec('video/VP9', 'profile-id=2'),
            codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f'),
            codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f'),
            codec('video/AV1', 'level-idx=5;profile=0;tier=0'),
            codec('video/red'),
          ],
  }),
};

export const rtc = {
  RTCPeerConnection: FakeConnection,
  MediaStream: FakeStream,
  RTCRtpReceiver: capabilities,
  RTCRtpSender: capabilities,
} as unknown as Omit<RtcEnvironment, 'WebSocket'>;

export const track = (kind: string) => new FakeTrack(kind) as unknown as MediaStreamTrack;
