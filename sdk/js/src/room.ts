/** The public face of a room. */
import type { Call } from './call.js';
import { Connection } from './connection.js';
import { VecheError } from './errors.js';
import { Looker } from './monitor.js';
import type { Participant } from './participant.js';
import { Saved, socketUrl } from './saved.js';
import { helloOf, Session } from './session.js';
import type {
  ChatMessage,
  ConnectionState,
  FileOffer,
  FileProgress,
  JoinOptions,
  LeaveReason,
  MemberState,
  Mode,
  ParticipantStats,
  Quality,
  ReceiveOptions,
  Role,
  RoomKind,
  RoomStats,
  RtcEnvironment,
  Source,
  StreamKind,
  StreamStatus,
  Wish,
} from './types.js';

export interface RoomEvents {
  /** Signalling was lost or is back. Media goes on meanwhile. */
  connection: { state: ConnectionState };
  joined: Participant;
  left: { participant: Participant; reason: LeaveReason };
  /** Something about a participant changed (role, state, tracks, connected); also about us. */
  updated: Participant;
  /** A stream appeared, its tracks changed, or what it gives did. */
  stream: { participant: Participant; source: StreamKind; stream: MediaStream | null } & StreamStatus;
  topology: { mode: Mode };
  /** Lock, codecs or what we may do changed. */
  room: Room;
  chat: ChatMessage;
  /** A file was offered in the chat. */
  file: FileOffer;
  /** Somebody receives a file of ours. */
  fileProgress: FileProgress;
  /** Somebody calls; with state `ended` and reason `busy` somebody called while we talked. */
  call: Call;
  /** A moderator muted us: the track is disabled already. */
  muted: { source: Source; by: string };
  /** Who speaks how loud (0 … 1), and who speaks most; several times a second while somebody does. */
  speaking: { levels: Map<string, number>; active: string | null };
  quality: { participant: Participant; quality: Quality };
  /** The last event: we left, or were made to. */
  closed: { code: string; message: string };
  /** Something failed that no promise tells. */
  error: VecheError;
  /** Publishers should use this codec; the SDK does so by itself. */
  publishCodec: { video: string | undefined };
}

/** A room that this client has joined. */
export class Room {
  private readonly looker = new Looker();
  /** What a moderator may do; others are refused with `not-allowed`. */
  readonly moderate: {
    mute(member: string, source: Source): Promise<void>;
    remove(member: string): Promise<void>;
    lock(locked: boolean): Promise<void>;
    role(member: string, role: Role): Promise<void>;
    end(): Promise<void>;
  };

  private constructor(private readonly session: Session) {
    session.facade = this;
    const ask = async (request: Parameters<Connection['request']>[0]) => {
      await session.connection.request(request);
    };
    this.moderate = {
      mute: (member, source) => ask({ t: 'mute', member, source }),
      remove: (member) => ask({ t: 'remove', member }),
      lock: (locked) => ask({ t: 'lock', locked }),
      role: (member, role) => ask({ t: 'role', member, role }),
      end: () => ask({ t: 'end' }),
    };
  }

  /**
   * Joins a room. Rejects with a VecheError: `token`, `locked`, `full`, `ended`, `not-allowed`, `version`,
   * `bad-message`, `overloaded`, `network`, `unsupported`, `aborted`.
   */
  static async join(options: JoinOptions, signal?: AbortSignal): Promise<Room> {
    const env = environment(options.rtc);
    const url = socketUrl(options.url);
    const saved = new Saved(options.storage, `veche ${url} ${options.room}`);
    const state = { mic: false, camera: false, screen: false, hand: false, ...options.state };
    let session: Session | undefined;
    let room: Room | undefined;
    const connection = new Connection({
      WebSocket: env.WebSocket,
      url,
      resume: saved.resume,
      hello: () => helloOf(options, env, options.name, session?.roster.own.member.state ?? state),
      welcome: (welcome) => {
        saved.keep(welcome.resume);
        if (session) {
          session.welcome(welcome);
          return;
        }
        session = new Session(env, connection, saved, welcome, options.relayOnly === true);
        room = new Room(session);
      },
      renewed: (token) => saved.keep(token),
      event: (frame) => session?.event(frame),
      state: (s) => session?.state(s),
      closed: (error) => session?.close(error),
      refused: (request, error) => session?.refused(request, error),
    });
    try {
      await connection.start(signal);
    } catch (error) {
      // What the server refuses may be the session we tried to come back to: the next attempt begins anew.
      if (error instanceof VecheError && !['network', 'aborted', 'overloaded'].includes(error.code)) saved.clear();
      throw error;
    }
    if (!room) throw new VecheError('internal');
    return room;
  }

  get id(): string {
    return this.session.room.id;
  }
  get kind(): RoomKind {
    return this.session.room.kind;
  }
  /** This client. Its streams hold what it publishes. */
  get me(): Participant {
    return this.session.roster.self;
  }
  /** The others, by id. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.session.roster.participants;
  }
  get connection(): ConnectionState {
    return this.session.connectionState;
  }
  get topology(): Mode {
    return this.session.room.topology;
  }
  /** The topology cannot change. */
  get forced(): boolean {
    return this.session.room.forced;
  }
  get locked(): boolean {
    return this.session.room.locked;
  }
  /** The message types of the protocol that this client may send: `mute` for moderators, and so on. */
  get may(): ReadonlySet<string> {
    return this.session.may;
  }
  /** Calls that are not over, by id. */
  get calls(): ReadonlyMap<string, Call> {
    return this.session.calls.all;
  }
  /** The last messages, oldest first. */
  get history(): readonly ChatMessage[] {
    return this.session.history;
  }
  get publishCodec(): { video: string | undefined } {
    return { ...this.session.publishCodec };
  }
  /** Media goes through a relay only, so that the others do not learn our addresses. */
  get relayOnly(): boolean {
    return this.session.ice.relayOnly;
  }
  set relayOnly(value: boolean) {
    if (this.session.ice.relayOnly === value) return;
    this.session.ice.relayOnly = value;
    this.session.media.reconfigure();
    this.session.calls.reconfigure();
  }

