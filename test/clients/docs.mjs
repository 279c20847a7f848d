// docs/clients.md, made from what the tests declare.
import { version } from './lib.mjs';

const words = {
  en: {
    path: 'docs/clients.md',
    title: '# Clients of other systems',
    intro: `Made by \`node test/clients/run.mjs\` from the tests, do not edit. Each line is a test with the client as npm has it, unmodified, against
a running server; video means that frames are decoded and move. How to move: the page in [migrate/](migrate/).`,
    head: '| system | client | what works | browsers | test |',
  },
  ru: {
    path: 'docs/ru/clients.md',
    title: '# Клиенты других систем',
    intro: `Создано командой \`node test/clients/run.mjs\` по тестам, не править. Каждая строка — тест с клиентом из npm без изменений против
работающего сервера; «видео» значит, что кадры декодируются и движутся. Как перейти: страница в [migrate/](migrate/).`,
    head: '| система | клиент | что работает | браузеры | тест |',
  },
};

function table(list, language) {
  const rows = [words[language].head, '|---|---|---|---|---|'];
  for (const c of list) {
    const packages = c.clients.map((name) => `${name} ${version(name)}`).join(', ') || '–';
    for (const one of c.cases) {
      const browsers = (one.browsers ?? []).map((b) => b[0].toUpperCase() + b.slice(1)).join(', ') || '–';
      rows.push(`| ${c.system} | ${one.clients?.map((name) => `${name} ${version(name)}`).join(', ') ?? packages} | ${one.does[language]} | ${browsers} | \`${c.name}: ${one.test}\` |`);
    }
  }
  return rows.join('\n');
}

/** The documents by path. */
export function documents(list) {
  const out = {};
  for (const [language, w] of Object.entries(words)) out[w.path] = `${w.title}\n\n${w.intro}\n\n${table(list, language)}\n`;
  return out;
}
