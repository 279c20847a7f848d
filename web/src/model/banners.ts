import { type Signal, signal } from '@preact/signals';
import type { Banner } from '../stage/types.js';

export interface BannerOptions {
  /** Disappears by itself after so many milliseconds. */
  ms?: number;
  /** The person may close it. */
  closable?: boolean;
}

/** The notices of one conversation, one per id; a new one with the same id takes the place of the old. */
export class Banners {
  readonly list: Signal<readonly Banner[]> = signal([]);
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  show(banner: Omit<Banner, 'dismiss'>, { ms, closable = ms !== undefined }: BannerOptions = {}): void {
    const { id } = banner;
    this.hide(id);
    this.list.value = [...this.list.value, closable ? { ...banner, dismiss: () => this.hide(id) } : banner];
    if (ms !== undefined)
      this.timers.set(
        id,
        setTimeout(() => this.hide(id), ms),
      );
  }

  hide(id: string): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    if (this.list.value.some((one) => one.id === id)) this.list.value = this.list.value.filter((one) => one.id !== id);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}
