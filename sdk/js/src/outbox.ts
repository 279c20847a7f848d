/** What is posted: in order, once more after a lost socket, and no faster than the server allows. */
import { VecheError } from './errors.js';
import type { Request } from './protocol.js';

/** The server allows 50 messages a second with bursts of 200; requests of the app need a share. */
const perSecond = 35;
const burst = 150;
const retryAfter = 500;

interface Item {
  request: Request;
  sent: boolean;
}

export class Outbox {
  private items: Item[] = [];
  private tokens = burst;
  private at = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: (request: Request) => Promise<unknown>,
    private readonly refused: (request: Request, error: VecheError) => void,
  ) {}

  /** A newer `state` or `view` takes the place of one that still waits. */
  add(request: Request): void {
    const waiting = this.items.find((i) => !i.sent && i.request.t === request.t);
    if (waiting && request.t === 'view') waiting.request = request;
    else if (waiting && request.t === 'state') waiting.request = { ...waiting.request, ...request };
    else this.items.push({ request, sent: false });
    this.flush();
  }

  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.items = [];
  }

  /** Sends what waits, as far as the pace allows. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const now = Date.now();
    this.tokens = Math.min(burst, this.tokens + ((now - this.at) / 1000) * perSecond);
    this.at = now;
    for (const item of [...this.items]) {
      if (item.sent) continue;
      if (this.tokens < 1) {
        this.timer = setTimeout(() => this.flush(), 1000 / perSecond);
        return;
      }
      this.tokens--;
      this.deliver(item);
    }
  }

  private deliver(item: Item): void {
    item.sent = true;
    const request = item.request;
    this.send(request).then(
      () => this.drop(item),
      (error) => {
        if (!this.items.includes(item)) return;
        const code = error instanceof VecheError ? error.code : 'internal';
        if (code === 'network') {
          item.sent = false; // flushed after the next welcome
        } else if (code === 'rate' || code === 'overloaded') {
          item.sent = false;
          clearTimeout(this.timer);
          this.timer = setTimeout(() => this.flush(), retryAfter);
        } else {
          this.drop(item);
          this.refused(request, error);
        }
      },
    );
  }

  private drop(item: Item): void {
    this.items = this.items.filter((i) => i !== item);
  }
}
