import { describe, expect, test } from 'vitest';
import events from '../../../docs/protocol/vectors/events.json' with { type: 'json' };
import invalid from '../../../docs/protocol/vectors/invalid.json' with { type: 'json' };
import requests from '../../../docs/protocol/vectors/requests.json' with { type: 'json' };
import { VecheError } from '../src/errors.js';
import { decode, encode, type Request, types } from '../src/protocol.js';
import { pick, random } from './fake/random.js';

interface Vector {
  name: string;
  dir: string;
  frame?: unknown;
  raw?: string;
  base64?: string;
  fill?: { text: string; count: number };
  want?: unknown;
  error?: string;
  member?: string;
}

const all = [...requests, ...events, ...invalid] as Vector[];

function textOf(v: Vector): string {
  if (v.raw !== undefined) return v.raw.replaceAll('%FILL%', (v.fill?.text ?? '').repeat(v.fill?.count ?? 0));
  return JSON.stringify(v.frame);
}

function failure(act: () => unknown): VecheError {
  try {
    act();
  } catch (error) {
    if (error instanceof VecheError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

/** What writing JSON cannot bring forth, and a frame that is big by a member that is not written at all. */
const unwritable = (v: Vector) =>
  v.base64 !== undefined || (v.error === 'bad-json' && v.raw !== undefined) || v.name === 'a ping of over 64 KiB';

describe('frames of the server', () => {
  const list = all.filter((v) => v.dir === 's2c');
  test.each(list.filter((v) => !v.error))('$name', (v) => {
    expect(decode(textOf(v))).toEqual(v.want ?? v.frame);
  });
  test.each(list.filter((v) => v.error))('$name', (v) => {
    const error = failure(() => decode(textOf(v)));
    expect(error.code).toBe(v.error);
    if (v.member) expect(error.message.split(/[:.[]/)[0]).toBe(v.member);
  });
  test('every type has a vector', () => {
    const seen = new Set(list.map((v) => (v.frame as { t?: string } | undefined)?.t));
    expect(types.server.filter((t) => !seen.has(t))).toEqual([]);
  });
  test('a frame that is not text is refused', () => {
    expect(failure(() => decode(new ArrayBuffer(2))).code).toBe('bad-json');
  });
});

describe('frames of a client', () => {
  const list = all.filter((v) => v.dir === 'c2s');
  const write = (frame: unknown) => {
    const { id, ...request } = frame as { id?: number };
    return encode(request as unknown as Request, id);
  };
  test.each(list.filter((v) => !v.error))('$name', (v) => {
    const frame = JSON.parse(textOf(v));
    expect(JSON.parse(write(frame))).toEqual(v.want ?? frame);
  });
  test.each(list.filter((v) => v.error && !unwritable(v)))('refused: $name', (v) => {
    const error = failure(() => write(JSON.parse(textOf(v))));
    expect(error.code).toBe(v.error);
  });
  test.each(list.filter((v) => v.error && unwritable(v) && v.raw !== undefined))('never written: $name', (v) => {
    let frame: unknown;
    try {
      frame = JSON.parse(textOf(v));
    } catch {
      return; // no JSON at all
    }
    if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) return; // no request
    try {
      expect(write(frame)).not.toBe(textOf(v));
    } catch (error) {
      expect((error as VecheError).code).toMatch(/^bad-/);
    }
  });
  test('every type has a vector', () => {
    const seen = new Set(list.map((v) => (v.frame as { t?: string } | undefined)?.t));
    expect(types.client.filter((t) => !seen.has(t))).toEqual([]);
  });
});

describe('noise', () => {
  const good = all.filter((v) => v.dir === 's2c' && !v.error).map((v) => JSON.stringify(v.frame));
  const values = ['null', '-1', '1e999', '""', '[]', '{}', 'true', '"__proto__"', '9007199254740993'];
  test.each([1, 2, 3, 4])('in a frame is refused with a code, or understood (seed %i)', (seed) => {
    const rand = random(seed);
    const codes = new Set<string>();
    for (let i = 0; i < 3_000; i++) {
      let text = pick(rand, good);
      for (let k = 0; k <= rand() * 3; k++) {
        const at = Math.floor(rand() * text.length);
        const r = rand();
        if (r < 0.4)
          text = text.replace(/:("[^"]*"|\d+|true|false)/g, (m) => (rand() < 0.1 ? `:${pick(rand, values)}` : m));
        else if (r < 0.7) text = text.slice(0, at) + String.fromCharCode(Math.floor(rand() * 128)) + text.slice(at + 1);
        else text = text.slice(0, at) + text.slice(at + Math.floor(rand() * 20));
      }
      try {
        expect(types.server).toContain(decode(text).t);
      } catch (error) {
        expect(error).toBeInstanceOf(VecheError);
        codes.add((error as VecheError).code);
      }
    }
    expect([...codes].sort()).toEqual(['bad-json', 'bad-message', 'unknown-type']);
  });
});
