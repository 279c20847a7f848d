// The server under test: the real program with ports of its own.
import dgram from 'node:dgram';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { binary, out, root } from './paths.mjs';
import { run, start, stop, until } from './proc.mjs';

/** Builds the program, as a user would. */
export async function build() {
  mkdirSync(out, { recursive: true });
  await run('go', ['build', '-o', binary, './cmd/veche'], { cwd: root, env: { ...process.env, CGO_ENABLED: '0' } });
}

async function free(kind) {
  if (kind === 'udp') {
    const s = dgram.createSocket('udp4');
    await new Promise((resolve) => s.bind(0, resolve));
    const { port } = s.address();
    await new Promise((resolve) => s.close(resolve));
    return port;
  }
  const s = net.createServer();
  await new Promise((resolve) => s.listen(0, resolve));
  const { port } = s.address();
  await new Promise((resolve) => s.close(resolve));
  return port;
}

export class Server {
  /** `set`: configuration keys; `host`: name to listen on and to open; `prefix`: command that starts it elsewhere. */
  constructor({ name = 'server', set = {}, args = [], host = 'localhost', listen = host, prefix = [] } = {}) {
    Object.assign(this, { name, set, args, host, listen, prefix });
    this.logPath = join(out, `${name}.log`);
  }

  async start() {
    this.port ??= await free('tcp');
    this.udp ??= await free('udp');
    this.tcp ??= await free('tcp');
    const set = { 'media.udp': `:${this.udp}`, 'media.tcp': `:${this.tcp}`, ...this.set };
    const args = ['demo', '--listen', `${this.listen}:${this.port}`, '--log-level', 'info', ...this.args];
    for (const [key, value] of Object.entries(set)) args.push('--set', `${key}=${value}`);
    const [command, ...rest] = [...this.prefix, binary, ...args];
    const env = { ...process.env, XDG_CONFIG_HOME: join(out, 'config'), HOME: out };
    this.child = start(command, rest, { env });
    this.log ??= createWriteStream(this.logPath);
    this.child.stderr.on('data', (d) => this.log.write(d));
    let first = '';
    this.child.stdout.on('data', (d) => {
      first += d;
    });
    const ended = this.child.gone.then((status) => {
      throw new Error(`the server ended (${status}): ${readFileSync(this.logPath, 'utf8').slice(-2000)}`);
    });
    ended.catch(() => {});
    await Promise.race([ended, until('the server prints its URL', () => first.includes('\n'))]);
    this.url = first.split('\n')[0];
    return this;
  }

  /** Ends it the way an operator does. */
  async stop() {
    await stop(this.child, 12_000);
  }

  /** Ends it the way a power cut does. */
  async kill() {
    await stop(this.child, 0, 'SIGKILL');
  }

  get base() {
    return `http://${this.host}:${this.port}/`;
  }
}
