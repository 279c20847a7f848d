/** An accepted call as the in-call view shows it. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Call, MemberState, Quality, Room } from 'veche-client';
import type { LocalMedia } from '../devices/media';
import { startMeter } from '../devices/meter';
import { t } from '../i18n';
import type { Allowed, ChatItem, PeopleModel, StageActions, StageModel, StatsView, TileView } from '../stage/types.js';
import { createStageUi } from '../stage/ui.js';
import { Banners } from './banners';
import { ChatBook } from './chat';
import { faultText } from './fault';
import { type CaptureScreen, Local } from './local';
import type { Saving } from './settings';
import { watchSight } from './sight';
import { StatsBook } from './stats';
import { keepSame } from './tiles';

const speakingLevel = 0.45;
const levelsMs = 200;

export class CallStage implements StageModel {
  readonly mode = 'call' as const;
  readonly title: ReadonlySignal<string>;
  readonly since: Signal<number | null> = signal(null);
  readonly tiles: ReadonlySignal<readonly TileView[]>;
  readonly levels: Signal<ReadonlyMap<string, number>> = signal(new Map());
  readonly active: Signal<string | null> = signal(null);
  readonly allowed: ReadonlySignal<Allowed>;
  readonly announcement = signal('');
  readonly invite = null;
  readonly ui = createStageUi();
  readonly chat: ChatBook;
  readonly people: PeopleModel;
  readonly stats: StatsBook;
  readonly devices;
  private readonly notices = new Banners();
  private readonly ownLocal: Local;
  private readonly version = signal(0);
  private readonly quality: Signal<Quality> = signal(4);
  private readonly cleanups: (() => void)[] = [];

  constructor(
    private readonly room: Room,
    readonly call: Call,
    private readonly media: LocalMedia,
    capture: CaptureScreen | undefined,
    private readonly choice: Saving,
  ) {
    this.title = signal(call.peer.name);
    this.devices = media.model();
    this.ownLocal = new Local(media, this.sink(), this.notices, capture);
    this.chat = this.openChat();
    this.stats = new StatsBook(() => this.measure());
    this.allowed = signal({
      publish: true,
      screen: capture !== undefined,
      hand: false,
      chat: true,
      files: true,
      people: false,
      moderate: false,
    });
    let last: readonly TileView[] = [];
    this.tiles = computed(() => {
      last = keepSame(last, this.currentTiles(), (tile) => tile.id);
      return last;
    });
    this.people = noPeople;
    this.listen();
    this.watchSight();
    this.meter();
  }

  get local() {
    return this.ownLocal.view;
  }

  get saving() {
    return this.choice.on;
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
    toggleHand: () => undefined,
    toggleSaving: () => this.choice.toggle(),
    leave: () => void this.call.hangup().catch(() => undefined),
  };

  view(): void {
    // See watchSight.
  }

  dispose(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.ownLocal.dispose();
    this.stats.dispose();
    this.chat.dispose();
    this.notices.dispose();
  }

  /** Two people see each other in full, unless nobody looks. */
  private watchSight(): void {
    const sight = watchSight();
    const end = effect(() => this.call.setPictures(!sight.hidden.value && !this.saving.value));
    this.cleanups.push(end, () => sight.dispose());
  }

  private sink() {
    const { call } = this;
    return {
      send: (kind: 'mic' | 'camera', track: MediaStreamTrack | null) =>
        call.replaceTrack(kind === 'mic' ? 'audio' : 'video', track),
      share: (tracks: MediaStreamTrack[] | null) => call.share(tracks),
      tell: (state: Partial<MemberState>) => call.setState(state),
    };
  }

  private openChat(): ChatBook {
    const { call, room } = this;
    return new ChatBook(
      {
        me: room.me.id,
        nameOf: (id) => (id === room.me.id ? room.me.name : call.peer.name),
        send: async (text) => call.chat(text),
        offer: async (file) => call.sendFile(file),
        receive: (id, options) => call.receiveFile(id, options),
      },
      (item: ChatItem) => {
        const key = item.file ? 'room.file' : 'room.message';
        this.announcement.value = t(key, { name: item.name, file: item.file?.name ?? '' });
      },
    );
  }

  private listen(): void {
    const { call } = this;
    const touch = () => {
      this.version.value++;
      if (call.state === 'active' && this.since.peek() === null) this.since.value = Date.now();
    };
    touch();
    let sharing = false;
    this.cleanups.push(
      call.on('state', touch),
      call.on('stream', touch),
      call.on('screen', touch),
      call.on('remoteState', (state) => {
        touch();
        if (state.screen && !sharing) this.announcement.value = t('room.sharing', { name: call.peer.name });
        sharing = state.screen;
      }),
      call.on('chat', (message) => this.chat.message(message)),
      call.on('file', (offer) => this.chat.offered(offer)),
      call.on('fileProgress', (progress) => this.chat.progress(progress)),
      call.on('quality', ({ quality }) => {
        this.quality.value = quality;
        if (quality === 1)
          this.notices.show({ id: 'weak', tone: 'warn', text: t('banner.network') }, { closable: true });
        else this.notices.hide('weak');
      }),
      call.on('error', (error) => {
        this.notices.show({ id: 'action', tone: 'warn', text: faultText(error) }, { ms: 8000 });
      }),
      this.room.on('connection', ({ state }) => {
        if (state === 'reconnecting') {
          this.notices.show({ id: 'connection', tone: 'warn', busy: true, text: t('banner.reconnecting') });
        } else this.notices.hide('connection');
      }),
    );
  }

  private currentTiles(): TileView[] {
    this.version.value;
    const { call, room, media } = this;
    const local = this.local.value;
    const peer = room.participants.get(call.peer.id);
    const mine = { member: room.me.id, name: room.me.name, isLocal: true, ...common, quality: 4 as const };
    const theirs = {
      ...{ member: call.peer.id, name: call.peer.name, isLocal: false, ...common },
      quality: this.quality.value,
      connected: peer?.connected ?? true,
    };
    const tiles: TileView[] = [
      picture({ ...mine, mirrored: !media.rear.value }, 'camera', media.stream, local),
      picture(theirs, 'camera', call.stream, call.remoteState, this.saving.value),
    ];
    const screen = this.ownLocal.screen.value;
    if (screen) tiles.push(picture(mine, 'screen', screen, local));
    if (call.screen || call.remoteState.screen)
      tiles.push(picture(theirs, 'screen', call.screen, call.remoteState, this.saving.value));
    return tiles;
  }

  /** Who speaks is measured here: there is no server in between. */
  private meter(): void {
    const meters = new Map<string, { track: MediaStreamTrack; meter: ReturnType<typeof startMeter> }>();
    const follow = (member: string, track: MediaStreamTrack | undefined) => {
      const has = meters.get(member);
      if (has?.track === track) return;
      has?.meter.stop();
      meters.delete(member);
      if (track && typeof AudioContext === 'function') meters.set(member, { track, meter: startMeter(track) });
    };
    const timer = setInterval(() => {
      const { call, room } = this;
      follow(call.peer.id, call.stream?.getAudioTracks()[0]);
      follow(room.me.id, this.local.peek().mic ? (this.media.mic.peek() ?? undefined) : undefined);
      const levels = new Map([...meters].map(([member, { meter }]) => [member, meter.level.peek()]));
      this.levels.value = levels;
      if ((levels.get(call.peer.id) ?? 0) > speakingLevel) this.active.value = call.peer.id;
    }, levelsMs);
    this.cleanups.push(() => {
      clearInterval(timer);
      for (const { meter } of meters.values()) meter.stop();
    });
  }

  private async measure(): Promise<StatsView> {
    const { path, tracks } = await this.call.stats();
    const { me } = this.room;
    const { peer } = this.call;
    return {
      mode: path ? 'p2p' : 'none',
      groups: [
        { id: me.id, name: me.name, isLocal: true, tracks: tracks.filter((one) => one.direction === 'out') },
        { id: peer.id, name: peer.name, isLocal: false, path, tracks: tracks.filter((one) => one.direction === 'in') },
      ],
    };
  }
}

