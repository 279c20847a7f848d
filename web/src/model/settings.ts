/** What this browser remembers of the person. Nothing leaves it but the name, on joining. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';

export interface Settings {
  name: string;
  microphone: string;
  camera: string;
  speaker: string;
  /** Hide my IP: media goes through a relay only. */
  relayOnly: boolean;
  lowBandwidth: boolean;
  theme: 'dark' | 'light' | 'system';
}

/** The choice to save data, as a conversation needs it. */
export interface Saving {
  readonly on: ReadonlySignal<boolean>;
  toggle(): void;
}

export function savingOf(settings: Signal<Settings>): Saving {
  return {
    on: computed(() => settings.value.lowBandwidth),
    toggle() {
      settings.value = { ...settings.peek(), lowBandwidth: !settings.peek().lowBandwidth };
    },
  };
}

export const defaults: Settings = {
  name: '',
  microphone: '',
  camera: '',
  speaker: '',
  relayOnly: false,
  lowBandwidth: false,
  theme: 'dark',
};
const storageKey = 'veche.settings';

/** Takes what has the right type and ignores the rest. */
export function readSettings(text: string | null): Settings {
  const settings: Record<string, unknown> = { ...defaults };
  let stored: unknown;
  try {
    stored = JSON.parse(text ?? '{}');
  } catch {
    return { ...defaults };
  }
  if (typeof stored !== 'object' || stored === null) return { ...defaults };
  for (const [key, value] of Object.entries(stored)) {
    if (Object.hasOwn(defaults, key) && typeof value === typeof settings[key]) settings[key] = value;
  }
  if (!['dark', 'light', 'system'].includes(settings.theme as string)) settings.theme = 'dark';
  return settings as unknown as Settings;
}

/** Names have at most 64 code points (protocol v1 §3). */
export function cleanName(name: string): string {
  return [...name.replace(/\s+/g, ' ').trim()].slice(0, 64).join('');
}

export function openSettings(storage: Pick<Storage, 'getItem' | 'setItem'> | undefined): Signal<Settings> {
  let text: string | null = null;
  try {
    text = storage?.getItem(storageKey) ?? null;
  } catch {
    // Storage is blocked: defaults for this page.
  }
  const settings = signal(readSettings(text));
  effect(() => {
    const next = JSON.stringify(settings.value);
    try {
      storage?.setItem(storageKey, next);
    } catch {
      // As above.
    }
  });
  return settings;
}
