/** A room as the in-call view shows it: turns the SDK's events into signals, and clicks into requests. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { LeaveReason, Participant, Role, Room, Source, StreamKind, Wish } from 'veche-client';
import type { LocalMedia } from '../devices/media';
import { t } from '../i18n';
import type {
  Allowed,
  ChatItem,
  InviteModel,
  PeopleModel,
  Person,
  StageActions,
  StageMode,
  StageModel,
  StageUi,
  StatsPicture,
  StatsView,
  TileView,
} from '../stage/types.js';
import { createStageUi } from '../stage/ui.js';
import { Banners } from './banners';
import { ChatBook } from './chat';
import { faultText } from './fault';
import { type CaptureScreen, Local } from './local';
import type { Saving } from './settings';
import { watchSight } from './sight';
import { StatsBook } from './stats';
import { hasPicture, keepSame, person, roomTiles } from './tiles';

export interface ConferenceOptions {
  mode: StageMode;
  media: LocalMedia;
  invite: InviteModel | null;
  capture: CaptureScreen | undefined;
  saving: Saving;
}

const goneAfterMs = 12_000;

export class Conference implements StageModel {
  readonly mode: StageMode;
  readonly title: ReadonlySignal<string>;
  readonly since: ReadonlySignal<number | null>;
  readonly tiles: ReadonlySignal<readonly TileView[]>;
  readonly levels: Signal<ReadonlyMap<string, number>> = signal(new Map());
  readonly active: Signal<string | null> = signal(null);
  readonly allowed: ReadonlySignal<Allowed>;
  readonly announcement = signal('');
  readonly invite: InviteModel | null;
  readonly ui: StageUi = createStageUi();
  readonly chat: ChatBook;
  readonly people: PeopleModel;
  readonly stats: StatsBook;
  readonly devices;
  /** Why it is over, once it is: a code of the SDK. */
  readonly ended: Signal<string | null> = signal(null);
  private readonly notices = new Banners();
  private readonly ownLocal: Local;
  /** Grows with every event of the room: what is computed from its live objects is computed again. */
  private readonly version = signal(0);
  private readonly cleanups: (() => void)[] = [];
  private wishes: readonly Wish[] | null = null;
  private readonly sight = watchSight();

  constructor(
    private readonly room: Room,
    private readonly options: ConferenceOptions,
  ) {
    const { media } = options;
    this.mode = options.mode === 'broadcast-host' && room.me.role === 'viewer' ? 'broadcast-viewer' : options.mode;
    this.invite = options.invite;
    this.title = signal(room.id);
    this.since = signal(Date.now());
    this.devices = media.model();
    this.ownLocal = new Local(media, this.sink(), this.notices, options.capture);
    this.chat = this.openChat();
    this.stats = new StatsBook(() => this.measure());
    this.allowed = computed(() => this.grants());
    this.tiles = this.stable(
      () => this.currentTiles(),
      (tile) => tile.id,
    );
    this.people = this.openPeople();
    this.listen();
    this.watchNetwork();
    this.watchSight();
    if (this.allowed.value.publish) void this.ownLocal.start();
    else media.closeAll();
  }

  get local() {
    return this.ownLocal.view;
  }

  get saving() {
    return this.options.saving.on;
  }

  get path() {
    return this.stats.path;
  }

  get banners() {
    return this.notices.list;
  }

  readonly actions: StageActions = {
    toggleMic: () => this.ownLocal.toggleMic(),
    toggleCamera: () => this.ownLocal.toggleCamera(),
    toggleScreen: () => this.ownLocal.toggleScreen(),
    toggleHand: () => this.ownLocal.toggleHand(),
    toggleSaving: () => this.options.saving.toggle(),
    leave: () => this.leave(),
  };

  view(wishes: readonly Wish[]): void {
    this.wishes = wishes;
    const pixels = Math.min(3, globalThis.devicePixelRatio || 1);
    const none = this.sight.hidden.peek() || this.saving.peek();
    this.room.show(
      wishes.map((wish) => ({
        ...wish,
        width: Math.ceil(wish.width * pixels),
        height: Math.ceil(wish.height * pixels),
        paused: none || wish.paused === true,
      })),
    );
  }

  /** Goes at once; the server is told meanwhile. */
  leave(): void {
    const { room } = this;
    this.finish('left');
    void room.leave().catch(() => undefined);
  }

  /** Everything stops: devices, timers, transfers. */
  finish(code: string): void {
    if (this.ended.peek() !== null) return;
    for (const cleanup of this.cleanups) cleanup();
    this.ownLocal.dispose();
    this.stats.dispose();
    this.chat.dispose();
    this.notices.dispose();
    this.ended.value = code;
  }

  private grants(): Allowed {
    this.version.value;
    const { me, kind, may } = this.room;
    const publish = me.role !== 'viewer';
    return {
      publish,
      screen: publish && this.options.capture !== undefined,
      hand: kind !== 'lobby',
      chat: may.has('chat'),
      files: may.has('chat'),
      people: true,
      moderate: me.role === 'moderator',
    };
  }

  private currentTiles(): TileView[] {
    this.version.value;
    const { room, options } = this;
    const local = {
      view: this.local.value,
      camera: options.media.stream,
      rear: options.media.rear.value,
      screen: this.ownLocal.screen.value,
    };
    return roomTiles(room.me, room.participants.values(), local);
  }

  /** A computed list that keeps its objects while they say the same. */
  private stable<T extends object>(compute: () => readonly T[], key: (one: T) => string): ReadonlySignal<readonly T[]> {
    let last: readonly T[] = [];
    return computed(() => {
      last = keepSame(last, compute(), key);
      return last;
    });
  }

  private sink() {
    const { room } = this;
    return {
      send: (kind: 'mic' | 'camera', track: MediaStreamTrack | null) =>
        track ? room.publish(kind, track) : room.unpublish(kind),
      async share(tracks: MediaStreamTrack[] | null) {
        const of = (kind: string) => tracks?.find((track) => track.kind === kind);
        const set = (source: Source, track: MediaStreamTrack | undefined) =>
          track ? room.publish(source, track) : room.unpublish(source);
        await Promise.all([set('screen', of('video')), set('screen-audio', of('audio'))]);
      },
      tell: (state: Parameters<Room['setState']>[0]) => room.setState(state),
    };
  }

  private openChat(): ChatBook {
    const { room } = this;
    const book = new ChatBook(
      {
        me: room.me.id,
        nameOf: (id) => (id === room.me.id ? room.me.name : room.participants.get(id)?.name),
        send: (text, to) => room.chat(text, to ? { to } : {}),
        offer: (file, to) => room.sendFile(file, to ? { to } : {}),
        receive: (id, options) => room.receiveFile(id, options),
      },
      (item: ChatItem) => this.say(item.file ? 'room.file' : 'room.message', item.name, item.file?.name),
    );
    book.past(room.history);
    return book;
  }

  private openPeople(): PeopleModel {
    const { room } = this;
    const list = this.stable<Person>(
      () => {
        this.version.value;
        const { mic, camera, screen, hand } = this.local.value;
        const me = person(room.me, true, { mic, camera, screen, hand });
        const others = [...room.participants.values()].map((one) => person(one, false));
        // Who wants to speak is found at the top, also among a thousand viewers.
        const waits = (one: Person) => (one.state.hand ? 0 : 1);
        return [me, ...others.sort((a, b) => waits(a) - waits(b))];
      },
      (one) => one.id,
    );
    const locked = computed(() => {
      this.version.value;
      return room.locked;
    });
    const { moderate } = room;
    const asked = async (request: Promise<void>) => {
      await request.catch((error: Error) => this.fault(error));
    };
    return {
      list,
      locked,
      mute: (member, source) => asked(moderate.mute(member, source)),
      remove: (member) => asked(moderate.remove(member)),
      setRole: (member, role) => asked(moderate.role(member, role)),
      lock: (on) => asked(moderate.lock(on)),
      endForAll: () => asked(moderate.end()),
    };
  }

  private fault(error: Error): void {
    this.notices.show({ id: 'action', tone: 'warn', text: faultText(error) }, { ms: 8000 });
  }

  private say(key: Parameters<typeof t>[0], name: string, file = ''): void {
    this.announcement.value = t(key, { name, file });
  }

  private listen(): void {
    const { room } = this;
    const touch = () => {
      this.version.value++;
    };
    let role = room.me.role;
    let locked = room.locked;
    this.cleanups.push(
      room.on('joined', (one) => {
        touch();
        if (!this.silent(one)) this.say('room.joined', one.name);
      }),
      room.on('left', ({ participant, reason }) => {
        touch();
        this.left(participant, reason);
      }),
      room.on('updated', (one) => {
        touch();
        if (one.isLocal && one.role !== role) {
          role = one.role;
          this.roleChanged(role);
        }
      }),
      room.on('stream', touch),
      room.on('quality', (event) => {
        touch();
        if (event.participant.isLocal) this.quality(event.quality);
      }),
      room.on('topology', () => {
        touch();
        this.stats.soon();
      }),
      room.on('room', () => {
        touch();
        if (room.locked !== locked) {
          locked = room.locked;
          const text = t(locked ? 'banner.locked' : 'banner.unlocked');
          this.notices.show({ id: 'lock', tone: 'info', text }, { ms: 4000 });
        }
      }),
      room.on('chat', (message) => this.chat.message(message)),
      room.on('file', (offer) => this.chat.offered(offer)),
      room.on('fileProgress', (progress) => this.chat.progress(progress)),
      room.on('speaking', ({ levels, active }) => {
        this.levels.value = levels;
        if (active) this.active.value = active;
      }),
      room.on('muted', ({ source }) => this.muted(source)),
      room.on('connection', ({ state }) => this.connection(state)),
      room.on('closed', ({ code }) => this.finish(code)),
      room.on('error', (error) => this.fault(error)),
      this.announceScreens(),
    );
  }

  /** Players, and the many who watch a broadcast, come and go without a word. */
  private silent({ agent, role }: Participant): boolean {
    return agent === 'whep' || agent === 'output' || (this.room.kind === 'broadcast' && role === 'viewer');
  }

  private left(participant: Participant, reason: LeaveReason): void {
    if (this.silent(participant)) return;
    const key =
      reason === 'removed' ? 'room.removed' : reason === 'gone' || reason === 'slow' ? 'room.gone' : 'room.left';
    this.say(key, participant.name);
  }

  private roleChanged(role: Role): void {
    this.notices.show({ id: 'role', tone: 'info', text: t(`room.role.${role}`) }, { ms: 8000 });
    if (role !== 'viewer') return;
    void this.ownLocal.silence('screen');
    this.options.media.closeAll();
  }

  private muted(source: Source): void {
    const [what, text] = (
      {
        mic: ['mic', 'banner.muted'],
        camera: ['camera', 'banner.camera'],
        screen: ['screen', 'banner.screen'],
        'screen-audio': ['screen', 'banner.screen'],
      } as const
    )[source];
    void this.ownLocal.silence(what);
    this.notices.show({ id: `muted-${what}`, tone: 'warn', text: t(text) }, { ms: 8000 });
  }

  private quality(quality: number): void {
    const alone = ![...this.room.participants.values()].some(hasPicture);
    if (quality === 1 && !alone)
      this.notices.show({ id: 'weak', tone: 'warn', text: t('banner.network') }, { closable: true });
    else if (quality > 1 || alone) this.notices.hide('weak');
  }

  private connection(state: Room['connection']): void {
    if (state === 'connected') {
      const lost = this.banners.peek().some((one) => one.id === 'connection');
      this.notices.hide('connection');
      if (lost) this.notices.show({ id: 'back', tone: 'ok', text: t('banner.back') }, { ms: 4000 });
    } else if (state === 'reconnecting') {
      this.notices.show({ id: 'connection', tone: 'warn', busy: true, text: t('banner.reconnecting') });
      const timer = setTimeout(() => {
        if (this.room.connection !== 'reconnecting') return;
        this.notices.show({ id: 'connection', tone: 'danger', busy: true, text: t('banner.gone') });
      }, goneAfterMs);
      this.cleanups.push(() => clearTimeout(timer));
    }
  }

  /** A network that comes back, or a page that is looked at again, does not wait for the next attempt. */
  private watchNetwork(): void {
    const nudge = () => {
      if (document.visibilityState === 'visible') this.room.nudge();
    };
    window.addEventListener('online', nudge);
    document.addEventListener('visibilitychange', nudge);
    this.cleanups.push(() => {
      window.removeEventListener('online', nudge);
      document.removeEventListener('visibilitychange', nudge);
    });
  }

  /** What cannot be seen, or is not wanted, is not asked for. */
  private watchSight(): void {
    const end = effect(() => {
      this.sight.hidden.value;
      this.saving.value;
      if (this.wishes) this.view(this.wishes);
    });
    this.cleanups.push(end, () => this.sight.dispose());
  }

  /** A viewer's hand is seen nowhere but in the list: whoever can let it speak is told. */
  private handRaised(id: string, name: string): void {
    this.say('room.hand', name);
    const { me, kind, participants } = this.room;
    if (kind !== 'broadcast' || me.role === 'viewer' || participants.get(id)?.role !== 'viewer') return;
    const open = () => {
      this.ui.panel.value = 'people';
      this.notices.hide('hand');
    };
    const action = { label: t('stage.people'), run: open };
    this.notices.show({ id: 'hand', tone: 'info', text: t('room.hand', { name }), action }, { ms: 12_000 });
  }

  /** Screens and hands are seen; who does not see is told. */
  private announceScreens(): () => void {
    let before = new Set<string>();
    return effect(() => {
      this.version.value;
      const now = new Set<string>();
      for (const { id, name, state } of this.room.participants.values()) {
        for (const [what, key] of [
          ['screen', 'room.sharing'],
          ['hand', 'room.hand'],
        ] as const) {
          if (!state[what]) continue;
          now.add(`${id}/${what}`);
          if (before.has(`${id}/${what}`)) continue;
          if (what === 'hand') this.handRaised(id, name);
          else this.say(key, name);
        }
      }
      before = now;
    });
  }

  private async measure(): Promise<StatsView> {
    const { path, server, link, local, remote } = await this.room.stats();
    const { me, participants } = this.room;
    return {
      mode: path,
      server,
      link,
      groups: [
        { id: me.id, name: me.name, isLocal: true, path: local.path, tracks: local.tracks },
        ...remote.map((one) => ({
          id: one.id,
          name: participants.get(one.id)?.name ?? '',
          isLocal: false,
          path: one.path,
          tracks: one.tracks,
          pictures: pictures(participants.get(one.id)),
        })),
      ],
    };
  }
}

/** What comes of somebody's pictures, as far as there are any. */
function pictures(one: Participant | undefined): StatsPicture[] {
  if (!one) return [];
  return (['camera', 'screen'] as const).flatMap((kind) => {
    const { video, layer, why } = one.status(kind);
    return video === 'none' || video === 'muted' ? [] : [{ kind, video, layer, why }];
  });
}

export type { StreamKind };
