/** Whether anybody can see the page: a minimised window, and a tab behind another, need no pictures. */
import { type ReadonlySignal, signal } from '@preact/signals';

/** Who only looks for another tab is not made to wait for the pictures afterwards (ms). */
const hiddenMs = 2_000;

export interface Sight {
  readonly hidden: ReadonlySignal<boolean>;
  dispose(): void;
}

export function watchSight(): Sight {
  const hidden = signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState !== 'hidden') hidden.value = false;
    else {
      timer = setTimeout(() => {
        hidden.value = true;
      }, hiddenMs);
    }
  };
  document.addEventListener('visibilitychange', look);
  return {
    hidden,
    dispose() {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    },
  };
}
