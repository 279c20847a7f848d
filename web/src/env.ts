/** What the page is told by its address and its server, and what this browser can do. */

export interface AppInfo {
  version: string;
  openRooms: boolean;
  /** A room that everybody who tries the demo meets in. */
  demoRoom?: string;
}

/** The app's root as an absolute URL: the server writes the relative way to it into the page. */
export function rootOf(mark: string | null | undefined, href: string): URL {
  return new URL(!mark || mark === '/__root__/' ? './' : mark, href);
}

export interface TokenFound {
  token: string | undefined;
  /** The address without the token; undefined if it had none. */
  cleaned: string | undefined;
}

/** Takes a token out of `#token=…` or `?token=…`. */
export function takeToken(href: string): TokenFound {
  const url = new URL(href);
  const hash = new URLSearchParams(url.hash.slice(1));
  const token = hash.get('token') ?? url.searchParams.get('token') ?? undefined;
  if (token === undefined) return { token: undefined, cleaned: undefined };
  hash.delete('token');
  url.hash = hash.toString();
  url.searchParams.delete('token');
  return { token: token || undefined, cleaned: url.href };
}

/** What the person who opens a room may ask for by its link: `?topology=`, `?audio=`, `?video=`. */
export interface RoomWishes {
  topology?: 'p2p' | 'sfu';
  audio?: string[];
  video?: string[];
}

/** Reads the wishes of a link; the server applies those of the one who creates the room. */
export function roomWishes(href: string): RoomWishes {
  const query = new URL(href).searchParams;
  const wishes: RoomWishes = {};
  const topology = query.get('topology');
  if (topology === 'p2p' || topology === 'sfu') wishes.topology = topology;
  for (const kind of ['audio', 'video'] as const) {
    const codecs = (query.get(kind) ?? '').toLowerCase().split(',').filter(Boolean);
    if (codecs.length > 0) wishes[kind] = codecs;
  }
  return wishes;
}

/** Why this browser cannot take part at all, if it cannot. */
export type Unable = 'no-webrtc' | undefined;

export function unable(scope: typeof globalThis = globalThis): Unable {
  return typeof scope.RTCPeerConnection === 'function' && typeof scope.WebSocket === 'function'
    ? undefined
    : 'no-webrtc';
}

/** Asks the server about itself; a server that does not answer is taken to be an ordinary one. */
export async function fetchInfo(root: URL, get: typeof fetch = fetch): Promise<AppInfo> {
  const unknown: AppInfo = { version: '', openRooms: true };
  try {
    const response = await get(new URL('app.json', root));
    if (!response.ok) return unknown;
    const info: unknown = await response.json();
    if (typeof info !== 'object' || info === null) return unknown;
    const { version, openRooms, demoRoom } = info as Record<string, unknown>;
    return {
      version: typeof version === 'string' ? version : '',
      openRooms: openRooms !== false,
      ...(typeof demoRoom === 'string' && demoRoom !== '' ? { demoRoom } : {}),
    };
  } catch {
    return unknown;
  }
}
