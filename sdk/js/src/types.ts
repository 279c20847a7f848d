/**
 * The public types of the SDK. Nothing here touches a document or a window: the SDK runs wherever
 * RTCPeerConnection, WebSocket and MediaStream exist (or are injected by {@link RtcEnvironment}).
 */

/** What a track is. `screen-audio` is the sound of a shared tab or screen. */
export type Source = 'mic' | 'camera' | 'screen' | 'screen-audio';
/** Which of the two streams of a participant: `camera` carries mic + camera, `screen` screen + screen-audio. */
export type StreamKind = 'camera' | 'screen';
export type Role = 'viewer' | 'speaker' | 'moderator';
/** What a member is: a browser, a WHIP encoder, a WHEP player, a test client. */
export type Agent = 'web' | 'whip' | 'whep' | 'bot' | 'stream' | 'output';
export type RoomKind = 'meeting' | 'broadcast' | 'lobby';
/** Who carries the media: the browsers directly, or the server. */
export type Mode = 'p2p' | 'sfu';
/** State of the signalling connection. Media does not depend on it. */
export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'closed';
/** Codec names of the protocol (lower case). */
export type AudioCodec = 'opus' | 'g722' | 'pcmu' | 'pcma';
export type VideoCodec = 'vp8' | 'vp9' | 'av1' | 'h264' | 'h265';
/** Connection quality: 0 nothing arrives, 1 bad, 2 poor, 3 good, 4 excellent. */
export type Quality = 0 | 1 | 2 | 3 | 4;

/** What a member says it sends. It is told to everybody and never stops a track by itself. */
export interface MemberState {
  mic: boolean;
  camera: boolean;
  screen: boolean;
  hand: boolean;
}

/**
 * What one half of a stream gives now: `live` media arrives; `waiting` it is on its way; `none` nothing is
 * sent; `muted` the sender switched it off; `paused` we asked not to get it; `undecodable` this browser
 * cannot decode the sender's codec.
 */
export type Status = 'live' | 'waiting' | 'none' | 'muted' | 'paused' | 'undecodable';

/** What is sent to us of a picture that has several sizes; `spatial` and `temporal` count the levels from 0. */
export interface Layer {
  /** 0 is the smallest of `of`. */
  index: number;
  of: number;
  spatial: number;
  temporal: number;
  width?: number;
  height?: number;
}

/**
 * Why a picture is not the best there is: `tile`, more would not be seen; `bandwidth`, the way to us carries no more; `publisher`,
 * no more is sent at the moment; `choice`, we asked for a pause.
 */
export type Why = 'tile' | 'bandwidth' | 'publisher' | 'choice';

export interface StreamStatus {
  audio: Status;
  video: Status;
  /** Of the picture, through the server. */
  layer?: Layer;
  why?: Why;
  /** Video codec, if known. */
  codec?: string;
  /** First RTP timestamp of the video after a switch of its seat: until then a poster hides what came before. */
  rtp?: number;
}

/** A track of a member as the server knows it (media through the server only). */
export interface TrackInfo {
  source: Source;
  kind: 'audio' | 'video';
  codec: string;
}

/** Constructors to use instead of the global ones, for tests and other run-times. */
export interface RtcEnvironment {
  RTCPeerConnection: typeof RTCPeerConnection;
  WebSocket: typeof WebSocket;
  MediaStream: typeof MediaStream;
  /** For capabilities; a run-time without them is taken to know what it negotiates. */
  RTCRtpReceiver?: Pick<typeof RTCRtpReceiver, 'getCapabilities'>;
  RTCRtpSender?: Pick<typeof RTCRtpSender, 'getCapabilities'>;
}

/** Where the SDK keeps what it needs to resume after a reload of the page: `sessionStorage` fits. */
export type ResumeStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export interface JoinOptions {
  /** Base URL of the server (absolute); the WebSocket is `new URL('ws', url)`. */
  url: string | URL;
  room: string;
  kind?: RoomKind;
  name: string;
  /** JWT; open rooms need none. */
  token?: string;
  /** Ask to be no more than a viewer. */
  role?: 'viewer';
  topology?: 'auto' | Mode;
  /** Codecs in order of preference; applied by the one who creates the room. */
  audio?: string[];
  video?: string[];
  /** Hide this client's addresses: media goes through a TURN relay only. */
  relayOnly?: boolean;
  state?: Partial<MemberState>;
  storage?: ResumeStorage;
  rtc?: Partial<RtcEnvironment>;
}

