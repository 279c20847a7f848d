import { useId } from 'preact/hooks';
import type { DeviceKind, DeviceModel, Translate } from './types.js';

const kinds: readonly DeviceKind[] = ['microphone', 'camera', 'speaker'];

/** One list per kind of device. Speakers are missing where the browser does not let us choose one. */
export function DeviceMenu({ devices, publish, t }: { devices: DeviceModel; publish: boolean; t: Translate }) {
  const shown = kinds.filter((kind) => (kind === 'speaker' ? devices.lists.value.speaker.length > 0 : publish));
  return (
    <div class="st-devices">
      {shown.map((kind) => (
        <DeviceList key={kind} kind={kind} devices={devices} t={t} />
      ))}
      {shown.length === 0 && <p class="st-dim">{t('devices.none')}</p>}
    </div>
  );
}

function DeviceList({ kind, devices, t }: { kind: DeviceKind; devices: DeviceModel; t: Translate }) {
  const id = useId();
  const list = devices.lists.value[kind];
  const chosen = devices.chosen.value[kind];
  const known = list.some((device) => device.id === chosen);
  return (
    <div class="st-field">
      <label for={id}>{t(`devices.${kind}`)}</label>
      <select
        id={id}
        disabled={list.length === 0}
        value={known ? chosen : ''}
        onChange={(event) => void devices.choose(kind, event.currentTarget.value)}
      >
        {list.length === 0 && <option value="">{t('devices.none')}</option>}
        {list.length > 0 && !known && <option value="">{t('devices.default')}</option>}
        {list.map((device) => (
          <option key={device.id} value={device.id}>
            {device.label}
          </option>
        ))}
      </select>
    </div>
  );
}
