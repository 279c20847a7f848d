/** Measures the connection: often while somebody looks at the figures, seldom for the label at the top. */
import { type Signal, signal } from '@preact/signals';
import type { PathLabel, StatsModel, StatsView } from '../stage/types.js';

const watchedMs = 1000;
const labelMs = 3000;

/** Any relay on the way? */
export function pathLabel(view: StatsView): PathLabel {
  const relay = view.mode === 'sfu' ? view.server?.relay === true : view.groups.some((one) => one.path?.relay);
  return { mode: view.mode, relay: relay === true };
}

export class StatsBook implements StatsModel {
  readonly view: Signal<StatsView | null> = signal(null);
  readonly path: Signal<PathLabel> = signal({ mode: 'none', relay: false });
  private watchers = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = false;
  private over = false;

  constructor(private readonly measure: () => Promise<StatsView>) {
    this.plan(500);
  }

  watch(): () => void {
    this.watchers++;
    this.plan(0);
    let watching = true;
    return () => {
      if (watching) this.watchers--;
      watching = false;
    };
  }

  /** Something changed (the topology): look again now. */
  soon(): void {
    this.plan(0);
  }

  dispose(): void {
    this.over = true;
    clearTimeout(this.timer);
  }

  private plan(ms: number): void {
    if (this.over) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.tick(), ms);
  }

  private async tick(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      const view = await this.measure();
      if (this.over) return;
      this.view.value = view;
      const label = pathLabel(view);
      const { mode, relay } = this.path.peek();
      if (mode !== label.mode || relay !== label.relay) this.path.value = label;
    } catch {
      // The connection is being rebuilt: the next measurement will tell.
    } finally {
      this.busy = false;
      this.plan(this.watchers > 0 ? watchedMs : labelMs);
    }
  }
}