const common = { agent: 'web', role: 'speaker', connected: true, mirrored: false, hand: false } as const;
type Whose = Pick<
  TileView,
  'member' | 'name' | 'isLocal' | 'mirrored' | 'agent' | 'role' | 'connected' | 'hand' | 'quality'
>;

function picture(
  whose: Whose,
  kind: 'camera' | 'screen',
  stream: MediaStream | null,
  state: Pick<MemberState, 'mic' | 'camera'>,
  paused = false,
): TileView {
  const on = kind === 'screen' || state.camera;
  const arrives = (stream?.getVideoTracks().length ?? 0) > 0;
  const sound = stream && stream.getAudioTracks().length > 0;
  return {
    ...whose,
    id: `${whose.member}/${kind}`,
    kind,
    stream,
    micMuted: kind === 'camera' && !state.mic,
    cameraOff: !on,
    video: !on ? 'none' : paused ? 'paused' : arrives ? 'live' : 'waiting',
    audio: kind === 'camera' && !state.mic ? 'muted' : sound ? 'live' : 'none',
  };
}

const noPeople: PeopleModel = {
  list: signal([]),
  locked: signal(false),
  mute: () => undefined,
  remove: () => undefined,
  setRole: () => undefined,
  lock: () => undefined,
  endForAll: () => undefined,
};
