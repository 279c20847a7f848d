#!/usr/bin/env node
// Clients of other systems, unmodified as npm has them, against the real server in real browsers.
//
//   node test/clients/run.mjs [--only TEXT]… [--bail] [--no-build] [--list]
//   node test/clients/run.mjs --docs          writes docs/clients.md and docs/ru/clients.md
//   node test/clients/run.mjs --check-docs    says whether they are what the tests declare
//
// A run that passes in full writes the documents too. What the files NAME.mjs beside this one export and client() of
// lib.mjs has made is the tests of one system. The browsers are in a network of their own (test/lab/box.sh).
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { lab, out, root } from '../e2e/lib/paths.mjs';
import { start } from '../e2e/lib/proc.mjs';
import { documents } from './docs.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    'no-build': { type: 'boolean' },
    bail: { type: 'boolean' },
    list: { type: 'boolean' },
    docs: { type: 'boolean' },
    'check-docs': { type: 'boolean' },
    colors: { type: 'string' }, // make js-check gives it to all
  },
  allowPositionals: true,
});

async function clients() {
  const found = [];
  for (const file of readdirSync(import.meta.dirname).sort()) {
    if (!file.endsWith('.mjs')) continue;
    if (['run.mjs', 'lib.mjs', 'docs.mjs'].includes(file)) continue;
    const exports = await import(pathToFileURL(join(import.meta.dirname, file)));
    found.push(...Object.values(exports).filter((c) => c?.cases));
  }
  return found;
}

/** Does the same again inside the box. */
async function box() {
  const { build } = await import('../e2e/lib/server.mjs');
  if (!options['no-build']) await build();
  mkdirSync(out, { recursive: true });
  const child = start(join(lab, 'box.sh'), [process.execPath, import.meta.filename, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, VECHE_E2E_BOXED: '1' },
  });
  const status = await child.gone;
  rmSync(join(out, 'profiles'), { recursive: true, force: true });
  return typeof status === 'number' ? status : 1;
}

async function inside(list) {
  const { prove } = await import('../e2e/lib/runner.mjs');
  const { asGroup } = await import('./lib.mjs');
  return prove(list.map(asGroup), { only: options.only, bail: options.bail });
}

function write(docs) {
  for (const [path, text] of Object.entries(docs)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** Says which documents are not what the tests declare. */
function check(docs) {
  const stale = Object.entries(docs).filter(([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text);
  for (const [path] of stale) console.error(`${path} is stale: node test/clients/run.mjs --docs`);
  return stale.length ? 1 : 0;
}

async function main() {
  const list = await clients();
  if (options.list) {
    for (const c of list) for (const one of c.cases) console.log(`${c.name}: ${one.test}`);
    return 0;
  }
  const docs = documents(list);
  if (options['check-docs']) return check(docs);
  if (options.docs) {
    write(docs);
    return 0;
  }
  if (process.env.VECHE_E2E_BOXED) return inside(list);
  const status = await box();
  if (status === 0 && !options.only) write(docs);
  return status;
}

process.exit(await main());
