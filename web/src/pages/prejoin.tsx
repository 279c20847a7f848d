import type { Signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { App } from '../app';
import { playTestSound } from '../devices/meter';
import { t } from '../i18n';
import type { Settings } from '../model/settings';
import type { RoomPage } from '../router';
import type { DeviceKind } from '../stage/types.js';
import { Button } from '../ui/button';
import { Field, Select, Switch } from '../ui/field';
import { Preview } from './preview';
import { Shell } from './shell';

export interface PreJoinProps {
  app: App;
  page: Exclude<RoomPage, 'call'>;
  room: string;
  muted: Signal<boolean>;
  onJoin(): void;
}

/** Before a meeting or broadcast: how one looks and sounds, and one button. Devices open here and stay open. */
export function PreJoin({ app, page, room, muted, onJoin }: PreJoinProps): JSX.Element {
  const { media } = app;
  const speaks = page !== 'watch';
  useEffect(() => {
    if (speaks) void media.open({ mic: true, camera: true });
  }, [media, speaks]);
  const track = media.mic.value;
  useEffect(() => {
    if (track) track.enabled = !muted.peek();
  }, [track, muted]);
  return (
    <Shell app={app} narrow={!speaks}>
      <div class={speaks ? 'prejoin' : 'prejoin prejoin-watch'}>
        {speaks ? (
          <Preview
            media={media}
            muted={muted.value}
            onMute={() => {
              muted.value = !muted.peek();
              if (track) track.enabled = !muted.peek();
            }}
          />
        ) : null}
        <form
          class="prejoin-form"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            onJoin();
          }}
        >
          <div>
            <h1>{t(`join.title.${page}`)}</h1>
            <p class="room-code">{t('join.room', { room })}</p>
            {speaks ? null : <p class="lead">{t('join.watch.lead')}</p>}
          </div>
          <NameField settings={app.settings} />
          <Button tone="accent" large type="submit">
            {t('join')}
          </Button>
          {speaks ? <DeviceFields app={app} /> : null}
          <Options app={app} speaks={speaks} />
        </form>
      </div>
    </Shell>
  );
}

export function NameField({ settings, required }: { settings: Signal<Settings>; required?: boolean }): JSX.Element {
  return (
    <Field
      label={t('join.name')}
      placeholder={t('join.name.hint')}
      value={settings.value.name}
      maxLength={64}
      required={required}
      autocomplete="nickname"
      onValue={(name) => {
        settings.value = { ...settings.peek(), name };
      }}
    />
  );
}

function DeviceFields({ app: { media } }: { app: App }): JSX.Element {
  const model = media.model();
  const kinds: readonly DeviceKind[] = ['microphone', 'camera', 'speaker'];
  return (
    <div class="device-fields">
      {kinds.map((kind) => {
        const list = model.lists.value[kind];
        if (list.length === 0) return null;
        return (
          <div key={kind} class="device-field">
            <Select
              label={t(`devices.${kind}`)}
              value={model.chosen.value[kind] || (list[0]?.id ?? '')}
              options={list}
              onChoose={(id) => void media.choose(kind, id)}
            />
            {kind === 'speaker' ? (
              <Button tone="quiet" icon="speaker" onClick={() => void playTestSound(media.chosen.peek().speaker)}>
                {t('join.test')}
              </Button>
            ) : null}
          </div>
        );
      })}
    </div>
  );
}

function Options({ app, speaks }: { app: App; speaks: boolean }): JSX.Element {
  const { settings, media } = app;
  return (
    <details class="options">
      <summary>{t('join.options')}</summary>
      <Switch
        label={t('join.relay')}
        hint={t('join.relay.hint')}
        checked={settings.value.relayOnly}
        onChange={(relayOnly) => {
          settings.value = { ...settings.peek(), relayOnly };
        }}
      />
      <Switch
        label={t('join.low')}
        hint={t('join.low.hint')}
        checked={settings.value.lowBandwidth}
        onChange={(lowBandwidth) => {
          settings.value = { ...settings.peek(), lowBandwidth };
          media.lowBandwidth = lowBandwidth;
          if (speaks && media.camera.peek()) void media.choose('camera', media.chosen.peek().camera);
        }}
      />
    </details>
  );
}
