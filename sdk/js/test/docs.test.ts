import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import guide from '../../../docs/sdk.md?raw';
import type { Call, Room } from '../src/index.js';
import { errorReasons } from '../src/index.js';
import { Hub, HubSocket } from './fake/hub.js';
import { connections, FakeTrack, rtc } from './fake/rtc.js';
import { FakeSocket } from './fake/server.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const folder = here('./snippets');
const examples = here('../../../examples');

/** The snippets of the guide, each as a function of what the text around it talks about. */
const snippets = [...guide.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((m) => m[1] as string);

function moduleOf(snippet: string): string {
  const lines = snippet.split('\n');
  const imports = lines.filter((l) => l.startsWith('import '));
  const body = lines.filter((l) => !l.startsWith('import '));
  return [
    "import type * as veche from 'veche-client';",
    ...imports,
    'export default async function (room: veche.Room, call: veche.Call, video: HTMLVideoElement): Promise<void> {',
    '  void [room, call, video];',
    '  {',
    ...body,
    '  }',
    '}',
  ].join('\n');
}

/** What a page has; every track is one of ours. */
function page(): void {
  const stream = (video: boolean, audio: boolean) =>
    new rtc.MediaStream([
      ...(audio ? [new FakeTrack('audio')] : []),
      ...(video ? [new FakeTrack('video')] : []),
    ] as unknown as MediaStreamTrack[]);
  const media = (c: MediaStreamConstraints) => stream(!!c.video, !!c.audio);
  vi.stubGlobal('navigator', {
    mediaDevices: { getUserMedia: async (c: object) => media(c), getDisplayMedia: async (c: object) => media(c) },
  });
  vi.stubGlobal('addEventListener', () => {});
  vi.stubGlobal(
    'File',
    class extends Blob {
      constructor(
        parts: BlobPart[],
        readonly name: string,
        options?: BlobPropertyBag,
      ) {
        super(parts, options);
      }
    },
  );
  vi.stubGlobal('WebSocket', HubSocket);
  for (const [name, value] of Object.entries(rtc)) vi.stubGlobal(name, value);
}

const settle = (ms = 60) => new Promise((r) => setTimeout(r, ms));

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [i, s] of snippets.entries()) writeFileSync(`${folder}/s${i}.ts`, moduleOf(s));
});
afterAll(() => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true, force: true });
});

