/** Notices that what flowed over a connection comes no more, and that it is back; makes the picture begin anew then. */
import { heard, look, type Reports } from './stats.js';

/**
 * `stopped`: nothing came for a while, which a socket that is asked now can explain; `lost`: so long that the way is taken to be
 * gone; `back`: something comes again.
 */
export type Beat = 'stopped' | 'lost' | 'back';

/** A connection that brought something at so many looks in a row carries media that flows. */
const flowing = 4;
/** Milliseconds of nothing. Silence with discontinuous transmission has a packet every 400 ms. */
const stoppedAfter = 600;
const lostAfter = 1_200;

interface Entry {
  bytes: number;
  since: number;
  grown: number;
  told: Beat | undefined;
}

/**
 * What came over each connection, look by look. After a change of the network, the states of a connection and of a socket
 * tell it five to fifteen seconds later. Pure but for the time it is given.
 */
export class Pulse {
  private seen = new Map<RTCPeerConnection, Entry>();
  private readonly broken = new WeakSet<RTCPeerConnection>();

  /** Some connection is silent: look more often. */
  get worried(): boolean {
    return [...this.seen.values()].some((e) => e.told !== undefined);
  }

  /** Takes the reports of this moment; gives what is to be told of each connection. */
  look(reports: ReadonlyMap<RTCPeerConnection, Reports>, now: number): [RTCPeerConnection, Beat][] {
    const out: [RTCPeerConnection, Beat][] = [];
    const before = this.seen;
    this.seen = new Map();
    for (const [pc, r] of reports) {
      const at = before.get(pc) ?? { bytes: heard(r), since: now, grown: 0, told: undefined };
      this.seen.set(pc, at);
      const beat = this.step(at, heard(r), now) ?? this.state(pc);
      if (beat) out.push([pc, beat]);
    }
    return out;
  }

  private step(at: Entry, bytes: number, now: number): Beat | undefined {
    if (bytes !== at.bytes) {
      const was = at.told;
      Object.assign(at, { bytes, since: now, grown: at.grown + 1, told: undefined });
      return was ? 'back' : undefined;
    }
    const quiet = now - at.since;
    if (at.told === undefined && at.grown < flowing) {
      if (quiet > 0) at.grown = 0; // reports about nothing come now and then
      return undefined;
    }
    if (at.told === undefined && quiet >= stoppedAfter) {
      at.grown = 0;
      at.told = 'stopped';
      return 'stopped';
    }
    if (at.told === 'stopped' && quiet >= lostAfter) {
      at.told = 'lost';
      return 'lost';
    }
    return undefined;
  }

  /** A connection that says itself that it is broken, once. */
  private state(pc: RTCPeerConnection): Beat | undefined {
    if (pc.connectionState === 'connected') this.broken.delete(pc);
    else if (pc.connectionState === 'disconnected' && !this.broken.has(pc)) {
      this.broken.add(pc);
      return 'stopped';
    }
    return undefined;
  }
}

/** What a path can do about it. */
export interface Patient {
  /** Tells what happened to a connection of this path. */
  beat(pc: RTCPeerConnection, beat: Beat): void;
}

/** The beats of some connections, told to whom they concern. */
export async function feel(
  pulse: Pulse,
  connections: Iterable<RTCPeerConnection>,
  tell: (pc: RTCPeerConnection, beat: Beat) => void,
): Promise<ReadonlyMap<RTCPeerConnection, Reports>> {
  const reports = new Map<RTCPeerConnection, Reports>();
  await Promise.all([...connections].map(async (pc) => reports.set(pc, await look(pc))));
  for (const [pc, beat] of pulse.look(reports, Date.now())) tell(pc, beat);
  return reports;
}

/**
 * Makes the senders of a connection produce a key frame now. Who lost packets for a while asks for one only after three
 * seconds without a picture.
 */
export function freshPicture(pc: RTCPeerConnection): void {
  for (const { sender } of pc.getTransceivers()) {
    if (sender.track?.kind === 'video') void keyFrame(sender).catch(() => {});
  }
}

async function keyFrame(sender: RTCRtpSender): Promise<void> {
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) return;
  let known = false;
  const options = {
    get encodingOptions() {
      known = true;
      return parameters.encodings.map(() => ({ keyFrame: true }));
    },
  };
  await (sender.setParameters as (p: RTCRtpSendParameters, o?: unknown) => Promise<void>)(parameters, options);
  if (known) return;
  // A browser that does not read the option: an encoder that starts again begins with a key frame.
  const active = parameters.encodings.map((e) => e.active);
  for (const on of [false, true]) {
    const again = sender.getParameters();
    again.encodings.forEach((e, i) => {
      e.active = on && active[i] !== false;
    });
    await sender.setParameters(again);
  }
}

/** Sends the picture, or holds it: an encoder that starts again begins with a key frame. */
export function activate(sender: RTCRtpSender, on: boolean): void {
  const parameters = sender.getParameters?.();
  if (!parameters?.encodings?.length) return;
  for (const encoding of parameters.encodings) encoding.active = on;
  sender.setParameters(parameters).catch(() => {
    // stopped meanwhile
  });
}
