/**
 * One file over one data channel: chunks, then the word `end`; the receiver answers `done`. Either side says
 * `abort`, or closes the channel, to break off.
 */
import { VecheError } from './errors.js';
import type { ReceiveOptions } from './types.js';

/** Every browser takes messages of this size. */
export const chunkSize = 16 << 10;
/** Bytes read from the file at once. */
const readSize = 256 << 10;
/** Bytes that may wait in the channel; sending goes on when fewer than the second are left. */
const highWater = 1 << 20;
const lowWater = 256 << 10;
/** Milliseconds without any progress after which the other side is taken to be gone. */
const stallTimeout = 30_000;
/** Parts of a file being received are joined at this size, so that the browser may move them to its disk. */
const joinSize = 8 << 20;

interface Guard {
  promise: Promise<never>;
  progress(): void;
  release(): void;
}

const broken = (why: string) => new VecheError('transfer', why);

/** Rejects when the channel closes, the other side aborts, the app does, or nothing moves. */
function guard(channel: RTCDataChannel, signal: AbortSignal | undefined, text: (word: string) => void): Guard {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = new AbortController();
  const on = { signal: stop.signal };
  let reject: (error: VecheError) => void = () => {};
  const promise = new Promise<never>((_, r) => {
    reject = r;
  });
  promise.catch(() => {}); // it may reject when nobody waits any more
  const progress = () => {
    clearTimeout(timer);
    timer = setTimeout(() => reject(broken('nothing came for too long')), stallTimeout);
  };
  const abort = () => {
    if (channel.readyState === 'open') channel.send('abort');
    reject(new VecheError('aborted'));
  };
  channel.addEventListener('close', () => reject(broken('the connection was closed')), on);
  channel.addEventListener('error', () => reject(broken('the connection broke')), on);
  channel.addEventListener(
    'message',
    (e: MessageEvent) => {
      if (e.data === 'abort') reject(broken('the other side has stopped'));
      else if (typeof e.data === 'string') text(e.data);
    },
    on,
  );
  signal?.addEventListener('abort', abort, on);
  if (signal?.aborted) abort();
  progress();
  return {
    promise,
    progress,
    release() {
      clearTimeout(timer);
      stop.abort();
    },
  };
}

function opened(channel: RTCDataChannel): Promise<void> {
  if (channel.readyState === 'open') return Promise.resolve();
  return new Promise((resolve) => channel.addEventListener('open', () => resolve(), { once: true }));
}

/** Sends a file; resolves when the other side has all of it. */
export async function sendBlob(
  channel: RTCDataChannel,
  file: Blob,
  options: { progress?(done: number): void; signal?: AbortSignal | undefined },
): Promise<void> {
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = lowWater;
  let received = () => {};
  const done = new Promise<void>((resolve) => {
    received = resolve;
  });
  const watch = guard(channel, options.signal, (word) => word === 'done' && received());
  try {
    await Promise.race([opened(channel), watch.promise]);
    let sent = 0;
    for (let at = 0; at < file.size; at += readSize) {
      const part = await Promise.race([read(file, at), watch.promise]);
      for (let i = 0; i < part.byteLength; i += chunkSize) {
        if (channel.bufferedAmount > highWater) await Promise.race([drained(channel), watch.promise]);
        channel.send(part.slice(i, i + chunkSize));
        watch.progress();
      }
      sent += part.byteLength;
      options.progress?.(sent);
    }
    channel.send('end');
    await Promise.race([done, watch.promise]);
  } catch (error) {
    throw error instanceof VecheError ? error : new VecheError('transfer', undefined, { cause: error });
  } finally {
    watch.release();
  }
}

async function read(file: Blob, at: number): Promise<ArrayBuffer> {
  try {
    return await file.slice(at, at + readSize).arrayBuffer();
  } catch (cause) {
    throw new VecheError('transfer', 'the file cannot be read any more', { cause });
  }
}

function drained(channel: RTCDataChannel): Promise<void> {
  return new Promise((resolve) => channel.addEventListener('bufferedamountlow', () => resolve(), { once: true }));
}

/** Receives a file of exactly this size. */
export async function receiveBlob(
  channel: RTCDataChannel,
  file: { size: number; mime: string },
  options: ReceiveOptions,
): Promise<Blob> {
  channel.binaryType = 'arraybuffer';
  let blob = new Blob([], { type: file.mime });
  let parts: ArrayBuffer[] = [];
  let size = 0;
  const join = () => {
    blob = new Blob([blob, ...parts], { type: file.mime });
    parts = [];
  };
  let settle: { resolve(): void; reject(e: VecheError): void } = { resolve() {}, reject() {} };
  const complete = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  complete.catch(() => {});
  const watch = guard(channel, options.signal, (word) => {
    if (word !== 'end') return;
    if (size === file.size) settle.resolve();
    else settle.reject(broken(`${size} bytes came instead of ${file.size}`));
  });
  const take = (e: MessageEvent) => {
    if (!(e.data instanceof ArrayBuffer)) return;
    size += e.data.byteLength;
    if (size > file.size) {
      settle.reject(broken('more came than was announced'));
      return;
    }
    parts.push(e.data);
    if (parts.length * chunkSize >= joinSize) join();
    watch.progress();
    options.onProgress?.(size, file.size);
  };
  channel.addEventListener('message', take);
  try {
    await Promise.race([complete, watch.promise]);
    join();
    channel.send('done');
    return blob;
  } catch (error) {
    if (channel.readyState === 'open') channel.send('abort');
    throw error;
  } finally {
    watch.release();
    channel.removeEventListener('message', take);
  }
}
