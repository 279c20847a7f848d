/**
 * Readers of JSON values: each checks one shape and gives a copy without unknown members, so that nothing
 * unchecked goes on. The same rules as the server's.
 */
import { VecheError } from './errors.js';

/** Reads a value found at `path` or throws a `bad-message` that begins with the path. */
export type Reader<T> = (value: unknown, path: string) => T;
type Shape = Record<string, Reader<unknown>>;
type Optional<T> = Reader<T> & { optional: true };
type OptionalKeys<S> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];
type Value<R> = R extends Reader<infer T> ? T : never;
/** The type that an object of this shape has. */
export type Of<S extends Shape> = { [K in Exclude<keyof S, OptionalKeys<S>>]: Value<S[K]> } & {
  [K in OptionalKeys<S>]?: Value<S[K]>;
};

export function bad(path: string, why: string): never {
  throw new VecheError('bad-message', `${path}: ${why}`);
}

const points = (s: string) => {
  let n = 0;
  for (const _ of s) n++;
  return n;
};
const encoder = new TextEncoder();
const bytes = (s: string) => encoder.encode(s).length;

/** A string of so many code points, and perhaps at most so many bytes of UTF-8. */
export const text =
  (low = 0, high = Number.POSITIVE_INFINITY, size = Number.POSITIVE_INFINITY): Reader<string> =>
  (v, path) => {
    if (typeof v !== 'string') return bad(path, v === undefined ? 'missing' : 'not a string');
    const n = v.length < low || v.length > high ? points(v) : low;
    if (n < low || n > high) return bad(path, `must have ${low} to ${high} code points`);
    if (size !== Number.POSITIVE_INFINITY && bytes(v) > size) return bad(path, `must have at most ${size} bytes`);
    return v;
  };

/** Text that {@link pattern} matches. */
export const match =
  (pattern: RegExp, what: string): Reader<string> =>
  (v, path) =>
    pattern.test(text()(v, path)) ? (v as string) : bad(path, `not ${what}`);

export const flag: Reader<boolean> = (v, path) =>
  typeof v === 'boolean' ? v : bad(path, v === undefined ? 'missing' : 'not true or false');

/** A finite number in a range. */
export const number =
  (low: number, high: number): Reader<number> =>
  (v, path) => {
    if (typeof v !== 'number') return bad(path, v === undefined ? 'missing' : 'not a number');
    return v >= low && v <= high ? v : bad(path, `must be ${low} to ${high}`);
  };

export const integer =
  (low: number, high: number): Reader<number> =>
  (v, path) =>
    Number.isInteger(number(low, high)(v, path)) ? (v as number) : bad(path, 'not an integer');

/** One of these words. */
export const word =
  <const W extends string>(...words: W[]): Reader<W> =>
  (v, path) =>
    words.includes(text()(v, path) as W) ? (v as W) : bad(path, 'unknown');

/** At most `limit` items. */
export const list =
  <T>(item: Reader<T>, limit = Number.POSITIVE_INFINITY): Reader<T[]> =>
  (v, path) => {
    if (!Array.isArray(v)) return bad(path, v === undefined ? 'missing' : 'not an array');
    if (v.length > limit) return bad(path, `more than ${limit}`);
    return v.map((x, i) => item(x, `${path}[${i}]`));
  };

/** An object with these members; others are dropped. */
export const object =
  <S extends Shape>(shape: S): Reader<Of<S>> =>
  (v, path) => {
    if (typeof v !== 'object' || v === null || Array.isArray(v)) {
      return bad(path, v === undefined ? 'missing' : 'not an object');
    }
    const out: Record<string, unknown> = {};
    for (const [key, read] of Object.entries(shape)) {
      const value = Object.hasOwn(v, key) ? (v as Record<string, unknown>)[key] : undefined;
      if (value === undefined && 'optional' in read) continue;
      out[key] = read(value, path ? `${path}.${key}` : key);
    }
    return out as Of<S>;
  };

/** The member may be left out (it is never null). */
export const optional = <T>(reader: Reader<T>): Optional<T> =>
  Object.assign(((v: unknown, path: string) => reader(v, path)) as Reader<T>, { optional: true as const });

/** Null is a value of its own. */
export const nullable =
  <T>(reader: Reader<T>): Reader<T | null> =>
  (v, path) =>
    v === null ? null : reader(v, path);

/** A member that writers of RTCIceCandidateInit set to null when it has no value. */
export const maybe = <T>(reader: Reader<T>): Optional<T> => {
  const read = (v: unknown, path: string) => (v === null ? (undefined as T) : reader(v, path));
  return Object.assign(read as Reader<T>, { optional: true as const });
};

/** Any JSON, as it is. */
export const json: Reader<unknown> = (v) => v;

/** Adds a rule over the whole. */
export const rule =
  <T>(reader: Reader<T>, check: (value: T, fail: (member: string, why: string) => never) => void): Reader<T> =>
  (v, path) => {
    const out = reader(v, path);
    check(out, (member, why) => bad(path ? `${path}.${member}` : member, why));
    return out;
  };