  /** Adds a listener; the result removes it. */
  on<K extends keyof RoomEvents>(kind: K, listener: (event: RoomEvents[K]) => void): () => void {
    return this.session.events.on(kind, listener);
  }

  /** Sends a track to everybody, in place of one of the same source. Rejects with `not-allowed`. */
  publish(source: Source, track: MediaStreamTrack): Promise<void> {
    return this.session.publish(source, track);
  }

  /** Sends it no more. The track is not stopped. */
  unpublish(source: Source): Promise<void> {
    return this.session.publish(source, null);
  }

  /** Tells everybody what we send, or that we raise a hand. */
  async setState(state: Partial<MemberState>): Promise<void> {
    this.session.setState(state);
  }

  /**
   * What to show (media through the server only). Before the first call everybody is shown. Whoever is left
   * out is still heard, as far as there are seats.
   */
  show(wishes: Wish[]): void {
    this.session.show(wishes);
  }

  /** Posts a line to everybody or to one member. */
  async chat(text: string, options: { to?: string } = {}): Promise<ChatMessage> {
    return this.say({ t: 'chat', text, ...(options.to ? { to: options.to } : {}) });
  }

  /** Offers a file in the chat; it stays in this page and flows to whoever receives it. */
  async sendFile(file: Blob & { name?: string }, options: { to?: string } = {}): Promise<FileOffer> {
    const info = { name: shorten(file.name || 'file', 255), size: file.size, mime: shorten(file.type, 127) };
    const { files } = this.session;
    const message = await this.say(
      { t: 'chat', text: '', file: info, ...(options.to ? { to: options.to } : {}) },
      file,
    );
    const offer = files.announced(message);
    if (!offer) throw new VecheError('internal', 'no file in the reply');
    return offer;
  }

  /** Receives a file that was offered. Rejects with `transfer` or `aborted`. */
  receiveFile(id: string, options: ReceiveOptions = {}): Promise<Blob> {
    return this.session.files.receive(id, options);
  }

  /** Calls a member. Rejects with `busy`, `no-member`, `not-allowed`. */
  ring(member: string, options: { video: boolean }): Promise<Call> {
    return this.session.calls.ring(member, options.video);
  }

  /** Figures since the last call of this method. */
  async stats(): Promise<RoomStats> {
    const { media, roster } = this.session;
    const connections = media.inspect();
    const { tracks, paths } = await this.looker.look(connections);
    const path = media.current;
    const of = (id: string, key: string | null, quality: Quality): ParticipantStats => {
      const at = paths.get(id);
      return { id, quality, ...(at ? { path: at } : {}), tracks: tracks.get(key) ?? [] };
    };
    const server = paths.get(null);
    return {
      path: path && connections.some((c) => c.pc.connectionState === 'connected') ? path.mode : 'none',
      ...(server ? { server } : {}),
      ...(server && this.session.link ? { link: this.session.link } : {}),
      local: of(roster.me, null, roster.own.quality),
      remote: [...roster.participants.values()].map((p) => of(p.id, p.id, p.quality)),
    };
  }

  /** The network may be back (`online`, page visible): try at once instead of waiting. */
  nudge(): void {
    this.session.nudge();
  }

  /** Leaves. Nothing is sent and nobody is told anything after it. */
  async leave(): Promise<void> {
    const gone = this.session.connection.leave();
    this.session.close(new VecheError('left'));
    await gone;
  }

  private async say(request: Parameters<Connection['request']>[0], file?: Blob): Promise<ChatMessage> {
    const { chat } = await this.session.connection.request(request);
    if (!chat) throw new VecheError('internal', 'no message in the reply');
    if (file && chat.file) this.session.files.keep(chat.file.id, file);
    this.session.remember(chat);
    return chat;
  }
}

/** Cut to so many bytes of UTF-8, never within a character. */
function shorten(text: string, bytes: number): string {
  const encoder = new TextEncoder();
  let out = '';
  for (const c of text) {
    if (encoder.encode(out + c).length > bytes) break;
    out += c;
  }
  return out;
}

function environment(given: Partial<RtcEnvironment> = {}): RtcEnvironment {
  const global = globalThis as unknown as RtcEnvironment;
  const env = {} as Record<keyof RtcEnvironment, unknown>;
  for (const name of ['RTCPeerConnection', 'WebSocket', 'MediaStream', 'RTCRtpReceiver', 'RTCRtpSender'] as const) {
    const value = given[name] ?? global[name];
    if (value !== undefined) env[name] = value;
    else if (name === 'RTCPeerConnection' || name === 'WebSocket' || name === 'MediaStream') {
      throw new VecheError('unsupported', `there is no ${name}`);
    }
  }
  return env as unknown as RtcEnvironment;
}
