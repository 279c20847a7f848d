// Builds dist/veche-client.js (one ES module) and dist/types/*.d.ts.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  root: here('.'),
  configFile: false,
  logLevel: 'warn',
  build: {
    target: 'es2023',
    lib: { entry: here('src/index.ts'), formats: ['es'], fileName: () => 'veche-client.js' },
    outDir: here('dist'),
    minify: 'oxc',
    sourcemap: false,
    rolldownOptions: { output: { minify: true } }, // Vite keeps the white space of libraries
  },
});

const tsc = spawnSync(process.execPath, [here('node_modules/typescript/bin/tsc'), '-p', here('tsconfig.build.json')], {
  stdio: 'inherit',
});
process.exit(tsc.status ?? 1);
