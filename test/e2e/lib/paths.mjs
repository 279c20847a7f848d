// Where things are.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export const here = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
export const root = join(here, '..', '..');
export const out = join(here, 'out');
export const lab = join(root, 'test', 'lab');
export const binary = join(out, 'veche');
