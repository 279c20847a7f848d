/** The WebSocket: hello, requests, numbered events, resume. It comes back for as long as the page lives. */
import { errorCode, VecheError } from './errors.js';
import { Outbox } from './outbox.js';
import {
  decode,
  encode,
  type Request,
  type Requests,
  type ServerFrame,
  type ServerFrames,
  subprotocol,
  version,
  type Welcome,
} from './protocol.js';
import type { ConnectionState } from './types.js';

export type HelloFrame = Omit<Requests['hello'], 'v' | 'resume'>;
export type Reply = ServerFrames['ok'];

export interface ConnectionOptions {
  WebSocket: typeof WebSocket;
  url: string;
  /** What to say now; asked each time, since the state changes. */
  hello(): HelloFrame;
  /** A session of an earlier life of the page. */
  resume?: string | undefined;
  /** A welcome came: the first one, or one after the socket was lost. */
  welcome(welcome: Welcome): void;
  /** The resume token has been replaced. */
  renewed(token: string): void;
  event(frame: ServerFrame): void;
  state(state: ConnectionState): void;
  /** The session is over and will not come back. */
  closed(error: VecheError): void;
  /** The server refused what was posted. */
  refused(request: Request, error: VecheError): void;
}

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: VecheError): void;
}

/** Milliseconds. */
/** For the first attempts to open a socket, the last for all others: what was sent into a dead network does not come again soon. */
const connectTimeouts = [3_000, 5_000, 10_000];
const pingEvery = 10_000;
const pongTimeout = 5_000;
const probeTimeout = 2_000;
/** How long a suspected socket is given to answer: some of its round trips, within these. */
const suspectTimeout = { trips: 3, least: 300, most: 1_000 } as const;
const farewellTimeout = 1_000;
/** Pauses before the attempts to come back, the last one again and again; each is shortened by up to a half. */
const pauses = [0, 300, 600, 1_200, 2_400, 3_000];
/** A first join gives up after this many attempts. */
const joinAttempts = 3;
/** Server's farewells after which one comes back (veche-v1 §6). */
const comeBack = new Set(['shutdown', 'slow', 'idle', 'overloaded', 'internal']);
/** Refusals of a hello that may pass. */
const passing = new Set(['overloaded', 'internal']);

export class Connection {
  private socket: WebSocket | null = null;
  private welcomed = false;
  private over = false;
  private joined = false;
  private token: string | undefined;
  /** The last event seen; from the future for a page that has no state, so that it gets the state. */
  private last = Number.MAX_SAFE_INTEGER;
  private lastId = 0;
  private attempts = 0;
  private heard = false;
  /** The last round trip of a ping or hello, ms. */
  private trip: number = suspectTimeout.most;
  private asked = 0;
  private waiters = new Map<number, Waiter>();
  private timers: { open?: Timer; retry?: Timer; ping?: Timer; pong?: Timer } = {};
  private settle: { resolve(w: Welcome): void; reject(e: VecheError): void } | null = null;
  private readonly outbox: Outbox;

  constructor(private readonly options: ConnectionOptions) {
    this.token = options.resume;
    this.outbox = new Outbox((request) => this.request(request), options.refused);
  }

  /** Joins; rejects with the server's reason, or `network`. */
  start(signal?: AbortSignal): Promise<Welcome> {
    return new Promise((resolve, reject) => {
      const abort = () => this.finish(new VecheError('aborted'));
      if (signal?.aborted) {
        reject(new VecheError('aborted'));
        return;
      }
      signal?.addEventListener('abort', abort, { once: true });
      const done = () => signal?.removeEventListener('abort', abort);
      this.settle = {
        resolve: (w) => {
          done();
          resolve(w);
        },
        reject: (e) => {
          done();
          reject(e);
        },
      };
      this.open();
    });
  }

  get connected(): boolean {
    return this.welcomed;
  }

  /** Sends a request; rejects with the server's error, or `network` when the socket is or gets lost. */
  request(request: Request): Promise<Reply> {
    if (this.over) return Promise.reject(new VecheError('left'));
    if (!this.welcomed) return Promise.reject(new VecheError('network', 'not connected'));
    return this.say(request);
  }

