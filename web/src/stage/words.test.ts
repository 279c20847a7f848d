import { describe, expect, it } from 'vitest';
import { stageEn, stageRu } from './strings.js';
import type { StatsPicture, Translate } from './types.js';
import { groupWords, linkWords, pictureWords } from './words.js';

const fill = (text: string, values: Readonly<Record<string, string | number>> = {}) =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
const en: Translate = (key, values) => fill(stageEn[key], values);
const ru: Translate = (key, values) => fill(stageRu[key], values);
const layer = { index: 1, of: 3, spatial: 0, temporal: 2, width: 640, height: 360 };
const shown = (more: Partial<StatsPicture>): StatsPicture => ({ kind: 'camera', video: 'live', ...more });

describe('words about pictures', () => {
  it.each<[Partial<StatsPicture>, boolean, string | undefined]>([
    [{ layer, why: 'tile' }, false, 'Camera: size 2 of 3, 640×360. Smaller, because its tile is small.'],
    [
      { layer, why: 'bandwidth' },
      false,
      'Camera: size 2 of 3, 640×360. Smaller, because your connection carries no more.',
    ],
    [
      { layer: { index: 0, of: 1, spatial: 0, temporal: 0, width: 640, height: 360 } },
      false,
      'Camera: 640×360. The best there is.',
    ],
    [{ layer: { index: 0, of: 1, spatial: 2, temporal: 2 } }, false, 'Camera: layers 3 × 3. The best there is.'],
    [{ why: 'publisher', kind: 'screen' }, false, 'Screen: Smaller, because no more is sent at the moment.'],
    [{ video: 'paused', why: 'bandwidth' }, false, 'Camera: Picture paused: the connection is too weak'],
    [{ video: 'paused', why: 'choice' }, true, 'Camera: Sound only, to save data'],
    [{ video: 'paused' }, false, 'Camera: Picture paused'],
    [{ video: 'waiting' }, false, undefined],
    [{}, false, undefined],
  ])('%j', (more, saving, words) => {
    expect(pictureWords(shown(more), saving, en)).toBe(words);
  });

  it('are there in Russian', () => {
    expect(pictureWords(shown({ layer, why: 'bandwidth' }), false, ru)).toBe(
      'Камера: размер 2 из 3, 640×360. Меньше, потому что ваша связь не пропускает больше.',
    );
  });

  it('say what is sent', () => {
    const track = { kind: 'video', source: 'camera', direction: 'out', bitrate: 1, lost: 0 } as const;
    const group = { id: 'me', name: 'Me', isLocal: true } as const;
    expect(groupWords({ ...group, tracks: [{ ...track, sizes: 2, limit: 'cpu' }] }, false, en)).toEqual([
      'Camera: sent in sizes: 2',
      'Your computer is busy: what you send is smaller.',
    ]);
    expect(groupWords({ ...group, tracks: [{ ...track, sizes: 0 }] }, false, en)).toEqual([
      'Camera: not sent, nobody watches it',
    ]);
  });

  it('say that the way is narrow', () => {
    const link = { estimate: 1e6, lost: 0, rtt: 20, limited: true };
    expect(linkWords({ mode: 'sfu', groups: [], link }, en)).toMatch(/carries no more/);
    expect(linkWords({ mode: 'sfu', groups: [], link: { ...link, limited: false } }, en)).toBeUndefined();
  });
});
