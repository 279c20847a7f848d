import { afterEach, describe, expect, it, vi } from 'vitest';
import { ChatBook, type ChatCarrier } from '../src/model/chat';
import { settle } from './fake/local';

const message = (id: string, from: string, text = id, at = Number(id)) => ({ id, from, name: from, text, at });
const info = { id: 'f1', name: 'plan.pdf', size: 100, mime: 'application/pdf' };
const offer = { ...info, from: 'a', fromName: 'A', at: 5, mine: false };

function book(change: Partial<ChatCarrier> = {}) {
  const news: string[] = [];
  const chat = new ChatBook(
    {
      me: 'me',
      nameOf: (id) => id.toUpperCase(),
      send: async (text, to) => ({ ...message('9', 'me', text), ...(to ? { to } : {}) }),
      offer: async () => ({ ...offer, from: 'me', mine: true }),
      receive: async () => new Blob(['x']),
      ...change,
    },
    (item) => news.push(item.id),
  );
  return { chat, news, ids: () => chat.items.value.map((item) => item.id), file: () => chat.items.value.at(-1)?.file };
}

afterEach(() => vi.restoreAllMocks());

describe('messages', () => {
  it('stand in order, once each, whoever tells them', async () => {
    const { chat, ids, news } = book();
    chat.past([message('2', 'a'), message('1', 'b')]);
    chat.message(message('3', 'a'));
    chat.message(message('3', 'a'));
    await chat.send('hello');
    chat.message(message('9', 'me', 'hello'));
    expect(ids()).toEqual(['1', '2', '3', '9']);
    expect(chat.unread.value).toBe(1);
    expect(news).toEqual(['3']);
    chat.seen();
    expect(chat.unread.value).toBe(0);
  });

  it('can be private', async () => {
    const { chat } = book();
    await chat.send('psst', 'a');
    expect(chat.items.value[0]).toMatchObject({ mine: true, to: { id: 'a', name: 'A' } });
  });

  it('that are not sent are not shown', async () => {
    const { chat } = book({ send: () => Promise.reject(new Error('no')) });
    await expect(chat.send('x')).rejects.toThrow('no');
    expect(chat.items.value).toEqual([]);
  });
});

describe('a file that is offered to us', () => {
  it('is one item, told by a message, an offer, or both', () => {
    const { chat, ids, news } = book();
    chat.message({ ...message('4', 'a', ''), file: info });
    chat.offered(offer);
    expect(ids()).toEqual(['file:f1']);
    expect(news).toHaveLength(1);
  });

  it('is received with progress and can be saved', async () => {
    vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:1');
    const { chat, file } = book({
      receive: async (_id, { onProgress }) => {
        onProgress?.(40, 100);
        expect(file()).toMatchObject({ state: 'moving', done: 40 });
        return new Blob(['x']);
      },
    });
    chat.offered(offer);
    chat.accept('f1');
    await settle();
    expect(file()).toMatchObject({ state: 'done', done: 100, url: 'blob:1' });
  });

  it('can be stopped, and taken again', async () => {
    let aborted = false;
    const { chat, file } = book({
      receive: (_id, { signal }) =>
        new Promise((_done, fail) =>
          signal?.addEventListener('abort', () => {
            aborted = true;
            fail(new Error('aborted'));
          }),
        ),
    });
    chat.offered(offer);
    chat.accept('f1');
    chat.abort('f1');
    await settle();
    expect(aborted).toBe(true);
    expect(file()?.state).toBe('aborted');
    chat.accept('f1');
    expect(file()?.state).toBe('moving');
  });

  it('fails visibly', async () => {
    const { chat, file } = book({ receive: () => Promise.reject(new Error('gone')) });
    chat.offered(offer);
    chat.accept('f1');
    await settle();
    expect(file()?.state).toBe('failed');
  });
});

describe('a file that we offer', () => {
  const sent = [new File(['x'.repeat(100)], 'plan.pdf')];

  it('shows its progress in a room', async () => {
    const { chat, file } = book();
    chat.sendFiles(sent);
    await settle();
    expect(file()).toMatchObject({ state: 'offered' });
    chat.progress({ id: 'f1', to: 'a', done: 50, total: 100 });
    expect(file()).toMatchObject({ state: 'moving', done: 50 });
    chat.progress({ id: 'f1', to: 'a', done: 100, total: 100 });
    expect(file()).toMatchObject({ state: 'done', done: 100 });
    expect(chat.unread.value).toBe(0);
  });

  it('is a transfer in a call, which ends well or not', async () => {
    for (const [end, state] of [
      ['done', 'done'],
      ['fail', 'failed'],
      ['abort', 'aborted'],
    ] as const) {
      let finish: Record<string, () => void> = {};
      const done = new Promise<void>((resolve, reject) => {
        finish = { done: resolve, fail: () => reject(new Error('gone')) };
      });
      const abort = () => finish.fail?.();
      const { chat, file } = book({ offer: async () => ({ id: 'f1', name: 'plan.pdf', size: 100, done, abort }) });
      chat.sendFiles(sent);
      await settle();
      if (end === 'abort') chat.abort('f1');
      else finish[end]?.();
      await settle();
      expect(file()?.state).toBe(state);
    }
  });

  it('that cannot be offered is shown as failed', async () => {
    const { chat, file } = book({ offer: () => Promise.reject(new Error('no')) });
    chat.sendFiles(sent);
    await settle();
    expect(file()).toMatchObject({ name: 'plan.pdf', state: 'failed' });
  });
});
