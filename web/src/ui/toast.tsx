/** Short notices at the edge, for pages without an in-call view. They stay until closed or for their time. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { t } from '../i18n';
import { Icon, type IconName } from './icons';

export interface Toast {
  id: number;
  text: string;
  tone: 'info' | 'ok' | 'warn';
  action?: { label: string; run(): void } | undefined;
}

const toasts = signal<readonly Toast[]>([]);
let last = 0;
const icons: Record<Toast['tone'], IconName> = { info: 'info', ok: 'check', warn: 'warn' };

/** Shows a notice; `ms` 0 keeps it until it is closed. */
export function toast(
  text: string,
  tone: Toast['tone'] = 'info',
  options: { ms?: number; action?: Toast['action'] } = {},
): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-2), { id, text, tone, action: options.action }];
  const ms = options.ms ?? 8000;
  if (ms > 0) setTimeout(() => closeToast(id), ms);
}

export function closeToast(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts(): JSX.Element {
  return (
    <section class="toasts" role="status" aria-live="polite">
      {toasts.value.map((one) => (
        <div key={one.id} class={`toast toast-${one.tone}`}>
          <Icon name={icons[one.tone]} />
          <p>{one.text}</p>
          {one.action ? (
            <button
              type="button"
              class="link-button"
              onClick={() => {
                closeToast(one.id);
                one.action?.run();
              }}
            >
              {one.action.label}
            </button>
          ) : null}
          <button type="button" class="icon-button" aria-label={t('app.close')} onClick={() => closeToast(one.id)}>
            <Icon name="close" size={18} />
          </button>
        </div>
      ))}
    </section>
  );
}
