/** Sees when media of a remote track begins to flow. No event of a browser tells it reliably. */
import type { Arrival } from './path.js';

interface Entry {
  track: MediaStreamTrack;
  receiver: RTCRtpReceiver;
  flows: boolean;
}

/** Milliseconds between looks, at first and later. */
const often = 120;
const seldom = 600;
/** How long to look often. */
const eager = 6_000;

export class FlowWatch {
  private readonly entries = new Map<string, Entry>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private eagerUntil = 0;
  private closed = false;

  constructor(private readonly began: (key: string) => void) {}

  /** Whether media of this arrival flows; watches it from now on under this key. */
  flows(key: string, arrival: Arrival | undefined): boolean {
    const entry = this.entries.get(key);
    if (!arrival) {
      this.entries.delete(key);
      return false;
    }
    if (entry?.track === arrival.track) return entry.flows;
    this.entries.set(key, { track: arrival.track, receiver: arrival.receiver, flows: false });
    this.hurry();
    return false;
  }

  /** Forgets keys that begin so. */
  forget(prefix: string): void {
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) this.entries.delete(key);
  }

  /** Looks often for a while. */
  hurry(): void {
    this.eagerUntil = Date.now() + eager;
    clearTimeout(this.timer);
    this.schedule();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.entries.clear();
  }

  private schedule(): void {
    if (this.closed || ![...this.entries.values()].some((e) => !e.flows)) return;
    this.timer = setTimeout(() => void this.look(), Date.now() < this.eagerUntil ? often : seldom);
  }

  private async look(): Promise<void> {
    const waiting = [...this.entries].filter(([, e]) => !e.flows);
    await Promise.all(
      waiting.map(async ([key, entry]) => {
        const count = await received(entry.receiver);
        if (this.entries.get(key) !== entry || count === 0) return;
        entry.flows = true;
        if (!this.closed) this.began(key);
      }),
    );
    clearTimeout(this.timer);
    this.schedule();
  }
}

/** Frames decoded or audio packets received so far. */
async function received(receiver: RTCRtpReceiver): Promise<number> {
  try {
    for (const s of (await receiver.getStats()).values()) {
      if (s.type !== 'inbound-rtp') continue;
      return receiver.track.kind === 'video' ? (s.framesDecoded ?? 0) : (s.packetsReceived ?? 0);
    }
  } catch {
    // closed
  }
  return 0;
}
