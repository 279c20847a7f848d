/** What happens in a room: the frames of the server on one side, the parts of the SDK on the other. */
import type { Call } from './call.js';
import { Calls } from './calls.js';
import { decodes, encodes } from './codecs.js';
import type { Connection, HelloFrame, Reply } from './connection.js';
import { Emitter } from './emitter.js';
import { VecheError } from './errors.js';
import { Files } from './files.js';
import { Ice } from './ice.js';
import { mayOf } from './may.js';
import { Media } from './media.js';
import { Mesh } from './mesh.js';
import { Monitor } from './monitor.js';
import { streamOf } from './participant.js';
import type { Path } from './path.js';
import type { Request, ServerFrame, ServerFrames, Welcome } from './protocol.js';
import type { RoomEvents } from './room.js';
import { Roster } from './roster.js';
import type { Saved } from './saved.js';
import { Server } from './sfu.js';
import type {
  ChatMessage,
  ConnectionState,
  JoinOptions,
  LinkStats,
  MemberState,
  Mode,
  RtcEnvironment,
  Source,
  Wish,
} from './types.js';
import { heldBy, wishesFor } from './wishes.js';

const remembered = 500;
/** What the server refuses with these codes was about something that is over: nobody needs to know. */
const quiet = new Set(['not-allowed', 'no-member', 'no-call', 'bad-message', 'left', 'aborted']);

export class Session {
  readonly events = new Emitter<RoomEvents>();
  readonly roster: Roster;
  readonly calls: Calls;
  readonly files: Files;
  readonly media: Media;
  readonly ice: Ice;
  readonly history: ChatMessage[] = [];
  readonly publishCodec: { video: string | undefined } = { video: undefined };
  connectionState: ConnectionState = 'connected';
  may: ReadonlySet<string>;
  room: Welcome['room'];
  shown: Wish[] | null = null;
  /** The server's word about the way to us. */
  link: LinkStats | undefined;
  private speaker: string | null | undefined;
  private limits: Welcome['limits'];
  private readonly monitor: Monitor;
  private over = false;

  constructor(
    readonly env: RtcEnvironment,
    readonly connection: Connection,
    private readonly saved: Saved,
    welcome: Welcome,
    relayOnly: boolean,
  ) {
    this.room = welcome.room;
    this.limits = welcome.limits;
    this.may = new Set(welcome.may);
    const emit = this.events.emit.bind(this.events);
    this.roster = new Roster(welcome.you, {
      joined: (p) => emit('joined', p),
      left: (participant, reason) => {
        this.files.left(participant.id);
        emit('left', { participant, reason });
      },
      updated: (p) => emit('updated', p),
    });
    this.ice = new Ice(() => connection.request({ t: 'ice' }));
    this.ice.relayOnly = relayOnly;
    const link = { env, config: () => this.ice.config(), codecs: this.codecs() };
    const signal = (to: string, name: string, data: ServerFrames['signal']['data']) =>
      connection.post({ t: 'signal', to, link: name, data });
    this.files = new Files({
      link,
      me: () => this.roster.me,
      signal,
      offered: (offer) => emit('file', offer),
      progress: (progress) => emit('fileProgress', progress),
    });
    const roster = this.roster;
    this.calls = new Calls({
      room: {
        link,
        get me() {
          return { id: roster.me, name: roster.own.member.name };
        },
        connected: () => connection.connected,
        stopped: () => connection.suspect(),
        post: (r) => connection.post(r),
        signal,
      },
      request: (r) => connection.request(r),
      nameOf: (id) => roster.nameOf(id),
      incoming: (call: Call) => emit('call', call),
    });
    this.media = new Media({
      env,
      open: (mode) => this.open(mode),
      records: () => roster.records,
      ready: (epoch) => connection.post({ t: 'ready', epoch }),
      stream: (id, kind) => {
        const participant = roster.participants.get(id);
        if (!participant) return;
        emit('stream', { participant, source: kind, stream: participant.stream(kind), ...participant.status(kind) });
      },
    });
    this.monitor = new Monitor({
      me: () => roster.me,
      inspect: () => this.media.inspect(),
      speaking: (event) => emit('speaking', event),
      picture: (id) => roster.records.get(id)?.halves.camera.status,
      speaker: () => (this.room.topology === 'sfu' ? this.speaker : undefined),
      quality: (id, quality) => {
        const record = id === roster.me ? roster.own : roster.records.get(id);
        const participant = id === roster.me ? roster.self : roster.participants.get(id);
        if (!record || !participant || record.quality === quality) return;
        record.quality = quality;
        emit('quality', { participant, quality });
      },
      beat: (pc, beat) => {
        // If the socket is dead too, the welcome that follows mends the media.
        if (beat === 'stopped') connection.suspect();
        this.media.beat(pc, beat);
      },
    });
    this.begin(welcome);
  }

