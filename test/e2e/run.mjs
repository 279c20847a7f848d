#!/usr/bin/env node
// End-to-end tests in real Chromium and Firefox.
//
//   node test/e2e/run.mjs [--only TEXT]… [--browser chromium] [--bail] [--no-build] [--list]
//
// Builds the server, goes into a network of its own (test/lab/box.sh: no traffic leaves, nothing is left over) and runs the scenarios
// one after another. Pictures, server logs and what is known about failures are in test/e2e/out/.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { here, lab, out } from './lib/paths.mjs';
import { start } from './lib/proc.mjs';
import { prove } from './lib/runner.mjs';
import { build } from './lib/server.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    browser: { type: 'string' },
    'no-build': { type: 'boolean' },
    bail: { type: 'boolean' },
    list: { type: 'boolean' },
  },
});

async function groups() {
  const found = [];
  for (const file of readdirSync(join(here, 'scenarios')).sort()) {
    if (file.endsWith('.mjs')) found.push((await import(pathToFileURL(join(here, 'scenarios', file)))).default);
  }
  return found.flat();
}

/** Does the same again inside the box. */
async function box() {
  if (!options['no-build']) await build();
  const stale = options.only ? ['failures', 'profiles'] : ['failures', 'profiles', 'gallery', 'files'];
  for (const old of stale) rmSync(join(out, old), { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const child = start(join(lab, 'box.sh'), [process.execPath, import.meta.filename, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, VECHE_E2E_BOXED: '1' },
  });
  const status = await child.gone;
  rmSync(join(out, 'profiles'), { recursive: true, force: true });
  return typeof status === 'number' ? status : 1;
}

async function inside() {
  return prove(await groups(), { only: options.only, browser: options.browser, bail: options.bail });
}

if (options.list) {
  for (const g of await groups()) for (const [title] of g.scenarios) console.log(`${g.name}: ${title}`);
  process.exit(0);
}
process.exit(process.env.VECHE_E2E_BOXED ? await inside() : await box());
