/** A WHEP player that comes back. */
import { linkOf, type Place } from './place';
import type { Word } from './words';

const relEvents = 'urn:ietf:params:whep:ext:core:server-sent-events';
const gathering = 1000;
const firstPause = 1000;
const longestPause = 15_000;
/** How long a connection may be without packets before it is made anew. */
const patience = 5000;

/** What becomes of an answer that is no session: words, and whether to try again. */
export function refusal(status: number, sent: boolean): { word: Word; again: boolean } {
  switch (status) {
    case 401:
      return { word: sent ? 'forbidden' : 'token', again: false };
    case 403:
      return { word: 'forbidden', again: false };
    case 404:
      return { word: 'missing', again: true };
    case 409:
      return { word: 'waiting', again: true };
    case 422:
      return { word: 'codec', again: false };
    case 429:
    case 503:
      return { word: 'full', again: true };
  }
  return { word: 'lost', again: true };
}

/** Who is told how it goes; null = the picture is there. */
export type Tell = (word: Word | null) => void;

export class Player {
  private pc: RTCPeerConnection | undefined;
  private events: EventSource | undefined;
  private session: URL | undefined;
  private pause = firstPause;
  private timer = 0;

  constructor(
    private readonly place: Place,
    private readonly video: HTMLVideoElement,
    private readonly tell: Tell,
  ) {
    video.addEventListener('playing', () => this.pc?.connectionState === 'connected' && this.tell(null));
  }

  async start(): Promise<void> {
    this.stop();
    this.tell('connecting');
    const pc = new RTCPeerConnection();
    this.pc = pc;
    const stream = new MediaStream();
    this.video.srcObject = stream;
    pc.ontrack = (e) => stream.addTrack(e.track);
    pc.onconnectionstatechange = () => this.pc === pc && this.changed(pc.connectionState);
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
    try {
      await pc.setLocalDescription();
      await gathered(pc);
      await this.ask(pc);
    } catch {
      if (this.pc === pc) this.later('lost');
    }
  }

  private async ask(pc: RTCPeerConnection): Promise<void> {
    const { endpoint, token } = this.place;
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: pc.localDescription?.sdp ?? '',
    });
    const sdp = await answer.text();
    if (this.pc !== pc) return;
    if (answer.status !== 201) {
      const { word, again } = refusal(answer.status, token !== undefined);
      const text = answer.status === 409 && /"code":"(full|locked)"/.test(sdp) ? 'full' : word;
      if (again) this.later(text, Number(answer.headers.get('Retry-After')) * 1000);
      else this.tell(text);
      return;
    }
    this.session = new URL(answer.headers.get('Location') ?? '', endpoint);
    await pc.setRemoteDescription({ type: 'answer', sdp });
    this.listen(linkOf(answer.headers.get('Link'), relEvents));
  }

  /** The events say why there is no picture. */
  private listen(path: string | undefined): void {
    if (!path) return;
    const events = new EventSource(new URL(path, this.place.endpoint));
    this.events = events;
    events.addEventListener('inactive', (e) => {
      const { video } = JSON.parse(e.data) as { video: string };
      this.tell(video === 'undecodable' ? 'codec' : 'waiting');
    });
    events.addEventListener('active', (e) => {
      const { video } = JSON.parse(e.data) as { video: string };
      if (video === 'undecodable') this.tell('codec');
      else if (this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.tell(null);
    });
    events.onerror = () => events.readyState === EventSource.CLOSED || this.events === events || events.close();
  }

  private changed(state: RTCPeerConnectionState): void {
    clearTimeout(this.timer);
    if (state === 'connected') {
      this.pause = firstPause;
      if (this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) this.tell('waiting');
    } else if (state === 'failed' || state === 'closed') this.later('lost');
    else if (state === 'disconnected') this.timer = window.setTimeout(() => this.later('lost'), patience);
  }

  private later(word: Word, least = 0): void {
    this.stop();
    this.tell(word);
    this.timer = window.setTimeout(() => this.start(), Math.max(this.pause, least || 0));
    this.pause = Math.min(this.pause * 2, longestPause);
  }

  /** Ends the session; the server need not find out by itself. */
  stop(): void {
    clearTimeout(this.timer);
    this.events?.close();
    this.pc?.close();
    if (this.session) void fetch(this.session, { method: 'DELETE', keepalive: true }).catch(() => {});
    this.events = this.pc = this.session = undefined;
  }
}

/** Waits for the candidates, but not for long: the server has its own. */
function gathered(pc: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const look = () => pc.iceGatheringState === 'complete' && resolve();
    pc.addEventListener('icegatheringstatechange', look);
    setTimeout(resolve, gathering);
    look();
  });
}
