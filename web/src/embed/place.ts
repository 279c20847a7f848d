/** What the address of the player page asks for. */
export interface Place {
  room: string;
  endpoint: URL;
  token: string | undefined;
  lang: string | null;
}

/** Reads `…/watch/{room}/embed?token=…&lang=…`; a token may be in the fragment too, and `member` and `source` are handed on. */
export function placeOf(href: string, mark: string | null): Place | undefined {
  const url = new URL(href);
  const [encoded, last] = url.pathname.split('/').slice(-2);
  if (!encoded || last !== 'embed') return undefined;
  const endpoint = new URL(`whep/${encoded}`, new URL(mark || '../../', href));
  for (const name of ['member', 'source']) {
    const value = url.searchParams.get(name);
    if (value !== null) endpoint.searchParams.set(name, value);
  }
  const token = new URLSearchParams(url.hash.slice(1)).get('token') ?? url.searchParams.get('token') ?? undefined;
  return { room: decodeURIComponent(encoded), endpoint, token, lang: url.searchParams.get('lang') };
}

/** The target of the link with this relation (RFC 8288), of a header as fetch joins it. */
export function linkOf(header: string | null, relation: string): string | undefined {
  for (const [, target, rest] of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    if (rest?.includes(`rel="${relation}"`)) return target;
  }
  return undefined;
}
