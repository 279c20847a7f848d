import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: { 'veche-client': here('src/index.ts') } },
  // Documents and examples of the repository are tested here too.
  server: { fs: { allow: [here('../..')] } },
  test: { include: ['test/**/*.test.ts'] },
});
