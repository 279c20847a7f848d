/**
 * Every way in which the SDK fails. The first group comes from the server (protocol v1, section 6), the
 * second is made here.
 */
export const errorReasons = {
  /** The server could not read a frame: a fault of the SDK. */
  'bad-json': { retry: false, text: 'a frame was not valid JSON' },
  /** A value was out of range, for example an empty chat message or a name of 65 characters. */
  'bad-message': { retry: false, text: 'a value is missing or out of range' },
  /** The server is older than this SDK and lacks a feature. */
  'unknown-type': { retry: false, text: 'the server does not know this message' },
  /** More than the server takes in one message: a text over 4000 characters, a description over 512 KiB. */
  'too-big': { retry: false, text: 'the message is too big' },
  /** Too many messages; this one was not acted upon. */
  rate: { retry: true, text: 'too many messages' },
  /** Server and SDK share no protocol version: reload the page. */
  version: { retry: false, text: 'no common protocol version' },
  /** Your role, your state or this kind of room does not permit it. */
  'not-allowed': { retry: false, text: 'not allowed' },
  /** The token is missing, wrong, expired or for another room. */
  token: { retry: false, text: 'the token is missing, wrong or expired' },
  /** A moderator has locked the room. */
  locked: { retry: true, text: 'the room is locked' },
  /** The room has as many members as it may. */
  full: { retry: true, text: 'the room is full' },
  /** A moderator has ended the room. */
  ended: { retry: false, text: 'the room was ended' },
  /** Who you mean has left, or never was here. */
  'no-member': { retry: false, text: 'this member is not here' },
  /** The call is unknown or over. */
  'no-call': { retry: false, text: 'unknown or finished call' },
  /** You are in a call already. */
  busy: { retry: true, text: 'you are in a call already' },
  /** The server could not apply a session description. */
  sdp: { retry: true, text: 'the session description could not be applied' },
  /** The server is out of capacity. */
  overloaded: { retry: true, text: 'the server is out of capacity' },
  /** A fault of the server; its log has the details. */
  internal: { retry: true, text: 'a fault of the server' },
  /** `closed`: you left. */
  left: { retry: false, text: 'you left the room' },
  /** `closed`: another page took over this session. */
  replaced: { retry: false, text: 'another page took over this session' },
  /** `closed`: a moderator removed you. */
  removed: { retry: false, text: 'a moderator removed you' },
  /** The server got no hello in time. */
  'hello-timeout': { retry: true, text: 'the server waited too long for the hello' },

  /** The server cannot be reached, or did not answer in time. */
  network: { retry: true, text: 'the server cannot be reached' },
  /** This browser lacks WebRTC or WebSocket. */
  unsupported: { retry: false, text: 'this browser lacks what a conference needs' },
  /** The app aborted it, or left the room meanwhile. */
  aborted: { retry: false, text: 'aborted' },
  /** A file transfer broke: the other side is gone, or what came is not what was announced. */
  transfer: { retry: true, text: 'the file transfer failed' },
} as const;

/** A documented reason; see {@link errorReasons}. */
export type ErrorCode = keyof typeof errorReasons;

/** What every rejected promise and every `error` event of the SDK carries. */
export class VecheError extends Error {
  override readonly name = 'VecheError';
  /** Doing the same again later may work. */
  readonly retry: boolean;
  constructor(
    readonly code: ErrorCode,
    message?: string,
    options?: ErrorOptions,
  ) {
    super(message || errorReasons[code].text, options);
    this.retry = errorReasons[code].retry;
  }
}

/** Turns a code from the wire into one of ours; what a later server invents is `internal`. */
export function errorCode(code: string): ErrorCode {
  return Object.hasOwn(errorReasons, code) ? (code as ErrorCode) : 'internal';
}
