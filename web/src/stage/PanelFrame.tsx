import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './Icon.js';
import type { Translate } from './types.js';

interface Props {
  readonly title: string;
  readonly t: Translate;
  readonly children: ComponentChildren;
  close(): void;
}

/** A panel beside the pictures (on a phone: over them). It takes the focus; whoever closes it gives it back. */
export function PanelFrame({ title, t, children, close }: Props) {
  const ref = useRef<HTMLElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    // A touch keyboard that jumps up unasked hides half of the panel: there the heading is enough.
    const touch = matchMedia('(pointer: coarse)').matches;
    const target = touch ? null : ref.current?.querySelector<HTMLElement>('[data-first]');
    (target ?? ref.current?.querySelector<HTMLElement>('h2'))?.focus();
  }, []);
  return (
    <aside class="st-panel" ref={ref} aria-labelledby={id}>
      <header class="st-panel-head">
        <h2 id={id} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="st-close" aria-label={t('stage.close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </aside>
  );
}
