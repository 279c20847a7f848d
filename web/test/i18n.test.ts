import { describe, expect, it } from 'vitest';
import { chooseLang, dictionaries, type Lang, type Plural, type TextKey, translate } from '../src/i18n';

const keys = Object.keys(dictionaries.en) as TextKey[];
const forms = (lang: Lang, key: TextKey): string[] => {
  const entry: string | Plural = dictionaries[lang][key];
  return typeof entry === 'string' ? [entry] : Object.values(entry);
};
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe('dictionaries', () => {
  it('have the same keys', () => {
    expect(Object.keys(dictionaries.ru).sort()).toEqual([...keys].sort());
  });

  it('have no empty text, and the same parameters in every form', () => {
    for (const key of keys) {
      const [first = ''] = forms('en', key);
      for (const lang of ['en', 'ru'] as const) {
        for (const text of forms(lang, key)) {
          expect(text.trim(), key).not.toBe('');
          expect(holes(text), `${lang} ${key}`).toEqual(holes(first));
        }
      }
    }
  });

  it('are really translated', () => {
    const latin = keys.filter((key) => forms('ru', key).some((text) => !/[а-яё]/i.test(text.replace(/\{\w+\}/g, ''))));
    // What is the same in both languages: abbreviations and percentages.
    expect(latin.sort()).toEqual(['file.moving', 'path.p2p', 'path.sfu', 'stats.rtt']);
  });

  it('have all plural forms that the language uses', () => {
    for (const lang of ['en', 'ru'] as const) {
      const wanted = new Intl.PluralRules(lang).resolvedOptions().pluralCategories;
      for (const key of keys) {
        const entry: string | Plural = dictionaries[lang][key];
        if (typeof entry !== 'string') expect(Object.keys(entry).sort(), `${lang} ${key}`).toEqual([...wanted].sort());
      }
    }
  });
});

describe('translate', () => {
  it.each([
    ['en', 1, '1 person'],
    ['en', 0, '0 people'],
    ['ru', 1, '1 человек'],
    ['ru', 3, '3 человека'],
    ['ru', 11, '11 человек'],
    ['ru', 21, '21 человек'],
  ] as const)('%s %d', (lang, n, text) => {
    expect(translate(lang, 'call.people', { n })).toBe(text);
  });

  it('puts parameters in as they are and leaves unknown ones', () => {
    expect(translate('en', 'room.joined', { name: '{n} $& <b>' })).toBe('{n} $& <b> joined');
    expect(translate('en', 'room.joined')).toBe('{name} joined');
  });
});

describe('stable names', () => {
  it('are those that people and tests know', () => {
    const en = dictionaries.en;
    expect([
      en.join,
      en['call.call.short'],
      en['call.accept'],
      en['call.decline'],
      en['stage.hangup'],
      en['stage.mute'],
      en['stage.camera'],
      en['stage.screen'],
      en['stage.chat'],
      en['stage.leave'],
    ]).toEqual(['Join', 'Call', 'Accept', 'Decline', 'Hang up', 'Mute', 'Camera', 'Share screen', 'Chat', 'Leave']);
  });

  it('leave one Join on the start page', () => {
    const { en } = dictionaries;
    const buttons = (
      [
        'start.new',
        'start.call',
        'start.broadcast',
        'start.new.hint',
        'start.call.hint',
        'start.broadcast.hint',
      ] as const
    ).map((key) => en[key]);
    expect(buttons.filter((text) => text.includes('Join'))).toEqual([]);
  });
});

describe('chooseLang', () => {
  it.each([
    [null, ['ru-RU', 'en'], 'ru'],
    [null, ['de-AT', 'ru', 'en'], 'ru'],
    [null, ['fr'], 'en'],
    [null, [], 'en'],
    ['en', ['ru'], 'en'],
    ['xx', ['ru'], 'ru'],
  ] as const)('%s %j', (remembered, wanted, lang) => {
    expect(chooseLang(remembered, wanted)).toBe(lang);
  });
});
