/** Which page an address means, and the address of a page. Everything is relative to the app's root. */
import { signal } from '@preact/signals';

export type RoomPage = 'r' | 'b' | 'watch' | 'call';
export type Route = { page: 'start' } | { page: RoomPage; room: string } | { page: 'missing' };

const pages: readonly string[] = ['r', 'b', 'watch', 'call'];
const maxRoom = 64;

/** Room names are 1 … 64 code points (protocol v1 §3); a slash would not survive in a path. */
export function validRoom(name: string): boolean {
  return name !== '' && [...name].length <= maxRoom && !name.includes('/') && name !== '.' && name !== '..';
}

export function parseRoute(href: string, root: URL): Route {
  const url = new URL(href, root);
  if (url.origin !== root.origin || !url.pathname.startsWith(root.pathname)) return { page: 'missing' };
  const path = url.pathname.slice(root.pathname.length);
  if (path === '' || path === 'index.html') return { page: 'start' };
  const [page = '', encoded = '', ...more] = path.split('/');
  if (!pages.includes(page) || more.length > 0) return { page: 'missing' };
  const room = decode(encoded);
  return validRoom(room) ? { page: page as RoomPage, room } : { page: 'missing' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

export function urlOf(route: Route, root: URL): URL {
  if (route.page === 'start' || route.page === 'missing') return new URL(root);
  return new URL(`${route.page}/${encodeURIComponent(route.room)}`, root);
}

export type CodeFound =
  | { ok: true; route: Route; token?: string }
  | { ok: false; why: 'empty' | 'invalid' | 'other-server' };

/** Reads what a person typed or pasted: a code, a link of this server, or a part of one. */
export function parseCode(text: string, root: URL): CodeFound {
  const trimmed = text.trim();
  if (trimmed === '') return { ok: false, why: 'empty' };
  if (/^https?:\/\//i.test(trimmed)) return parseLink(trimmed, root);
  const part = /^\/?(r|b|watch|call)\/([^/?#]+)$/.exec(trimmed);
  if (part?.[1] && part[2]) return roomRoute(part[1] as RoomPage, decode(part[2]));
  return roomRoute('r', trimmed.replace(/\s+/g, '-'));
}

function roomRoute(page: RoomPage, room: string): CodeFound {
  return validRoom(room) ? { ok: true, route: { page, room } } : { ok: false, why: 'invalid' };
}

function parseLink(text: string, root: URL): CodeFound {
  if (!URL.canParse(text)) return { ok: false, why: 'invalid' };
  const url = new URL(text);
  if (url.origin !== root.origin || !url.pathname.startsWith(root.pathname)) return { ok: false, why: 'other-server' };
  const route = parseRoute(url.href, root);
  if (route.page === 'missing' || route.page === 'start') return { ok: false, why: 'invalid' };
  const token = new URLSearchParams(url.hash.slice(1)).get('token') ?? url.searchParams.get('token');
  return { ok: true, route, ...(token ? { token } : {}) };
}

/** Letters that cannot be mistaken for one another when read out. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A code nobody guesses: 12 random letters in groups (59 bits). */
export function newCode(
  random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (b) => crypto.getRandomValues(b),
): string {
  const usable = 256 - (256 % alphabet.length);
  let code = '';
  while (code.length < 12) {
    for (const byte of random(new Uint8Array(16))) {
      if (byte < usable && code.length < 12) code += alphabet[byte % alphabet.length];
    }
  }
  return `${code.slice(0, 4)}-${code.slice(4, 8)}-${code.slice(8)}`;
}

/** The page that is open now, and how to open another. */
export class Router {
  readonly route;
  constructor(
    readonly root: URL,
    private readonly view: Pick<Window, 'history' | 'location' | 'addEventListener'>,
  ) {
    this.route = signal<Route>(parseRoute(view.location.href, root));
    view.addEventListener('popstate', () => {
      this.route.value = parseRoute(view.location.href, root);
    });
  }

  open(route: Route, options: { replace?: boolean } = {}): void {
    const url = urlOf(route, this.root).href;
    if (options.replace) this.view.history.replaceState(null, '', url);
    else this.view.history.pushState(null, '', url);
    this.route.value = route;
  }
}
