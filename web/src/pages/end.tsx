import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { App } from '../app';
import { t } from '../i18n';
import { type EndCode, endIcon, mayRetry } from '../model/end';
import { Button } from '../ui/button';
import { Icon } from '../ui/icons';
import { PageLink, Shell } from './shell';

export interface EndProps {
  app: App;
  code: EndCode;
  /** Does the same again. */
  onRetry?: (() => void) | undefined;
}

/** The calm end of every conversation, and of every attempt. */
export function EndPage({ app, code, onRetry }: EndProps): JSX.Element {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  const retry = code === 'version' ? () => location.reload() : onRetry;
  return (
    <Shell app={app} narrow>
      <section class={`end end-${code}`}>
        <span class="end-icon">
          <Icon name={endIcon[code]} size={32} />
        </span>
        <h1 ref={title} tabIndex={-1}>
          {t(`end.${code}.title`)}
        </h1>
        <p class="lead">{t(`end.${code}.text`)}</p>
        <div class="end-actions">
          {retry && mayRetry(code) ? (
            <Button tone="accent" large onClick={retry}>
              {t(code === 'left' || code === 'replaced' ? 'end.rejoin' : 'app.retry')}
            </Button>
          ) : null}
          <PageLink app={app} to={{ page: 'start' }} class="button button-plain button-large">
            {t('app.back')}
          </PageLink>
        </div>
      </section>
    </Shell>
  );
}
