import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

/** The attributes of a text field that pages use. */
interface TextInput {
  value: string;
  placeholder?: string;
  maxLength?: number;
  required?: boolean | undefined;
  autocomplete?: 'off' | 'nickname';
  autocapitalize?: 'none';
  spellcheck?: boolean;
  enterkeyhint?: 'go';
}

export interface FieldProps extends TextInput {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  onValue(value: string): void;
  /** Stands at the end of the line, for example a button. */
  after?: ComponentChildren;
}

/** A text field with a visible label; its error is announced and tied to it. */
export function Field({ label, hint, error, onValue, after, ...rest }: FieldProps): JSX.Element {
  const id = useId();
  const notes = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-line">
        <input
          {...rest}
          id={id}
          class="input"
          aria-invalid={error ? true : undefined}
          aria-describedby={notes || undefined}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
        {after}
      </div>
      {hint ? (
        <p id={`${id}-hint`} class="field-hint">
          {hint}
        </p>
      ) : null}
      <p id={`${id}-error`} class="field-error" role="alert">
        {error ?? ''}
      </p>
    </div>
  );
}

export interface SelectProps {
  label: string;
  value: string;
  options: readonly { id: string; label: string }[];
  disabled?: boolean;
  onChoose(id: string): void;
  hideLabel?: boolean;
}

export function Select({ label, value, options, disabled, onChoose, hideLabel }: SelectProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id} class={hideLabel ? 'visually-hidden' : undefined}>
        {label}
      </label>
      <select id={id} class="input" value={value} disabled={disabled} onChange={(e) => onChoose(e.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.id} value={option.id} selected={option.id === value}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

export interface SwitchProps {
  label: string;
  hint?: string;
  checked: boolean;
  onChange(checked: boolean): void;
}

/** A checkbox that looks like a switch. */
export function Switch({ label, hint, checked, onChange }: SwitchProps): JSX.Element {
  const id = useId();
  return (
    <div class="switch">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={checked}
        aria-checked={checked}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(e) => onChange(e.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      {hint ? (
        <p id={`${id}-hint`} class="field-hint">
          {hint}
        </p>
      ) : null}
    </div>
  );
}
