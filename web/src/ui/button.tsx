import type { ComponentChildren, JSX } from 'preact';
import { Icon, type IconName } from './icons';

type Native = Omit<JSX.IntrinsicElements['button'], 'size' | 'class' | 'children' | 'label'>;

export interface ButtonProps extends Native {
  tone?: 'plain' | 'accent' | 'danger' | 'ok' | 'quiet';
  large?: boolean;
  icon?: IconName | undefined;
  /** Work goes on: the button stays focusable and does nothing. */
  busy?: boolean | undefined;
  children?: ComponentChildren;
}

/** A real button. While busy it keeps focus and name, and clicks do nothing. */
export function Button({ tone = 'plain', large, icon, busy, children, onClick, ...rest }: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      {...rest}
      class={`button button-${tone}${large ? ' button-large' : ''}${busy ? ' is-busy' : ''}`}
      aria-disabled={busy ? true : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon ? <Icon name={icon} /> : null}
      {children}
    </button>
  );
}

export interface ToggleProps {
  name: string;
  pressed: boolean;
  on: IconName;
  off: IconName;
  /** The thing is off now: which of the two states that is depends on the name. */
  isOff: boolean;
  /** Shown as a fault: the thing is not available. */
  warning?: boolean;
  onToggle(): void;
}

/** A round button with a state. Its name never changes; the state is aria-pressed. */
export function Toggle({ name, pressed, on, off, isOff, warning, onToggle }: ToggleProps): JSX.Element {
  return (
    <button
      type="button"
      class={`toggle${isOff ? ' toggle-off' : ''}${warning ? ' is-warning' : ''}`}
      aria-pressed={pressed}
      aria-label={name}
      title={name}
      onClick={onToggle}
    >
      <Icon name={pressed ? on : off} size={22} />
    </button>
  );
}
