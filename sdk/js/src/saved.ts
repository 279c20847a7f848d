/** What outlives a reload of the page: the resume token, and the number of the last connection to the server. */
import { VecheError } from './errors.js';
import type { ResumeStorage } from './types.js';

export class Saved {
  private token: string | undefined;
  private generation = 0;

  constructor(
    private readonly storage: ResumeStorage | undefined,
    private readonly key: string,
  ) {
    try {
      const value = JSON.parse(storage?.getItem(key) ?? 'null');
      if (typeof value?.token === 'string' && value.token) this.token = value.token;
      if (Number.isInteger(value?.pc)) this.generation = value.pc;
    } catch {
      // nothing usable
    }
  }

  get resume(): string | undefined {
    return this.token;
  }

  keep(token: string): void {
    this.token = token;
    this.write();
  }

  /** Higher than all before. */
  nextGeneration(): number {
    this.generation++;
    this.write();
    return this.generation;
  }

  /** There is nothing to come back to. */
  clear(): void {
    this.token = undefined;
    this.attempt(() => this.storage?.removeItem(this.key));
  }

  private write(): void {
    this.attempt(() => this.storage?.setItem(this.key, JSON.stringify({ token: this.token, pc: this.generation })));
  }

  /** A storage that is full or forbidden only means that a reload begins anew. */
  private attempt(act: () => void): void {
    try {
      act();
    } catch {
      // see above
    }
  }
}

/** The WebSocket's URL of a server. */
export function socketUrl(base: string | URL): string {
  let url: URL;
  try {
    url = new URL('ws', base);
  } catch (cause) {
    throw new VecheError('bad-message', 'url: not an absolute URL', { cause });
  }
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = url.hash = '';
  return url.href;
}
