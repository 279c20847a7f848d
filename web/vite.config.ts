import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What the server replaces by the relative path to the app's root; see internal/site. */
const rootMark = '/__root__/';

/** What index.html may refer to stands behind the root mark, so that the page works at any depth. */
function rootedPage(): Plugin {
  return {
    name: 'veche-rooted-page',
    enforce: 'post',
    transformIndexHtml: {
      order: 'post',
      handler: (html, ctx) =>
        ctx.bundle ? html.replaceAll('"./', `"${rootMark}`).replaceAll(' crossorigin', '') : html,
    },
  };
}

/** `vite` and `vite preview` answer like internal/site does: app pages with the root mark replaced. */
function pagesWithoutServer(): Plugin {
  const rooted = (url: string) => (/^\/(r|b|watch|call)\/[^/]+$/.test(url.split('?')[0] ?? '') ? '../' : './');
  return {
    name: 'veche-pages',
    configureServer(server) {
      server.middlewares.use((req, _res, next) => {
        if (rooted(req.url ?? '') === '../') req.url = '/';
        next();
      });
    },
    transformIndexHtml: { order: 'pre', handler: (html, ctx) => (ctx.server ? html.replace(rootMark, '/') : html) },
  };
}

/** The SDK as one module without imports for pages that do not bundle, the examples that use it, and the player page's script. */
function sdkAndExamples(outDir: string): Plugin {
  return {
    name: 'veche-sdk',
    apply: 'build',
    async closeBundle(error) {
      if (error) return;
      await build({
        configFile: false,
        logLevel: 'warn',
        build: {
          target: 'es2022',
          outDir: resolve(outDir, 'sdk'),
          emptyOutDir: true,
          copyPublicDir: false,
          lib: { entry: here('../sdk/js/src/index.ts'), formats: ['es'], fileName: () => 'veche-client.js' },
        },
      });
      await build({
        configFile: false,
        logLevel: 'warn',
        build: {
          target: 'es2022',
          outDir,
          emptyOutDir: false,
          copyPublicDir: false,
          lib: { entry: here('./src/embed/main.ts'), formats: ['iife'], name: 'embed', fileName: () => 'embed.js' },
        },
      });
      if (existsSync(here('../examples')))
        cpSync(here('../examples'), resolve(outDir, 'examples'), { recursive: true });
    },
  };
}

/** A folder to build into with a stand-in for the SDK, for looking at pages without a server; see test/fake/sdk.ts. */
const fake = process.env.VECHE_FAKE;
const dist = here('./dist');
const outDir = here('./node_modules/.cache/dist');

/** A build that fails leaves the old bundle; who compiles the server meanwhile never finds half a bundle. */
function swapIn(): Plugin {
  return {
    name: 'veche-swap',
    apply: 'build',
    closeBundle: {
      order: 'post',
      sequential: true,
      handler(error) {
        if (error) return;
        rmSync(`${outDir}.old`, { recursive: true, force: true });
        if (existsSync(dist)) renameSync(dist, `${outDir}.old`);
        renameSync(outDir, dist);
        rmSync(`${outDir}.old`, { recursive: true, force: true });
      },
    },
  };
}

export default defineConfig({
  base: './',
  resolve: {
    alias: [
      {
        find: 'veche-client',
        replacement: fake ? here('./test/fake/sdk.ts') : here('../sdk/js/src/index.ts'),
      },
    ],
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: fake ?? outDir,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  plugins: [rootedPage(), pagesWithoutServer(), ...(fake ? [] : [sdkAndExamples(outDir), swapIn()])],
  server: { fs: { allow: ['..'] } },
  test: { include: ['test/**/*.test.ts', 'src/**/*.test.{ts,tsx}'], environment: 'node' },
} as Parameters<typeof defineConfig>[0] & { test: unknown });
