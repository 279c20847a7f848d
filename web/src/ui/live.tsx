/** What a screen reader is told besides what has focus. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const text = signal('');
let again = false;

/** Says a sentence once; the same sentence twice in a row is said twice. */
export function announce(sentence: string): void {
  again = !again;
  text.value = again ? sentence : `${sentence}\u00a0`;
}

export function LiveRegion(): JSX.Element {
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {text.value}
    </div>
  );
}
