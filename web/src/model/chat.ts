/** Messages and files of one conversation, as the chat panel shows them. */
import { type Signal, signal } from '@preact/signals';
import type { ChatMessage, FileOffer, FileProgress, ReceiveOptions, Transfer } from 'veche-client';
import type { ChatFile, ChatItem, ChatModel } from '../stage/types.js';

/** What carries messages and files: a room or a call. */
export interface ChatCarrier {
  readonly me: string;
  nameOf(member: string): string | undefined;
  send(text: string, to?: string): Promise<ChatMessage>;
  /** Offers a file; a call gives the transfer, a room the offer. */
  offer(file: File, to?: string): Promise<FileOffer | Transfer>;
  receive(id: string, options: ReceiveOptions): Promise<Blob>;
}

/** Item ids of files are made from the file, because a file may be told by a message, an offer, or both. */
const fileKey = (id: string) => `file:${id}`;

export class ChatBook implements ChatModel {
  readonly items: Signal<readonly ChatItem[]> = signal([]);
  readonly unread = signal(0);
  private readonly aborts = new Map<string, () => void>();
  private readonly urls: string[] = [];

  constructor(
    private readonly carrier: ChatCarrier,
    /** A message or file of somebody else came. */
    private readonly onNews: (item: ChatItem) => void = () => undefined,
  ) {}

  /** What was said before we came is not news. */
  past(messages: readonly ChatMessage[]): void {
    for (const message of messages) this.put(this.itemOf(message));
  }

  message(message: ChatMessage): void {
    this.news(this.itemOf(message));
  }

  offered(offer: FileOffer): void {
    const { id, from, fromName, at, mine, to, name, size, mime } = offer;
    this.news({
      ...{ id: fileKey(id), from, name: fromName, mine, at, text: '' },
      ...this.target(to),
      file: { id, name, size, mime, state: 'offered', done: 0 },
    });
  }

  progress({ id, done, total }: FileProgress): void {
    const file = this.file(id);
    if (!file || file.state === 'aborted' || file.state === 'done') return;
    const finished = done >= total && this.items.value.some((one) => one.id === fileKey(id) && one.mine);
    this.change(id, { done, state: finished ? 'done' : 'moving' });
  }

  async send(text: string, to?: string): Promise<void> {
    this.put(this.itemOf(await this.carrier.send(text, to)));
  }

  sendFiles(files: readonly File[], to?: string): void {
    for (const file of files) void this.sendFile(file, to);
  }

  private async sendFile(file: File, to?: string): Promise<void> {
    const made = await this.carrier.offer(file, to).catch(() => undefined);
    if (!made) {
      const id = `failed-${file.name}-${Date.now()}`;
      this.put(this.ownFile({ id, name: file.name, size: file.size, mime: file.type, state: 'failed', done: 0 }, to));
      return;
    }
    if (!('abort' in made)) {
      this.offered(made);
      return;
    }
    const { id, name, size } = made;
    this.put(this.ownFile({ id, name, size, mime: file.type, state: 'offered', done: 0 }, to));
    this.aborts.set(id, () => made.abort());
    made.done.then(
      () => this.change(id, { state: 'done', done: size }),
      () => this.change(id, { state: this.file(id)?.state === 'aborted' ? 'aborted' : 'failed' }),
    );
  }

  private ownFile(file: ChatFile, to?: string): ChatItem {
    const me = this.carrier.me;
    const name = this.carrier.nameOf(me) ?? '';
    return { id: fileKey(file.id), from: me, name, mine: true, at: Date.now(), text: '', ...this.target(to), file };
  }

  accept(id: string): void {
    const file = this.file(id);
    if (!file || file.state === 'moving' || file.state === 'done') return;
    const control = new AbortController();
    this.aborts.set(id, () => control.abort());
    this.change(id, { state: 'moving', done: 0 });
    const onProgress = (done: number) => {
      if (!control.signal.aborted) this.change(id, { done, state: 'moving' });
    };
    this.carrier.receive(id, { onProgress, signal: control.signal }).then(
      (blob) => {
        const url = URL.createObjectURL(blob);
        this.urls.push(url);
        this.change(id, { state: 'done', done: file.size, url });
      },
      () => this.change(id, { state: control.signal.aborted ? 'aborted' : 'failed' }),
    );
  }

  abort(id: string): void {
    this.change(id, { state: 'aborted' });
    this.aborts.get(id)?.();
    this.aborts.delete(id);
  }

  seen(): void {
    if (this.unread.peek() !== 0) this.unread.value = 0;
  }

  /** Received files are given back to the browser's memory. */
  dispose(): void {
    for (const abort of this.aborts.values()) abort();
    for (const url of this.urls) URL.revokeObjectURL(url);
  }

  private itemOf({ id, from, name, text, to, at, file }: ChatMessage): ChatItem {
    return {
      id: file ? fileKey(file.id) : id,
      from,
      name,
      mine: from === this.carrier.me,
      at,
      text,
      ...this.target(to),
      ...(file ? { file: { ...file, state: 'offered' as const, done: 0 } } : {}),
    };
  }

  private target(to: string | undefined): Pick<ChatItem, 'to'> {
    return to ? { to: { id: to, name: this.carrier.nameOf(to) ?? '' } } : {};
  }

  private file(id: string): ChatFile | undefined {
    return this.items.peek().find((one) => one.id === fileKey(id))?.file;
  }

  private news(item: ChatItem): void {
    if (!this.put(item) || item.mine) return;
    this.unread.value++;
    this.onNews(item);
  }

  /** Adds an item; false if it was there. */
  private put(item: ChatItem): boolean {
    const items = this.items.peek();
    if (items.some((one) => one.id === item.id)) return false;
    this.items.value = [...items, item].sort((a, b) => a.at - b.at);
    return true;
  }

  private change(id: string, change: Partial<ChatFile>): void {
    const key = fileKey(id);
    this.items.value = this.items
      .peek()
      .map((one) => (one.id === key && one.file ? { ...one, file: { ...one.file, ...change } } : one));
  }
}
