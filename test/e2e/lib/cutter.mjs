// A TCP forwarder that can be cut: connections die and nobody answers until it is mended.
import net from 'node:net';

export class Cutter {
  #pairs = new Set();
  #cut = false;

  /** Forwards `localhost:port` (any free port) to the target port. */
  async open(target) {
    this.server = net.createServer((near) => this.#accept(near, target));
    await new Promise((resolve) => this.server.listen(0, 'localhost', resolve));
    this.port = this.server.address().port;
    return this;
  }

  #accept(near, target) {
    if (this.#cut) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(target, 'localhost');
    const pair = [near, far];
    this.#pairs.add(pair);
    const end = () => {
      if (pair.held) return;
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const s of pair) s.on('error', end).on('close', end);
    near.pipe(far);
    far.pipe(near);
  }

  cut() {
    this.#cut = true;
    for (const pair of this.#pairs) for (const s of pair) s.resetAndDestroy();
  }

  /** The connections there are lead into nothing: nobody hears that anybody has gone. New ones are as ever. */
  blackHole() {
    for (const pair of this.#pairs) {
      pair.held = true;
      for (const s of pair) s.unpipe().resume();
    }
  }

  mend() {
    this.#cut = false;
  }

  async close() {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