  /** The codec lists of the room, always current. */
  private codecs(): { readonly audio: readonly string[]; readonly video: readonly string[] } {
    const session = this;
    return {
      get audio() {
        return session.room.audio;
      },
      get video() {
        return session.room.video;
      },
    };
  }

  private begin(welcome: Welcome): void {
    this.publishCodec.video = welcome.room.publish.video;
    this.ice.set(welcome.iceServers);
    for (const m of welcome.members) this.roster.add(m);
    for (const m of welcome.chat) this.remember(m);
    this.calls.restored(welcome.calls, true);
    if (this.room.kind !== 'lobby') {
      this.media.switchTo(welcome.room.topology, welcome.room.epoch);
      this.monitor.start();
    }
  }

  /** A welcome after the socket was lost. */
  welcome(welcome: Welcome): void {
    this.ice.set(welcome.iceServers);
    if (welcome.resumed !== 'replayed') this.restored(welcome);
    this.media.nudge();
    this.calls.nudge();
  }

  /** The server has lost our session: its world counts. */
  private restored(welcome: Welcome): void {
    const same = welcome.you.id === this.roster.me;
    this.limits = welcome.limits;
    this.may = new Set(welcome.may);
    const path = this.media.path('sfu') as Server | undefined;
    this.room = welcome.room;
    this.roster.reset(welcome.you, welcome.members, same && welcome.resumed === 'restored');
    for (const m of welcome.chat) this.remember(m);
    this.calls.restored(welcome.calls, false);
    this.advise(welcome.room.publish.video);
    if (this.room.kind !== 'lobby') {
      if (same) path?.rebuild();
      else this.media.reset();
      this.media.switchTo(welcome.room.topology, welcome.room.epoch);
      this.media.update();
    }
    this.events.emit('room', this.facade);
  }

  /** The public object; set by it. */
  facade!: RoomEvents['room'];

  event(frame: ServerFrame): void {
    if (this.over) return;
    switch (frame.t) {
      case 'joined':
        this.roster.add(frame.member);
        this.media.update(frame.member.id);
        break;
      case 'left':
        this.roster.remove(frame.member, frame.reason);
        this.media.update(frame.member);
        break;
      case 'updated':
        this.updated(frame.member);
        break;
      case 'room':
        this.room = { ...this.room, ...pick(frame) };
        this.advise(frame.publish.video);
        this.media.update();
        this.events.emit('room', this.facade);
        break;
      case 'topology':
        this.room = { ...this.room, topology: frame.mode, epoch: frame.epoch };
        if (frame.mode === 'p2p') this.link = this.speaker = undefined;
        this.media.switchTo(frame.mode, frame.epoch);
        this.events.emit('topology', { mode: frame.mode });
        break;
      case 'settled':
        this.media.settled(frame.epoch);
        break;
      case 'seats':
        (this.media.path('sfu') as Server | undefined)?.seated(frame.seats);
        break;
      case 'speaker':
        this.speaker = frame.member ?? null;
        this.monitor.tell();
        break;
      case 'link': {
        const { estimate, lost, rtt, limited } = frame;
        this.link = { estimate, lost, rtt, limited };
        break;
      }
      case 'layers':
        (this.media.path('sfu') as Server | undefined)?.layers(frame.tracks);
        break;
      case 'media':
        (this.media.path('sfu') as Server | undefined)?.media(frame.pc, frame.state);
        break;
      case 'signal':
        this.signal(frame);
        break;
      case 'call':
        this.calls.event(frame.call);
        break;
      case 'chat':
        this.remember(frame.chat);
        break;
      case 'muted':
        this.muted(frame.source, frame.by);
        break;
    }
  }

  async publish(source: Source, track: MediaStreamTrack | null): Promise<void> {
    if (track && !this.roster.speaks) throw new VecheError('not-allowed', 'a viewer does not publish');
    if (track && this.room.kind === 'lobby') throw new VecheError('not-allowed', 'a lobby has no media of its own');
    const half = this.roster.own.halves[streamOf(source)];
    const before = this.media.published.get(source);
    if (before === (track ?? undefined)) return;
    half.stream ??= new this.env.MediaStream();
    if (before) half.stream.removeTrack(before);
    if (track) half.stream.addTrack(track);
    this.media.publish(source, track);
    // The first track of a source, and its end, say so; muting and switching are said by the app.
    if (source === 'screen-audio' || (before && track)) return;
    const on = track?.enabled === true;
    if (this.roster.own.member.state[source] !== on) this.setState({ [source]: on });
  }

  setState(state: Partial<MemberState>): void {
    const before = this.roster.own.member;
    const next = { ...before.state, ...state };
    this.roster.update({ ...before, state: next });
    this.connection.post({ t: 'state', ...state });
  }

