/** What every page has: the address, the person's settings, the devices. Made once in main.tsx. */
import { type Signal, signal } from '@preact/signals';
import { browserAccess, LocalMedia } from './devices/media';
import { type AppInfo, fetchInfo, rootOf, takeToken } from './env';
import { t } from './i18n';
import { cleanName, openSettings, type Settings } from './model/settings';
import { parseRoute, type Route, Router, urlOf } from './router';

export interface App {
  readonly root: URL;
  readonly router: Router;
  /** undefined until the server has answered. */
  readonly info: Signal<AppInfo | undefined>;
  readonly token: Signal<string | undefined>;
  readonly settings: Signal<Settings>;
  readonly media: LocalMedia;
  /** Go straight in when the next room page opens: the person has pressed Join already. */
  direct: boolean;
}

export function createApp(): App {
  const mark = document.querySelector<HTMLMetaElement>('meta[name="veche-root"]')?.content;
  const root = rootOf(mark, location.href);
  const { token, cleaned } = takeToken(location.href);
  if (cleaned) history.replaceState(null, '', cleaned);
  const route = parseRoute(location.href, root);
  if (token) keepToken(route, token);
  const settings = openSettings(storageOf(() => localStorage));
  const { microphone, camera, speaker, lowBandwidth } = settings.value;
  const media = new LocalMedia(browserAccess(), { microphone, camera, speaker }, (kind, n) =>
    t(`device.${kind}.n`, { n }),
  );
  media.lowBandwidth = lowBandwidth;
  media.chosen.subscribe((chosen) => {
    settings.value = { ...settings.peek(), ...chosen };
  });
  const app: App = {
    root,
    router: new Router(root, window),
    info: signal<AppInfo | undefined>(undefined),
    token: signal(token ?? keptToken(route)),
    settings,
    media,
    direct: false,
  };
  void fetchInfo(root).then((info) => {
    app.info.value = info;
  });
  return app;
}

const tokenKey = 'veche.token';

/** The address has lost its token at once; a reload of this tab finds it again. */
function keepToken(route: Route, token: string): void {
  const name = JSON.stringify(route);
  storageOf(() => sessionStorage)?.setItem(tokenKey, JSON.stringify([name, token]));
}

function keptToken(route: Route): string | undefined {
  try {
    const [name, token] = JSON.parse(storageOf(() => sessionStorage)?.getItem(tokenKey) ?? '[]') as unknown[];
    return name === JSON.stringify(route) && typeof token === 'string' ? token : undefined;
  } catch {
    return undefined;
  }
}

/** The token for the room that is opened next, or none. */
export function giveToken(app: App, route: Route, token: string | undefined): void {
  app.token.value = token ?? keptToken(route);
  if (token) keepToken(route, token);
}

/** Blocked storage throws on access. */
export function storageOf(get: () => Storage): Storage | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** The name to join with: the person's, or one that tells guests apart. */
export function nameOrGuest(settings: Settings, random: () => number = Math.random): string {
  return cleanName(settings.name) || t('app.guest', { n: String(100 + Math.floor(random() * 900)) });
}

/** The link that others open; a broadcast is watched by those who are invited. */
export function inviteUrl(app: App, route: Route): string {
  return urlOf(route.page === 'b' ? { page: 'watch', room: route.room } : route, app.root).href;
}

/** False if the clipboard is not available. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
