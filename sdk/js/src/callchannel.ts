/** The data channel inside a call: chat, what each side sends, files. None of it passes the server. */
import { VecheError } from './errors.js';
import { randomId } from './ids.js';
import { flag, integer, match, object, type Reader, text } from './schema.js';
import { receiveBlob, sendBlob } from './transfer.js';
import type { FileInfo, MemberState, ReceiveOptions, Transfer } from './types.js';

const id = match(/^[\w-]{1,62}$/, 'an id');
const at = integer(0, Number.MAX_SAFE_INTEGER);
const shapes = {
  state: object({ mic: flag, camera: flag, screen: flag, hand: flag }),
  chat: object({ id, text: text(1, 4000), at }),
  file: object({ id, name: text(1, 255), size: integer(0, Number.MAX_SAFE_INTEGER), mime: text(0, 127), at }),
  /** Send me this file, on a channel of its own labelled `f:` and the id. */
  get: object({ id }),
  /** A file is not offered any more, or not wanted any more. */
  drop: object({ id }),
  hangup: object({}),
};
type Shapes = typeof shapes;
type Value<R> = R extends Reader<infer T> ? T : never;
export type Note = { [T in keyof Shapes]: { t: T } & Value<Shapes[T]> }[keyof Shapes];

function readNote(data: unknown): Note | undefined {
  try {
    const value = JSON.parse(String(data));
    const t = value?.t;
    if (typeof t !== 'string' || !Object.hasOwn(shapes, t)) return undefined;
    return { t, ...shapes[t as keyof Shapes](value, '') } as Note;
  } catch {
    return undefined;
  }
}

export interface CallChannelOptions {
  /** Opens another channel of the same connection. */
  open(label: string): RTCDataChannel | null;
  state(state: MemberState): void;
  chat(message: { id: string; text: string; at: number }): void;
  file(file: FileInfo & { at: number }): void;
  progress(id: string, done: number, total: number): void;
  hangup(): void;
}

interface Offered {
  file: Blob;
  stop: AbortController;
  resolve(): void;
  reject(error: VecheError): void;
}

/** How long the other side may take to open a channel for a file, ms. */
const answerTimeout = 30_000;
const maxWaiting = 200;

export class CallChannel {
  private channel: RTCDataChannel | null = null;
  private waiting: Note[] = [];
  private state: MemberState | null = null;
  private readonly sending = new Map<string, Offered>();
  private readonly offers = new Map<string, FileInfo>();
  private readonly expected = new Map<string, (channel: RTCDataChannel) => void>();
  private readonly stop = new AbortController();

  constructor(private readonly options: CallChannelOptions) {}

  /** The channel of a (new) connection. */
  attach(channel: RTCDataChannel): void {
    this.channel = channel;
    channel.onmessage = (e) => this.take(readNote(e.data));
    channel.onopen = () => {
      if (this.channel !== channel) return;
      if (this.state) channel.send(JSON.stringify({ t: 'state', ...this.state }));
      for (const note of this.waiting.splice(0)) channel.send(JSON.stringify(note));
    };
  }

  /** A channel that the other side opened. */
  opened(channel: RTCDataChannel): void {
    const file = channel.label.startsWith('f:') ? channel.label.slice(2) : '';
    const take = this.expected.get(file);
    this.expected.delete(file);
    if (take) take(channel);
    else channel.close();
  }

  tell(state: MemberState): void {
    this.state = { ...state };
    if (this.channel?.readyState === 'open') this.channel.send(JSON.stringify({ t: 'state', ...state }));
  }

  /** Now, or when the channel opens. */
  send(note: Note): void {
    if (this.stop.signal.aborted) throw new VecheError('no-call');
    if (this.channel?.readyState === 'open') this.channel.send(JSON.stringify(note));
    else if (this.waiting.length < maxWaiting) this.waiting.push(note);
    else throw new VecheError('network', 'the other side is not connected');
  }

  offer(file: Blob & { name?: string }): { info: FileInfo & { at: number }; transfer: Transfer } {
    const info = {
      id: randomId(),
      name: (file.name || 'file').slice(0, 200),
      size: file.size,
      mime: file.type.slice(0, 127),
      at: Date.now(),
    };
    this.send({ t: 'file', ...info });
    const stop = new AbortController();
    const done = new Promise<void>((resolve, reject) => {
      this.sending.set(info.id, { file, stop, resolve, reject });
    });
    done.catch(() => {}); // whoever does not ask does not want to know
    const abort = () => {
      const offered = this.sending.get(info.id);
      if (!offered) return;
      this.sending.delete(info.id);
      offered.stop.abort();
      offered.reject(new VecheError('aborted'));
      if (!this.stop.signal.aborted) this.send({ t: 'drop', id: info.id });
    };
    return { info, transfer: { id: info.id, name: info.name, size: info.size, done, abort } };
  }

  async receive(fileId: string, options: ReceiveOptions): Promise<Blob> {
    const info = this.offers.get(fileId);
    if (!info) throw new VecheError('transfer', 'no such file');
    if (options.signal?.aborted) throw new VecheError('aborted');
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const channel = await new Promise<RTCDataChannel>((resolve, reject) => {
        const fail = (error: VecheError) => () => reject(error);
        timer = setTimeout(fail(new VecheError('transfer', 'the other side did not answer')), answerTimeout);
        options.signal?.addEventListener('abort', fail(new VecheError('aborted')), { once: true });
        this.stop.signal.addEventListener('abort', fail(new VecheError('transfer', 'the call is over')), {
          once: true,
        });
        this.expected.set(fileId, resolve);
        this.send({ t: 'get', id: fileId });
      });
      const blob = await receiveBlob(channel, info, options);
      return blob;
    } finally {
      clearTimeout(timer);
      this.expected.delete(fileId);
    }
  }

  /** The call is over. */
  close(): void {
    this.stop.abort();
    this.waiting = [];
    for (const [key, s] of [...this.sending]) {
      this.sending.delete(key);
      s.stop.abort();
      s.reject(new VecheError('transfer', 'the call is over'));
    }
    if (this.channel) this.channel.onmessage = this.channel.onopen = null;
    this.channel = null;
  }

  private take(note: Note | undefined): void {
    switch (note?.t) {
      case 'state':
        this.options.state({ mic: note.mic, camera: note.camera, screen: note.screen, hand: note.hand });
        break;
      case 'chat':
        this.options.chat({ id: note.id, text: note.text, at: note.at });
        break;
      case 'file': {
        const { t: _, ...file } = note;
        this.offers.set(file.id, file);
        this.options.file(file);
        break;
      }
      case 'get':
        void this.give(note.id);
        break;
      case 'drop':
        this.offers.delete(note.id);
        break;
      case 'hangup':
        this.options.hangup();
        break;
    }
  }

  private async give(fileId: string): Promise<void> {
    const offered = this.sending.get(fileId);
    const channel = offered && this.options.open(`f:${fileId}`);
    if (!offered || !channel) return;
    try {
      const progress = (done: number) => this.options.progress(fileId, done, offered.file.size);
      await sendBlob(channel, offered.file, { progress, signal: offered.stop.signal });
      this.sending.delete(fileId);
      offered.resolve();
    } catch (error) {
      if (this.sending.delete(fileId)) offered.reject(error as VecheError);
    } finally {
      channel.close();
    }
  }
}
