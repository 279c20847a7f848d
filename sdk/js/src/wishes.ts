/** What to ask the server for when the app says nothing, or not everything. */
import type { WireMember } from './protocol.js';
import type { Source, Wish } from './types.js';

const size = { width: 640, height: 360 };

const unseen = { width: 0, height: 0, paused: true };

const sends = (m: WireMember, ...sources: string[]) => m.tracks.some((t) => sources.includes(t.source));

/** Who may have a picture or a voice. */
const visible = (m: WireMember) => m.role !== 'viewer' || m.tracks.length > 0;

/**
 * Without a word of the app: everybody who may publish, and every shared screen. With its wishes: these
 * first, and whoever it does not show is still heard.
 */
export function wishesFor(shown: readonly Wish[] | null, others: Iterable<WireMember>, limit: number): Wish[] {
  const wishes: Wish[] = [...(shown ?? [])];
  const has = (member: string, source: string) => wishes.some((w) => w.member === member && w.source === source);
  if (wishes.some((w) => w.member === 'first')) return wishes.slice(0, limit);
  for (const m of others) {
    if (visible(m) && !has(m.id, 'camera')) {
      wishes.push({ member: m.id, source: 'camera', ...(shown ? unseen : size) });
    }
    if (has(m.id, 'screen')) continue;
    if (!shown && (m.state.screen || sends(m, 'screen'))) wishes.push({ member: m.id, source: 'screen', ...size });
    else if (shown && sends(m, 'screen-audio')) wishes.push({ member: m.id, source: 'screen', ...size, paused: true });
  }
  return shown ? wishes : wishes.slice(0, limit);
}

/** The pictures that are not to be sent now, by member: those whose wish is a pause. */
export function heldBy(shown: readonly Wish[] | null): ReadonlyMap<string, ReadonlySet<Source>> {
  const out = new Map<string, Set<Source>>();
  for (const { member, source, paused } of shown ?? []) {
    if (paused) out.set(member, (out.get(member) ?? new Set()).add(source));
  }
  return out;
}
