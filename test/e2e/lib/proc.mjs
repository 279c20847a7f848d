// Child processes in groups of their own, so that a browser goes with everything it has started.
import { spawn } from 'node:child_process';

const running = new Set();

/** Starts a program in its own process group. It is killed with this process at the latest. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  running.add(child);
  child.gone = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal);
    });
    child.once('error', (err) => {
      running.delete(child);
      resolve(err.message);
    });
  });
  return child;
}

/** Sends a signal to the child's whole group. */
export function signal(child, name) {
  if (!child?.pid) return;
  try {
    process.kill(-child.pid, name);
  } catch (err) {
    if (err.code !== 'ESRCH') throw err;
  }
}

/** Asks a child to end and insists after `patience` milliseconds. */
export async function stop(child, patience = 5000, first = 'SIGTERM') {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  signal(child, first);
  const timer = setTimeout(() => signal(child, 'SIGKILL'), patience);
  await child.gone;
  clearTimeout(timer);
}

/** Takes over a process that somebody else has started, a browser for example. */
export function adopt(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** Runs a program to its end and returns what it wrote; throws if it failed. */
export async function run(command, args, options = {}) {
  const child = start(command, args, options);
  const out = [];
  child.stdout?.on('data', (d) => out.push(d));
  child.stderr?.on('data', (d) => out.push(d));
  const status = await child.gone;
  const text = Buffer.concat(out).toString();
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${text}`);
  return text;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const slow = Number(process.env.VECHE_E2E_SLOW ?? 0); // ms of waiting that are worth a line

/** Polls until `probe` returns something true; says what it waited for when it does not. */
export async function until(what, probe, { timeout = 15_000, every = 50 } = {}) {
  const began = performance.now();
  const end = began + timeout;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) {
        const took = performance.now() - began;
        if (slow && took > slow) console.log(`     waited ${Math.round(took)} ms: ${typeof what === 'function' ? what() : what}`);
        return last;
      }
    } catch (err) {
      if (/detached|closed|Session|Protocol error/.test(err.message) && performance.now() > end) throw err;
      last = err;
    }
    if (performance.now() > end) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`not within ${timeout} ms: ${typeof what === 'function' ? what() : what}${why}`);
    }
    await sleep(every);
  }
}

function killAll() {
  for (const child of running) signal(child, 'SIGKILL');
}
process.on('exit', killAll);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(1));
