import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

export interface DialogProps {
  title: string;
  /** Escape. Without it the dialog can only be left by its buttons. */
  onDismiss?: (() => void) | undefined;
  /** Interrupts a screen reader: something happens that waits for an answer. */
  alert?: boolean;
  children: ComponentChildren;
}

/** The platform's modal dialog: it keeps the focus inside and gives it back. */
export function Dialog({ title, onDismiss, alert, children }: DialogProps): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class="dialog"
      role={alert ? 'alertdialog' : undefined}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onDismiss?.();
      }}
    >
      {/* The title has the focus first: a key that was meant for the page answers nothing. */}
      <h2 id={id} tabIndex={-1} autofocus>
        {title}
      </h2>
      {children}
    </dialog>
  );
}
