import { useEffect, useId, useRef } from 'preact/hooks';
import type { Translate } from './types.js';

export interface Question {
  readonly title: string;
  readonly hint: string;
  /** The word on the button that does it. */
  readonly yes: string;
  run(): void | Promise<void>;
}

/** Asks before what cannot be undone. The safe answer has the focus; Escape is the safe answer too. */
export function Confirm({ question, t, done }: { question: Question; t: Translate; done(): void }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const answer = () => {
    void question.run();
    done();
  };
  return (
    <dialog ref={ref} class="st-confirm" aria-labelledby={`${id}-title`} aria-describedby={`${id}-hint`} onClose={done}>
      <h2 id={`${id}-title`}>{question.title}</h2>
      <p id={`${id}-hint`}>{question.hint}</p>
      <div class="st-confirm-row">
        <button type="button" class="st-button" onClick={done}>
          {t('stage.cancel')}
        </button>
        <button type="button" class="st-button st-danger" onClick={answer}>
          {question.yes}
        </button>
      </div>
    </dialog>
  );
}