  /** Sends a request for which nobody waits: in order, again after a lost socket, paced. */
  post(request: Request): void {
    if (!this.over) this.outbox.add(request);
  }

  /** Forgets what was posted and not yet sent: it is about a world that is gone. */
  forget(): void {
    this.outbox.clear();
  }

  /** The network may be back, or this socket may be dead without our knowing. */
  nudge(): void {
    if (this.over) return;
    if (this.welcomed) {
      this.ping(probeTimeout);
    } else if (this.timers.retry !== undefined) {
      this.clear('retry');
      this.attempts = 0;
      this.open();
    }
  }

  /** Media has stopped: a socket that does not answer at once is as dead as its network. */
  suspect(): void {
    if (this.over || !this.welcomed) return;
    const { trips, least, most } = suspectTimeout;
    this.ping(Math.max(least, Math.min(most, this.trip * trips)));
  }

  /** Says goodbye; nothing is sent or told after it. */
  async leave(): Promise<void> {
    if (this.over) return;
    const socket = this.socket;
    const answered = this.welcomed
      ? this.say({ t: 'leave' }).then(
          () => {},
          () => {},
        )
      : Promise.resolve();
    this.over = true;
    this.stop();
    await Promise.race([answered, new Promise((r) => setTimeout(r, farewellTimeout))]);
    this.fail(new VecheError('left'));
    if (socket) close(socket, 1000);
    this.socket = null;
  }