export interface FileInfo {
  id: string;
  name: string;
  /** Bytes. */
  size: number;
  mime: string;
}

export interface ChatMessage {
  id: string;
  /** Member id of the sender; `name` is what the sender was called then. */
  from: string;
  name: string;
  text: string;
  /** Member id, if it is private. */
  to?: string;
  /** Milliseconds since 1970. */
  at: number;
  file?: FileInfo;
}

/** A file that somebody offers; its bytes flow when it is received. */
export interface FileOffer extends FileInfo {
  from: string;
  fromName: string;
  to?: string;
  at: number;
  /** Offered by this client. */
  mine: boolean;
}

/** Progress of one transfer; `to` is the receiver's member id. */
export interface FileProgress {
  id: string;
  to: string;
  done: number;
  total: number;
}

export interface ReceiveOptions {
  onProgress?(done: number, total: number): void;
  signal?: AbortSignal;
}

/** A transfer that this client sends in a call. */
export interface Transfer {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  /** Resolves when the other side has all of it; rejects with a VecheError. */
  readonly done: Promise<void>;
  abort(): void;
}

/** What the app wants to see. `first` is the room's first publisher. */
export interface Wish {
  member: string | 'first';
  source: StreamKind;
  /** Size of the tile in CSS pixels. */
  width: number;
  height: number;
  /** Keep the seat and its sound, but send no picture. */
  paused?: boolean;
}

export type CallState = 'ringing' | 'connecting' | 'active' | 'ended';
/** Why a call ended; `failed`: the media connection could not be made. */
export type CallReason = 'declined' | 'busy' | 'timeout' | 'cancelled' | 'hangup' | 'gone' | 'unavailable' | 'failed';
export type LeaveReason = 'left' | 'gone' | 'removed' | 'slow' | 'ended';

export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay';

/** The network path of one peer connection. */
export interface PathStats {
  local?: CandidateType;
  remote?: CandidateType;
  /** How media leaves this client; with a relay, how the relay is reached. */
  protocol?: 'udp' | 'tcp' | 'tls';
  /** Either end uses a relay. */
  relay: boolean;
  rttMs?: number;
  /** Estimated bits per second (Chromium). */
  availableOut?: number;
}

/** Figures of one track, over the time since the last call of stats(). */
export interface TrackStats {
  kind: 'audio' | 'video';
  source: Source;
  direction: 'in' | 'out';
  codec?: string;
  /** Bits per second. */
  bitrate: number;
  /** Percent of packets. */
  lost: number;
  jitterMs?: number;
  rttMs?: number;
  /** Frames decoded (in) or encoded (out) so far. */
  frames?: number;
  width?: number;
  height?: number;
  fps?: number;
  /** Audio level, 0 … 1. */
  level?: number;
  freezes?: number;
  /** Packets that came or went once more because they had been lost. */
  resent?: number;
  /** Outgoing video: so many sizes of it are sent now. */
  sizes?: number;
  /** Outgoing video: what keeps it smaller than it could be. */
  limit?: 'bandwidth' | 'cpu';
}

/** What the server says about the way to this client. */
export interface LinkStats {
  /** Bits per second that it carries. */
  estimate: number;
  /** Percent of what was sent to us. */
  lost: number;
  /** Milliseconds. */
  rtt: number;
  /** Pictures are smaller than their tiles because of it. */
  limited: boolean;
}

export interface ParticipantStats {
  id: string;
  quality: Quality;
  path?: PathStats;
  tracks: TrackStats[];
}

export interface RoomStats {
  /** What carries the media now; `none`: nothing does yet. */
  path: Mode | 'none';
  /** Connection to the server (sfu). In p2p each participant has a path of its own. */
  server?: PathStats;
  link?: LinkStats;
  local: ParticipantStats;
  remote: ParticipantStats[];
}

export interface CallStats {
  quality: Quality;
  path?: PathStats;
  tracks: TrackStats[];
}