describe('the guide', () => {
  let hub: Hub;
  const failures: unknown[] = [];
  const hear = (e: unknown) => failures.push(e);

  beforeEach(() => {
    FakeSocket.reset();
    connections.length = 0;
    failures.length = 0;
    hub = new Hub();
    page();
    vi.spyOn(console, 'log').mockImplementation(() => {});
  });

  test('has snippets, and all of them compile', () => {
    expect(snippets.length).toBeGreaterThan(7);
    const config = {
      extends: '../../tsconfig.json',
      compilerOptions: { noUncheckedIndexedAccess: false, paths: { 'veche-client': ['../../src/index.ts'] } },
      include: ['*.ts'],
    };
    writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config));
    const tsc = spawnSync(process.execPath, [here('../node_modules/typescript/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    });
    expect(tsc.stdout + tsc.stderr).toBe('');
    expect(tsc.status).toBe(0);
  }, 60_000);

  test.each(snippets.map((s, i) => [i, s.split('\n').find((l) => l && !l.startsWith('import')) ?? ''] as const))(
    'snippet %i runs: %s',
    async (i) => {
      process.on('unhandledRejection', hear);
      const [room, bob] = (await Promise.all([hub.join('ann'), hub.join('bob')])) as [Room, Room];
      let answered: Call | undefined;
      bob.on('call', (c) => {
        answered = c;
        void c.accept([new FakeTrack('audio') as unknown as MediaStreamTrack]);
      });
      const call = await room.ring('bob', { video: true });
      await vi.waitFor(() => expect(call.state).toBe('active'), 10_000);
      const video = { srcObject: null } as HTMLVideoElement;
      const { default: run } = await import(/* @vite-ignore */ `${folder}/s${i}.ts`);
      await run(room, call, video);
      // What the listeners of a snippet wait for.
      await bob.chat('hi').catch(hear);
      await bob.sendFile(new Blob(['x'])).catch(hear);
      if (answered?.state === 'active') {
        answered.chat('hi');
        answered.sendFile(new Blob(['x']));
      }
      await settle();
      await Promise.all([room.leave(), bob.leave()]);
      await settle(5);
      process.off('unhandledRejection', hear);
      expect(failures).toEqual([]);
    },
  );

  const table = (heading: string) => {
    const section = guide.slice(guide.indexOf(`\n## ${heading}\n`) + 4);
    const end = section.indexOf('\n## ');
    return [...section.slice(0, end < 0 ? undefined : end).matchAll(/^\| `([\w-]+)` \| ([^|]*)/gm)];
  };
  const keysOf = (file: string, name: string) => {
    const source = readFileSync(here(`../src/${file}`), 'utf8');
    const body = source.slice(source.indexOf(`interface ${name} {`)).split('\n}')[0] as string;
    return [...body.matchAll(/^ {2}(\w+):/gm)].map((m) => m[1]);
  };

  test('lists every error, and whether trying again helps', () => {
    const rows = Object.fromEntries(table('Errors').map((m) => [m[1], (m[2] as string).trim()]));
    const want = Object.entries(errorReasons).map(([code, r]) => [code, r.retry ? 'yes' : 'no']);
    expect(rows).toEqual(Object.fromEntries(want));
  });

  test.each([
    ['Events of a room', 'room.ts', 'RoomEvents'],
    ['Events of a call', 'call.ts', 'CallEvents'],
  ])('lists the %s', (heading, file, name) => {
    expect(
      table(heading)
        .map((m) => m[1])
        .sort(),
    ).toEqual(keysOf(file, name).sort());
  });
});

describe('the examples', () => {
  const pages = readdirSync(examples).filter((f) => f.endsWith('.html'));
  test('are a call, a room and a broadcast', () => {
    expect(pages.sort()).toEqual(['broadcast.html', 'call.html', 'room.html']);
  });
  test.each(pages)('%s is complete, short, and fit for a strict policy', (file) => {
    const html = readFileSync(`${examples}/${file}`, 'utf8');
    const script = file.replace('.html', '.js');
    const js = readFileSync(`${examples}/${script}`, 'utf8');
    expect((html + js).split('\n').length - 2).toBeLessThan(60);
    expect(html).toContain(`<script type="module" src="${script}"></script>`);
    expect(html.match(/<script|style=|<style|\son\w+=/g)).toEqual(['<script']);
    expect(js).toContain("from '../sdk/veche-client.js'");
    expect(js).not.toMatch(/innerHTML|insertAdjacentHTML|eval\(/);
    for (const [, id] of js.matchAll(/\$\('(\w+)'\)/g)) {
      if (!['me'].includes(id as string) || html.includes('id="me"')) expect(html).toContain(`id="${id}"`);
    }
  });
  test('compile', () => {
    const config = {
      extends: '../../tsconfig.json',
      compilerOptions: {
        allowJs: true,
        checkJs: true,
        strict: false,
        noUncheckedIndexedAccess: false,
        exactOptionalPropertyTypes: false,
        noImplicitReturns: false,
        module: 'ESNext',
        moduleResolution: 'bundler',
        rootDirs: ['.', '../../../..'],
      },
      include: ['*.js'],
    };
    const copy = `${folder}/examples`;
    mkdirSync(`${folder}/sdk`, { recursive: true });
    mkdirSync(copy, { recursive: true });
    writeFileSync(`${folder}/sdk/veche-client.js`, "export * from '../../../src/index.js';\n");
    for (const f of readdirSync(examples).filter((x) => x.endsWith('.js'))) {
      const js = readFileSync(`${examples}/${f}`, 'utf8');
      writeFileSync(`${copy}/${f}`, js.replaceAll('const $ = (id) =>', 'const $ = /** @returns {any} */ (id) =>'));
    }
    writeFileSync(`${copy}/tsconfig.json`, JSON.stringify({ ...config, extends: '../../../tsconfig.json' }));
    const tsc = spawnSync(process.execPath, [here('../node_modules/typescript/bin/tsc'), '-p', copy], {
      encoding: 'utf8',
    });
    expect(tsc.stdout + tsc.stderr).toBe('');
  }, 60_000);
});