  private say(request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const id = (this.lastId % (2 ** 31 - 1)) + 1;
      try {
        const data = encode(request, id);
        this.lastId = id;
        this.waiters.set(id, { resolve, reject });
        this.socket?.send(data);
      } catch (error) {
        this.waiters.delete(id);
        reject(error instanceof VecheError ? error : new VecheError('network', undefined, { cause: error }));
      }
    });
  }

  private open(): void {
    this.clear('retry');
    this.attempts++;
    let socket: WebSocket;
    try {
      socket = new this.options.WebSocket(this.options.url, subprotocol);
    } catch (cause) {
      this.finish(new VecheError('unsupported', 'no WebSocket to this URL', { cause }));
      return;
    }
    this.socket = socket;
    const patience = connectTimeouts[Math.min(this.attempts, connectTimeouts.length) - 1];
    this.timers.open = setTimeout(() => this.lost(socket), patience);
    socket.onopen = () => this.hello(socket);
    socket.onmessage = (e) => this.socket === socket && this.receive(e.data);
    socket.onclose = () => this.lost(socket);
  }

  private hello(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.asked = Date.now();
    const resume = this.token ? { resume: { token: this.token, n: this.last } } : {};
    this.say({ t: 'hello', v: [version], ...this.options.hello(), ...resume }).catch((error: VecheError) => {
      if (this.socket !== socket || error.code === 'network' || this.over) return;
      if (passing.has(error.code) && (this.joined || this.attempts < joinAttempts)) this.lost(socket);
      else this.finish(error);
    });
  }

  private receive(data: unknown): void {
    this.heard = true;
    let frame: ServerFrame;
    try {
      frame = decode(data);
    } catch (error) {
      if ((error as VecheError).code !== 'unknown-type') {
        if (this.socket) this.lost(this.socket); // what it meant comes again
        return;
      }
      this.skip(data);
      return;
    }
    switch (frame.t) {
      case 'welcome':
        if (!this.over) this.greet(frame);
        return;
      case 'ok':
      case 'pong':
        this.answer(frame.re)?.resolve(frame.t === 'ok' ? frame : { t: 'ok' });
        return;
      case 'error': {
        const error = new VecheError(errorCode(frame.code), frame.message);
        this.answer(frame.re)?.reject(error);
        return;
      }
      case 'bye':
        this.bye(frame.code, frame.message);
        return;
      case 'resume':
        if (this.over || !this.inOrder(frame.n)) return;
        this.token = frame.token;
        this.options.renewed(frame.token);
        return;
      default:
        if (!this.over && this.inOrder(frame.n)) this.options.event(frame);
    }
  }

  private answer(re: number | undefined): Waiter | undefined {
    if (re === undefined) return undefined;
    const waiter = this.waiters.get(re);
    this.waiters.delete(re);
    return waiter;
  }

  /** An event of a later version is not for us, but its number is. */
  private skip(data: unknown): void {
    const n: unknown = JSON.parse(data as string).n;
    if (typeof n === 'number') this.inOrder(n);
  }

  /** Each event once; a hole means that the socket lost something, which a resume brings back. */
  private inOrder(n: number | undefined): boolean {
    if (!this.welcomed || n === undefined || n <= this.last) return false;
    if (n > this.last + 1) {
      if (this.socket) this.lost(this.socket);
      return false;
    }
    this.last = n;
    return true;
  }

  private greet(welcome: Welcome): void {
    if (welcome.re !== undefined) this.waiters.delete(welcome.re);
    this.clear('open');
    this.trip = Date.now() - this.asked;
    this.token = welcome.resume;
    this.last = welcome.n;
    this.attempts = 0;
    this.welcomed = true;
    this.joined = true;
    this.schedulePing();
    if (welcome.resumed !== 'replayed') this.outbox.clear();
    this.options.welcome(welcome);
    this.settle?.resolve(welcome);
    this.settle = null;
    if (this.over) return;
    this.options.state('connected');
    this.outbox.flush();
  }

  private bye(code: string, message: string): void {
    const socket = this.socket;
    if (comeBack.has(code) && socket) {
      if (!this.joined && this.attempts >= joinAttempts) this.finish(new VecheError(errorCode(code), message));
      else this.lost(socket);
    } else if (!this.over) {
      this.finish(new VecheError(errorCode(code), message));
    }
  }

  /** This socket is no good any more. */
  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return;
    const was = this.welcomed;
    this.release();
    close(socket, 4000);
    this.fail(new VecheError('network', 'the connection was lost'));
    if (this.over) return;
    if (!this.joined && this.attempts >= joinAttempts) {
      this.finish(new VecheError('network'));
      return;
    }
    if (was) this.attempts = 0;
    const pause = pauses[Math.min(this.attempts, pauses.length - 1)] ?? 0;
    this.timers.retry = setTimeout(() => this.open(), pause * (0.5 + Math.random() / 2));
    if (this.joined) this.options.state('reconnecting');
  }

  private finish(error: VecheError): void {
    if (this.over) return;
    const socket = this.socket;
    this.over = true;
    this.stop();
    this.release();
    this.fail(error);
    if (socket) close(socket, 1000);
    if (this.settle) this.settle.reject(error);
    else this.options.closed(error);
    this.settle = null;
  }

  private release(): void {
    this.socket = null;
    this.welcomed = false;
    for (const t of ['open', 'ping', 'pong'] as const) this.clear(t);
  }

  private stop(): void {
    for (const t of ['open', 'retry', 'ping', 'pong'] as const) this.clear(t);
    this.outbox.clear();
  }

  private fail(error: VecheError): void {
    const waiters = [...this.waiters.values()];
    this.waiters.clear();
    for (const w of waiters) w.reject(error);
  }

  private clear(timer: keyof Connection['timers']): void {
    clearTimeout(this.timers[timer]);
    delete this.timers[timer];
  }

  private schedulePing(): void {
    this.clear('ping');
    this.timers.ping = setTimeout(() => this.ping(pongTimeout), pingEvery);
  }

  /** A socket that says nothing at all within the time is dead, whatever the browser believes. */
  private ping(timeout: number): void {
    const socket = this.socket;
    if (!socket || !this.welcomed) return;
    this.heard = false;
    const asked = Date.now();
    this.say({ t: 'ping', n: this.last }).then(
      () => {
        this.trip = Date.now() - asked;
      },
      () => {},
    );
    this.clear('pong');
    this.timers.pong = setTimeout(() => {
      if (!this.heard) this.lost(socket);
    }, timeout);
    this.schedulePing();
  }
}

type Timer = ReturnType<typeof setTimeout>;

function close(socket: WebSocket, code: number): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  try {
    socket.close(code);
  } catch {
    // closed already
  }
}
