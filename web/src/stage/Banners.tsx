import { Icon } from './Icon.js';
import type { Banner, StageModel, Translate } from './types.js';

/** What the person has to know now. Danger is told at once, the rest when the screen reader is free. */
export function Banners({ model, t }: { model: StageModel; t: Translate }) {
  const banners = model.banners.value;
  const urgent = banners.filter((banner) => banner.tone === 'danger');
  const calm = banners.filter((banner) => banner.tone !== 'danger');
  return (
    <div class="st-banners">
      <div role="alert">
        {urgent.map((banner) => (
          <Line key={banner.id} banner={banner} t={t} />
        ))}
      </div>
      <div role="status">
        {calm.map((banner) => (
          <Line key={banner.id} banner={banner} t={t} />
        ))}
      </div>
    </div>
  );
}

function Line({ banner, t }: { banner: Banner; t: Translate }) {
  const { action, dismiss } = banner;
  return (
    <div class="st-banner" data-tone={banner.tone} data-banner={banner.id}>
      <span class={banner.busy ? 'st-spinner' : 'st-dot'} aria-hidden="true" />
      <span class="st-banner-text">{banner.text}</span>
      {action && (
        <button type="button" class="st-button" onClick={() => action.run()}>
          {action.label}
        </button>
      )}
      {dismiss && (
        <button type="button" class="st-close" aria-label={t('banner.dismiss')} onClick={() => dismiss()}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
