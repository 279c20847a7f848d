/** Codec names of the protocol and what this run-time can do with them. */
import type { RtcEnvironment } from './types.js';

export const audioCodecs = ['opus', 'g722', 'pcmu', 'pcma'];
export const videoCodecs = ['vp8', 'vp9', 'av1', 'h264', 'h265'];

type Kind = 'audio' | 'video';
export type Capabilities = Pick<RtcEnvironment, 'RTCRtpReceiver' | 'RTCRtpSender'>;
type Codec = RTCRtpCodec & { preferredPayloadType?: number };

/** The protocol's name of a MIME type like `video/VP8`. */
export function codecName(mimeType: string): string {
  return mimeType.slice(mimeType.indexOf('/') + 1).toLowerCase();
}

function capable(of: { getCapabilities(kind: string): RTCRtpCapabilities | null } | undefined, kind: Kind): Codec[] {
  try {
    return of?.getCapabilities(kind)?.codecs ?? [];
  } catch {
    return [];
  }
}

function names(of: { getCapabilities(kind: string): RTCRtpCapabilities | null } | undefined, kind: Kind): string[] {
  const known = kind === 'audio' ? audioCodecs : videoCodecs;
  if (!of) return known;
  const can = new Set(capable(of, kind).map((c) => codecName(c.mimeType)));
  return known.filter((name) => can.has(name));
}

/** What this client can decode, for the hello. */
export const decodes = (env: Capabilities) => ({
  audio: names(env.RTCRtpReceiver, 'audio'),
  video: names(env.RTCRtpReceiver, 'video'),
});

/** What this client can encode, for the hello. */
export const encodes = (env: Capabilities) => ({
  audio: names(env.RTCRtpSender, 'audio'),
  video: names(env.RTCRtpSender, 'video'),
});

/** Profiles that no sender uses by itself and packetisations of the past only make descriptions fat. */
function wanted(codec: Codec): boolean {
  const fmtp = codec.sdpFmtpLine ?? '';
  switch (codecName(codec.mimeType)) {
    case 'vp9':
      return !/profile-id=[1-9]/.test(fmtp);
    case 'av1':
      return !/profile=[1-9]/.test(fmtp);
    case 'h264':
      return /packetization-mode=1/.test(fmtp);
    default:
      return true;
  }
}

/**
 * The codecs for setCodecPreferences: those named, in this order, with retransmission for video. Empty when
 * this run-time has none of them, or cannot tell. The specification compares with what can be received.
 */
export function preferences(env: Capabilities, kind: Kind, order: readonly string[]): RTCRtpCodec[] {
  const all = capable(env.RTCRtpReceiver, kind);
  const out: RTCRtpCodec[] = [];
  for (const name of order) {
    const same = all.filter((c) => codecName(c.mimeType) === name);
    const slim = same.filter(wanted);
    out.push(...(slim.length > 0 ? slim : same));
  }
  if (out.length > 0 && kind === 'video') out.push(...all.filter((c) => codecName(c.mimeType) === 'rtx'));
  return out;
}

/** Chromium's API (W3C WebRTC Extensions §5.2) is not in the types yet. */
interface Negotiating {
  getHeaderExtensionsToNegotiate?(): { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?(list: { uri: string; direction: string }[]): void;
}

const dependencyDescriptor = 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';

/** Lets a section that receives ask for the description of layers, without which those of AV1 cannot be told apart. */
export function describeLayers(transceiver: RTCRtpTransceiver): void {
  const section = transceiver as RTCRtpTransceiver & Negotiating;
  const all = section.getHeaderExtensionsToNegotiate?.();
  const wanted = all?.find((e) => e.uri === dependencyDescriptor && e.direction === 'stopped');
  if (!all || !wanted) return;
  wanted.direction = 'sendrecv';
  section.setHeaderExtensionsToNegotiate?.(all);
}

/** Restricts and orders the codecs of a section as far as the run-time can. */
export function prefer(env: Capabilities, transceiver: RTCRtpTransceiver, order: readonly string[]): void {
  const codecs = preferences(env, transceiver.receiver.track.kind as Kind, order);
  if (codecs.length === 0) return;
  try {
    transceiver.setCodecPreferences?.(codecs);
  } catch {
    // a browser that takes them for the other direction only keeps its own order
  }
}

/** Opus in its redundant form first (RFC 2198), where the run-time knows it: each packet repeats the one before. */
export function redundant(audio: readonly string[]): string[] {
  return audio.flatMap((name) => (name === 'opus' ? ['red', 'opus'] : [name]));
}

/** One section keeps one clock rate: Opus, or the telephony codecs with 8 kHz, whichever the room prefers. */
export function sameClock(audio: readonly string[]): string[] {
  const wide = audio[0] === 'opus';
  return audio.filter((name) => (name === 'opus') === wide);
}

/** The codecs of a room that {@link sameClock} leaves out: their sound needs a section of its own. */
export function otherClock(audio: readonly string[]): string[] {
  const same = sameClock(audio);
  return audio.filter((name) => !same.includes(name));
}

/** What to publish video with: the server's advice if this client can encode it. */
export function publishOrder(env: Capabilities, room: readonly string[], advice: string | undefined): string[] {
  const can = encodes(env).video;
  if (advice && can.includes(advice)) return [advice];
  const order = room.filter((name) => can.includes(name));
  return order.length > 0 ? order : [...room];
}