  show(wishes: Wish[] | null): void {
    this.shown = wishes;
    this.media.update();
  }

  /** A chat message, of ours or of others; each once. */
  remember(message: ChatMessage): void {
    if (this.history.some((m) => m.id === message.id)) return;
    this.history.push(message);
    if (this.history.length > remembered) this.history.shift();
    this.events.emit('chat', message);
    this.files.announced(message);
  }

  state(state: ConnectionState): void {
    if (this.connectionState === state) return;
    this.connectionState = state;
    this.events.emit('connection', { state });
  }

  refused(request: Request, error: VecheError): void {
    if (!quiet.has(error.code)) this.events.emit('error', error);
    else if (request.t === 'state') this.events.emit('error', error);
  }

  /** The network may be back. */
  nudge(): void {
    this.connection.nudge();
    this.media.nudge();
    this.calls.nudge();
  }

  /** Ends everything here; the last event is `closed`. */
  close(error: VecheError): void {
    if (this.over) return;
    this.over = true;
    if (error.code !== 'network') this.saved.clear();
    this.monitor.close();
    this.calls.close();
    this.files.close();
    this.media.close();
    this.roster.close();
    this.state('closed');
    this.events.emit('closed', { code: error.code, message: error.message });
    this.events.close();
  }

  private open(mode: Mode): Path {
    const { env, connection, roster } = this;
    const changed = (id: string) => this.media.refresh(id);
    const config = () => this.ice.config();
    if (mode === 'p2p') {
      return new Mesh({
        link: { env, config, codecs: this.codecs() },
        roster,
        epoch: () => this.room.epoch,
        signal: (to, name, data) => connection.post({ t: 'signal', to, link: name, data }),
        changed,
        held: () => heldBy(this.shown),
      });
    }
    const server = new Server({
      env,
      roster,
      config,
      generation: () => this.saved.nextGeneration(),
      request: (r): Promise<Reply> => connection.request(r),
      post: (r) => connection.post(r),
      codecs: () => ({ audio: this.room.audio, video: this.room.video, publish: this.room.publish.video }),
      seats: this.limits.seats,
      wishes: () => wishesFor(this.shown, this.roster.others(), this.limits.seats),
      changed,
      error: (e) => this.events.emit('error', e),
    });
    server.start();
    return server;
  }

  private updated(member: Welcome['you']): void {
    const mine = member.id === this.roster.me;
    const changed = mine && member.role !== this.roster.own.member.role;
    if (changed) this.may = mayOf(member.role, this.room.kind);
    this.roster.update(member);
    if (changed) {
      if (member.role === 'viewer') for (const s of [...this.media.published.keys()]) void this.publish(s, null);
      this.events.emit('room', this.facade);
    }
    this.media.update(mine ? undefined : member.id);
  }

  private advise(video: string | undefined): void {
    if (this.publishCodec.video === video) return;
    this.publishCodec.video = video;
    this.events.emit('publishCodec', { video });
  }

  private signal(frame: ServerFrames['signal']): void {
    const [prefix, rest] = [frame.link.slice(0, 2), frame.link.slice(2)];
    if (prefix === 'c:') this.calls.signal(frame.from, rest, frame.data);
    else if (prefix === 'f:') this.files.signal(frame.from, rest, frame.data);
    else if (prefix === 'm:')
      (this.media.path('p2p') as Mesh | undefined)?.receive(frame.from, Number(rest), frame.data);
  }

  /** A moderator muted us: not a single frame more goes out, until the app switches it on again. */
  private muted(source: Source, by: string): void {
    const track = this.media.published.get(source);
    if (track) track.enabled = false;
    const before = this.roster.own.member;
    const off = source === 'screen-audio' ? {} : { [source]: false };
    this.roster.update({ ...before, state: { ...before.state, ...off } });
    this.events.emit('muted', { source, by });
  }
}

function pick(frame: ServerFrames['room']): Pick<Welcome['room'], 'locked' | 'video' | 'audio' | 'publish'> {
  return { locked: frame.locked, video: frame.video, audio: frame.audio, publish: frame.publish };
}

/** The hello of these options; `state` is what is true now. */
export function helloOf(options: JoinOptions, env: RtcEnvironment, name: string, state: MemberState): HelloFrame {
  const { room, kind, token, role, topology, audio, video } = options;
  return {
    room,
    name,
    decode: decodes(env),
    encode: encodes(env),
    state,
    ...(kind ? { kind } : {}),
    ...(token ? { token } : {}),
    ...(role ? { role } : {}),
    ...(topology ? { topology } : {}),
    ...(audio?.length ? { audio: audio as NonNullable<HelloFrame['audio']> } : {}),
    ...(video?.length ? { video: video as NonNullable<HelloFrame['video']> } : {}),
  };
}
