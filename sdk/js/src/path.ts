/** What carries media between this client and the others: peer connections, or one to the server. */
import type { Beat } from './pulse.js';
import type { Mode, Source, StreamKind, StreamStatus } from './types.js';

/** A remote track as a path gives it. */
export interface Arrival {
  track: MediaStreamTrack;
  receiver: RTCRtpReceiver;
}

/** One peer connection and what its sections carry, for statistics. */
export interface Inspection {
  /** Member id; null is the server. */
  peer: string | null;
  pc: RTCPeerConnection;
  /** By mid. */
  incoming: Map<string, { member: string; source: Source }>;
  outgoing: Map<string, Source>;
}

export interface Path {
  readonly mode: Mode;
  /** Sends a track, another one in its place, or nothing. */
  set(source: Source, track: MediaStreamTrack | null): void;
  /** Members came, went or changed. */
  update(): void;
  arrival(member: string, source: Source): Arrival | undefined;
  /** `flows` says whether media of a source has been seen. */
  status(member: string, kind: StreamKind, flows: (source: Source) => boolean): StreamStatus;
  /** Whether media of a source is to come here before the path is complete. */
  expects(member: string, source: Source): boolean;
  inspect(): Inspection[];
  /** The signalling is back, or the network may have changed: mend what does not connect. */
  nudge(): void;
  /** What comes over a connection has stopped, or is back. */
  beat(pc: RTCPeerConnection, beat: Beat): void;
  /** The ICE configuration has changed: no path may go on with the old one. */
  reconfigure(): void;
  close(): void;
}

/** What paths need of the room. */
export interface Roster {
  readonly me: string;
  /** The other members. */
  others(): Iterable<WireMemberView>;
  get(id: string): WireMemberView | undefined;
  /** Whether this client may publish. */
  readonly speaks: boolean;
}

export interface WireMemberView {
  readonly id: string;
  readonly role: 'viewer' | 'speaker' | 'moderator';
  readonly agent: 'web' | 'whip' | 'whep' | 'bot' | 'stream' | 'output';
  readonly connected: boolean;
  readonly state: { readonly mic: boolean; readonly camera: boolean; readonly screen: boolean };
  readonly tracks: readonly { source: Source; codec?: string }[];
}

/** What a member says about a source. */
export function says(member: WireMemberView, source: Source): boolean {
  return source === 'screen-audio' ? member.state.screen : member.state[source];
}
