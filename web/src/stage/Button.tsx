import type { ComponentChildren, JSX } from 'preact';
import { useCallback, useId, useRef, useState } from 'preact/hooks';
import { useAction, useDismiss } from './hooks.js';
import { Icon, type IconName } from './Icon.js';

export interface ToolProps {
  readonly icon: IconName;
  /** The accessible name and, where there is room, the visible word. Never changes with the state. */
  readonly label: string;
  /** For a toggle. */
  readonly pressed?: boolean;
  /** `on`: something unusual goes on; `off`: what is toggled is silenced; `leave`: ends the conversation. */
  readonly tone?: 'on' | 'off' | 'leave' | undefined;
  /** More than the name says: a problem, a count. */
  readonly note?: string | undefined;
  readonly badge?: number | undefined;
  readonly warn?: boolean;
  /** As aria-keyshortcuts wants it. */
  readonly keys?: string;
  readonly opens?: string;
  run(): void | Promise<void>;
}

/** A button of the toolbar. */
export function Tool({ icon, label, pressed, tone, note, badge, warn, keys, opens, run }: ToolProps) {
  const [act, pending] = useAction(run);
  const id = useId();
  return (
    <button
      type="button"
      class="st-tool"
      aria-pressed={pressed}
      aria-busy={pending}
      aria-describedby={note ? id : undefined}
      aria-keyshortcuts={keys}
      title={note}
      data-tone={tone}
      data-opens={opens}
      onClick={act}
    >
      <span class="st-tool-face" aria-hidden="true">
        <Icon name={icon} />
        {badge ? <span class="st-badge">{badge > 99 ? '99+' : badge}</span> : null}
        {warn && <span class="st-badge st-badge-warn">!</span>}
      </span>
      <span class="st-tool-label">{label}</span>
      {note && (
        <span id={id} hidden>
          {note}
        </span>
      )}
    </button>
  );
}

interface PopoverProps {
  readonly icon: IconName;
  readonly label: string;
  /** Puts a class on the button: `st-tool` in the toolbar. */
  readonly face: 'tool' | 'pill';
  readonly children: (close: () => void) => ComponentChildren;
}

/** A button that opens a small dialogue beside it. Focus goes in, and comes back. */
export function Popover({ icon, label, face, children }: PopoverProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => {
    setOpen(false);
    if (root.current?.contains(document.activeElement)) button.current?.focus();
  }, []);
  useDismiss(root, open, close);
  const enter = useCallback((dialog: HTMLDialogElement | null) => {
    dialog?.querySelector<HTMLElement>('button, select, input')?.focus();
  }, []);
  const leave = (event: FocusEvent) => {
    if (event.relatedTarget instanceof Node && !root.current?.contains(event.relatedTarget)) setOpen(false);
  };
  return (
    <div class="st-anchor" ref={root} onFocusOut={leave}>
      <button
        ref={button}
        type="button"
        class={face === 'tool' ? 'st-tool' : 'st-pill-button'}
        aria-haspopup="dialog"
        aria-expanded={open}
        data-opens="popover"
        onClick={() => setOpen(!open)}
      >
        <span class="st-tool-face" aria-hidden="true">
          <Icon name={icon} />
        </span>
        <span class="st-tool-label">{label}</span>
      </button>
      {open && (
        <dialog open class="st-popover" aria-label={label} ref={enter}>
          {children(close)}
        </dialog>
      )}
    </div>
  );
}
