/** Files of the room: offered in the chat, moved over a data-only link `f:` and the file's id. */
import { VecheError } from './errors.js';
import { Link, type LinkOptions } from './link.js';
import type { SignalData } from './protocol.js';
import { receiveBlob, sendBlob } from './transfer.js';
import type { ChatMessage, FileOffer, FileProgress, ReceiveOptions } from './types.js';

export interface FilesOptions {
  link: Pick<LinkOptions, 'env' | 'config'>;
  me(): string;
  signal(to: string, link: string, data: SignalData): void;
  offered(offer: FileOffer): void;
  progress(progress: FileProgress): void;
}

/** How long a transfer may take to connect, ms. */
const connectTimeout = 30_000;
/** The last word is given time to arrive before the connection is closed, ms. */
const linger = 1_500;

interface Run {
  peer: string;
  link: Link;
  stop: AbortController;
}

export class Files {
  private readonly offers = new Map<string, FileOffer>();
  private readonly mine = new Map<string, Blob>();
  private readonly runs = new Map<string, Run>();

  constructor(private readonly options: FilesOptions) {}

  /** A chat message that may offer a file. */
  announced(message: ChatMessage): FileOffer | undefined {
    const { file } = message;
    if (!file) return undefined;
    const known = this.offers.get(file.id);
    if (known) return known;
    const offer: FileOffer = {
      ...file,
      from: message.from,
      fromName: message.name,
      at: message.at,
      mine: message.from === this.options.me(),
      ...(message.to ? { to: message.to } : {}),
    };
    this.offers.set(file.id, offer);
    this.options.offered(offer);
    return offer;
  }

  /** Our file of this id may be fetched. */
  keep(id: string, file: Blob): void {
    this.mine.set(id, file);
  }

  async receive(id: string, options: ReceiveOptions): Promise<Blob> {
    const offer = this.offers.get(id);
    if (!offer) throw new VecheError('transfer', 'no such file');
    const own = this.mine.get(id);
    if (own) return own;
    if (options.signal?.aborted) throw new VecheError('aborted');
    this.runs.get(key(id, offer.from))?.stop.abort();
    const stop = new AbortController();
    const abort = () => stop.abort();
    options.signal?.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(abort, connectTimeout);
    try {
      const channel = await this.connect(id, offer.from, true, stop);
      clearTimeout(timer);
      return await receiveBlob(channel, offer, { ...options, signal: stop.signal });
    } catch (error) {
      if (stop.signal.aborted && !options.signal?.aborted) throw new VecheError('transfer', 'the sender is gone');
      throw error;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
      this.end(id, offer.from, stop);
    }
  }

  /** A signal about a file. */
  signal(from: string, id: string, data: SignalData): void {
    const run = this.runs.get(key(id, from));
    if (data.close) {
      run?.stop.abort();
      return;
    }
    if (run) {
      run.link.receive(data);
      return;
    }
    const file = this.mine.get(id);
    const offer = this.offers.get(id);
    if (file && offer && (offer.to === undefined || offer.to === from)) void this.give(id, from, file, data);
  }

  /** A member is gone: its transfers end. */
  left(member: string): void {
    for (const run of this.runs.values()) if (run.peer === member) run.stop.abort();
  }

  close(): void {
    for (const run of [...this.runs.values()]) {
      run.stop.abort();
      run.link.close();
    }
    this.runs.clear();
    this.mine.clear();
  }

  private async give(id: string, to: string, file: Blob, first: SignalData): Promise<void> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), connectTimeout);
    const connected = this.connect(id, to, false, stop);
    this.runs.get(key(id, to))?.link.receive(first);
    try {
      const channel = await connected;
      clearTimeout(timer);
      const progress = (done: number) => this.options.progress({ id, to, done, total: file.size });
      await sendBlob(channel, file, { progress, signal: stop.signal });
    } catch {
      // the receiver is told by the closed channel, and has the error
    } finally {
      clearTimeout(timer);
      this.end(id, to, stop);
    }
  }

  /** A link with its channel open. The receiver starts. */
  private connect(id: string, peer: string, impolite: boolean, stop: AbortController): Promise<RTCDataChannel> {
    return new Promise((resolve, reject) => {
      const name = `f:${id}`;
      const link = new Link({
        ...this.options.link,
        codecs: { audio: [], video: [] },
        sections: [],
        impolite,
        send: (data) => this.options.signal(peer, name, data),
        channel: (channel) => channel.addEventListener('open', () => resolve(channel)),
        track: () => {},
        state: () => {},
      });
      stop.signal.addEventListener('abort', () => reject(new VecheError('aborted')), { once: true });
      this.runs.set(key(id, peer), { peer, link, stop });
      link.start();
    });
  }

  private end(id: string, peer: string, stop: AbortController): void {
    const run = this.runs.get(key(id, peer));
    if (run?.stop !== stop) return;
    this.runs.delete(key(id, peer));
    if (stop.signal.aborted) {
      this.options.signal(peer, `f:${id}`, { close: true });
      run.link.close();
    } else {
      run.link.close(linger);
    }
  }
}

const key = (id: string, peer: string) => `${id} ${peer}`;
