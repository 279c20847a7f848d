import { Popover } from './Button.js';
import { useNow } from './hooks.js';
import { Icon } from './Icon.js';
import { Invite } from './Invite.js';
import { duration } from './text.js';
import type { StageModel, Translate } from './types.js';

/** Where we are, since when, and how media travels. */
export function TopBar({ model, t, compact }: { model: StageModel; t: Translate; compact: boolean }) {
  const since = model.since.value;
  return (
    <header class="st-top">
      <h1 class="st-title">{model.title.value}</h1>
      {model.people.locked.value && (
        <span class="st-sign" title={t('banner.locked')}>
          <Icon name="lock" />
          <span class="st-hidden">{t('banner.locked')}</span>
        </span>
      )}
      <span class="st-grow" />
      {since !== null && <Elapsed since={since} t={t} />}
      <Path model={model} t={t} />
      {model.invite && !compact && (
        <Popover icon="link" label={t('invite.title')} face="pill">
          {() => model.invite && <Invite invite={model.invite} t={t} />}
        </Popover>
      )}
    </header>
  );
}

function Elapsed({ since, t }: { since: number; t: Translate }) {
  const passed = duration(useNow() - since);
  return (
    <span class="st-elapsed" title={t('stage.elapsed')}>
      <span class="st-hidden">{t('stage.elapsed')}: </span>
      {passed}
    </span>
  );
}

function Path({ model, t }: { model: StageModel; t: Translate }) {
  const { mode, relay } = model.path.value;
  if (mode === 'none') {
    return (
      <span class="st-path" data-path="none">
        {t('path.none')}
      </span>
    );
  }
  const title = t(relay ? `path.${mode}.relay.title` : `path.${mode}.title`);
  return (
    <span class="st-path" data-path={mode} data-relay={relay} title={title}>
      {t(`path.${mode}`)}
      {relay && ` · ${t('path.relay')}`}
      <span class="st-hidden">. {title}</span>
    </span>
  );
}
