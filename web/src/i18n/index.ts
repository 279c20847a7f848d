/** Texts in the person's language. `t` reads a signal, so that components follow a change of language. */
import { effect, signal } from '@preact/signals';
import { en } from './en';
import { ru } from './ru';

/** One form per plural category of the language (Unicode CLDR); `other` always exists. */
export type Plural = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;
export type Dictionary = { [K in keyof typeof en]: (typeof en)[K] extends string ? string : Plural };
export type TextKey = keyof Dictionary;
export type Lang = 'en' | 'ru';
export type Params = Record<string, string | number>;

export const dictionaries: Record<Lang, Dictionary> = { en, ru };
export const langNames: Record<Lang, string> = { en: 'English', ru: 'Русский' };
const storageKey = 'veche.lang';

/** The remembered choice, else the first language of the browser that we speak, else English. */
export function chooseLang(remembered: string | null, wanted: readonly string[]): Lang {
  if (remembered === 'en' || remembered === 'ru') return remembered;
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0];
    if (base === 'en' || base === 'ru') return base;
  }
  return 'en';
}

export const lang = signal<Lang>('en');

const rules: Record<Lang, Intl.PluralRules> = { en: new Intl.PluralRules('en'), ru: new Intl.PluralRules('ru') };

/** The text of a key; `n` chooses the plural form, `{name}` is replaced by the parameter of that name. */
export function translate(to: Lang, key: TextKey, params: Params = {}): string {
  const entry: string | Plural = dictionaries[to][key];
  const text = typeof entry === 'string' ? entry : (entry[rules[to].select(Number(params.n ?? 0))] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(to) : value;
  });
}

export function t(key: TextKey, params?: Params): string {
  return translate(lang.value, key, params);
}

export function setLang(next: Lang): void {
  lang.value = next;
  try {
    localStorage.setItem(storageKey, next);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
}

/** Chooses the language once and keeps the document's `lang` right. */
export function startLang(): void {
  let remembered: string | null = null;
  try {
    remembered = localStorage.getItem(storageKey);
  } catch {
    // Storage is blocked.
  }
  lang.value = chooseLang(remembered, navigator.languages ?? [navigator.language]);
  effect(() => {
    document.documentElement.lang = lang.value;
  });
}
