import { describe, expect, test } from 'vitest';
import { linkOf, placeOf } from '../src/embed/place';
import { refusal } from '../src/embed/player';
import { en, ru, wordsFor } from '../src/embed/words';

describe('the player page', () => {
  test('its address', () => {
    const place = placeOf('https://x.example/v/watch/a%20b/embed?lang=ru&member=m1#token=t', '../../');
    expect(place?.room).toBe('a b');
    expect(place?.endpoint.href).toBe('https://x.example/v/whep/a%20b?member=m1');
    expect([place?.token, place?.lang]).toEqual(['t', 'ru']);
    expect(placeOf('https://x.example/watch/a/embed?token=q', '../../')?.token).toBe('q');
    expect(placeOf('https://x.example/watch/a', '../../')).toBeUndefined();
  });

  test('links', () => {
    const header =
      '<turn:x>; rel="ice-server"; username="a,b", </whep/r/1/events>; rel="sse"; events="active,layers", </l>; rel="layer"';
    expect(linkOf(header, 'sse')).toBe('/whep/r/1/events');
    expect(linkOf(header, 'layer')).toBe('/l');
    expect(linkOf(null, 'layer')).toBeUndefined();
  });

  test('refusals in words', () => {
    expect(refusal(401, false)).toEqual({ word: 'token', again: false });
    expect(refusal(401, true)).toEqual({ word: 'forbidden', again: false });
    expect(refusal(409, false)).toEqual({ word: 'waiting', again: true });
    expect(refusal(503, false)).toEqual({ word: 'full', again: true });
    expect(refusal(500, false)).toEqual({ word: 'lost', again: true });
    expect(refusal(422, false).again).toBe(false);
  });

  test('languages', () => {
    expect(wordsFor(null, ['ru-RU', 'en']).words).toBe(ru);
    expect(wordsFor('en', ['ru']).words).toBe(en);
    expect(wordsFor('fr', ['de']).lang).toBe('en');
  });
});
