/** Who shall sit where: pure decisions about the seats of the connection to the server (veche-v1 §5). */
import type { WireSeat } from './protocol.js';
import type { Status, StreamKind, Wish } from './types.js';

/**
 * `pair`: sound and picture. Without a picture: `loud` is for whoever is loud and is not shown, `other` for one member whose
 * codec has another clock than the sound of pairs.
 */
export type Shape = 'pair' | 'loud' | 'other';

/** So many are heard at a time of those who have no seat of their own; the server sends no more by itself. */
export const voices = 5;

export interface Needs {
  pair: Wish[];
  other: Wish[];
  loud: number;
}

/** Somebody whose picture has no place: the voice is all there is to show. */
export const heardOnly = (w: Wish) => w.paused === true && w.source === 'camera' && !(w.width > 0 && w.height > 0);

/**
 * Which seats the wishes need. Many who are only heard share a few seats; few have their own, for nothing is switched
 * then. `foreign` says whose sound does not fit into a pair.
 */
export function needs(wishes: readonly Wish[], foreign: (member: string) => boolean): Needs {
  const other = wishes.filter((w) => w.source === 'camera' && foreign(w.member));
  const own = wishes.filter((w) => !(heardOnly(w) && foreign(w.member)));
  const shared = own.filter(heardOnly).length > voices;
  return { pair: shared ? own.filter((w) => !heardOnly(w)) : own, other, loud: shared ? voices : 0 };
}

/** So many seats are opened, so that joins need no SDP. */
export const steps = [1, 2, 4, 9, 16, 25, 36, 49, 64] as const;

/** The number of seats to open for so many wishes, at most `limit`. */
export function seatsFor(wishes: number, limit: number): number {
  if (wishes <= 0) return 0;
  return Math.min(steps.find((n) => n >= wishes) ?? limit, limit);
}

export interface SeatWish {
  seat: number;
  member: string;
  source: StreamKind;
  width: number;
  height: number;
  paused: boolean;
}

const key = (w: { member: string; source: StreamKind }) => `${w.source} ${w.member}`;

/**
 * Gives each wish a seat. Who sits keeps the seat, so that nothing is switched without need; wishes beyond
 * the seats get none. `count` seats are open.
 */
export function assign(wishes: readonly Wish[], before: readonly SeatWish[], count: number): SeatWish[] {
  const kept = new Map(before.map((w) => [key(w), w.seat]));
  const unique = [...new Map(wishes.map((w) => [key(w), w])).values()].slice(0, count);
  const taken = new Set(unique.map((w) => kept.get(key(w))).filter((s) => s !== undefined && s < count));
  let next = 0;
  return unique
    .map((w) => {
      let seat = kept.get(key(w));
      if (seat === undefined || seat >= count) {
        while (taken.has(next)) next++;
        seat = next;
        taken.add(seat);
      }
      return {
        seat,
        member: w.member,
        source: w.source,
        width: pixels(w.width),
        height: pixels(w.height),
        paused: w.paused === true,
      };
    })
    .sort((a, b) => a.seat - b.seat);
}

/** Sizes in steps, so that a window that is being resized does not flood the server. */
function pixels(v: number): number {
  return Number.isFinite(v) ? Math.min(16384, Math.ceil(Math.max(0, v) / 16) * 16) : 16384;
}

export function sameView(a: readonly SeatWish[], b: readonly SeatWish[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** From what comes to what cannot come. */
const better: readonly Status[] = ['live', 'waiting', 'muted', 'paused', 'undecodable', 'none'];

/** What sits where, as the server told; finds the seat of a member. */
export class Seating {
  private seats: (WireSeat | undefined)[] = [];

  /** Takes the seats that changed; returns the members concerned. */
  apply(changed: readonly WireSeat[]): Set<string> {
    const members = new Set<string>();
    for (const seat of changed) {
      const before = this.seats[seat.seat]?.member;
      if (before) members.add(before);
      if (seat.member) members.add(seat.member);
      this.seats[seat.seat] = seat;
    }
    return members;
  }

  /** The seat that gives the sound or the picture of a member: of several, where most of it comes. */
  find(member: string, kind: StreamKind, half: 'audio' | 'video'): WireSeat | undefined {
    let best: WireSeat | undefined;
    for (const s of this.seats) {
      if (s?.member !== member || s.source !== kind) continue;
      if (!best || better.indexOf(s[half]) < better.indexOf(best[half])) best = s;
    }
    return best;
  }

  at(seat: number): WireSeat | undefined {
    return this.seats[seat];
  }

  /** Something is to come. */
  get live(): boolean {
    return this.seats.some((s) => s?.audio === 'live' || s?.video === 'live');
  }

  members(): Set<string> {
    return new Set(this.seats.flatMap((s) => s?.member ?? []));
  }

  clear(): void {
    this.seats = [];
  }
}
