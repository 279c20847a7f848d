/**
 * The contract between the in-call view and whoever runs the conference: everything the view shows is a
 * signal of this model, everything a person does in it is a callback. The view never touches a room, a
 * device or a socket. Lists are replaced, never changed in place.
 */
import type { ReadonlySignal, Signal } from '@preact/signals';
import type {
  Agent,
  FileInfo,
  Layer,
  LinkStats,
  MemberState,
  Mode,
  PathStats,
  Quality,
  Role,
  Source,
  Status,
  StreamKind,
  TrackStats,
  Why,
  Wish,
} from 'veche-client';
import type { StageKey } from './strings.js';

export type { StageKey } from './strings.js';

/** Translates a key; `{name}` in the text is replaced by `values.name`. */
export type Translate = (key: StageKey, values?: Readonly<Record<string, string | number>>) => string;

/** What kind of conversation this is: it decides the last button (Hang up or Leave) and what is offered. */
export type StageMode = 'call' | 'meeting' | 'broadcast-host' | 'broadcast-viewer';

/** One picture: a member's camera (which also stands for a member without one) or a shared screen. */
export interface TileView {
  /** Unique and the same for the tile's whole life, for example `${member}/${kind}`. */
  readonly id: string;
  /** Member id; the key into {@link StageModel.levels}. */
  readonly member: string;
  readonly kind: StreamKind;
  readonly name: string;
  /**
   * Camera and microphone, or screen and its sound. The view plays the sound of every remote tile, also of
   * those that are not on the current page; its `<video>` elements are silent.
   */
  readonly stream: MediaStream | null;
  readonly isLocal: boolean;
  /** The picture is shown as in a mirror (own camera that faces its owner). */
  readonly mirrored: boolean;
  readonly micMuted: boolean;
  readonly cameraOff: boolean;
  /** The picture is shown only while this is `live`; a name never stands under a picture that is not its own. */
  readonly video: Status;
  readonly audio: Status;
  /** Which of several sizes comes, and why not the best one; through the server. */
  readonly layer?: Layer | undefined;
  readonly why?: Why | undefined;
  /** Video codec, to say what cannot be decoded. */
  readonly codec?: string | undefined;
  readonly quality: Quality;
  readonly hand: boolean;
  readonly agent: Agent;
  readonly role: Role;
  /** False while the member's signalling is lost and may come back. */
  readonly connected: boolean;
}

export type Layout = 'grid' | 'speaker';
export type Panel = 'chat' | 'people' | 'stats';

/** What the person chose in the view. Make one with `createStageUi()`; it may outlive the view. */
export interface StageUi {
  readonly layout: Signal<Layout>;
  /** Tile id, or null. */
  readonly pinned: Signal<string | null>;
  readonly panel: Signal<Panel | null>;
}

/** What this client sends now, and what stops it from sending. */
export interface LocalView extends MemberState {
  /** A sentence for the person if there is no microphone, or it was refused. */
  readonly micProblem?: string | undefined;
  readonly cameraProblem?: string | undefined;
}

/** What the view offers. What is not allowed is not shown. */
export interface Allowed {
  /** Microphone and camera. */
  readonly publish: boolean;
  /** This browser can share a screen, and may. */
  readonly screen: boolean;
  readonly hand: boolean;
  readonly chat: boolean;
  readonly files: boolean;
  readonly people: boolean;
  readonly moderate: boolean;
}

/** What the toolbar does. A failure is told by a banner of the model; promises only show that it is under way. */
export interface StageActions {
  toggleMic(): void | Promise<void>;
  toggleCamera(): void | Promise<void>;
  toggleScreen(): void | Promise<void>;
  toggleHand(): void | Promise<void>;
  /** Sound only, or pictures again. */
  toggleSaving(): void | Promise<void>;
  /** Leave the room; in a call: hang up. */
  leave(): void | Promise<void>;
}

export type DeviceKind = 'microphone' | 'camera' | 'speaker';

export interface DeviceOption {
  readonly id: string;
  /** Never empty: the model numbers devices whose label is hidden. */
  readonly label: string;
}

export interface DeviceModel {
  /** An empty list of speakers means that this browser cannot choose one. */
  readonly lists: ReadonlySignal<Readonly<Record<DeviceKind, readonly DeviceOption[]>>>;
  /** Ids; empty: the system's default. The view applies the speaker to the sound it plays. */
  readonly chosen: ReadonlySignal<Readonly<Record<DeviceKind, string>>>;
  choose(kind: DeviceKind, id: string): void | Promise<void>;
}

/** `offered`: nobody took it yet; `moving`: bytes flow; the others are final. */
export type FileState = 'offered' | 'moving' | 'done' | 'aborted' | 'failed';

export interface ChatFile extends FileInfo {
  readonly state: FileState;
  /** Bytes so far, of {@link FileInfo.size}. */
  readonly done: number;
  /** blob: URL of a received file. */
  readonly url?: string | undefined;
}

export interface ChatItem {
  readonly id: string;
  readonly from: string;
  readonly name: string;
  readonly mine: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly text: string;
  /** Member id and name of the only receiver, if it is private. */
  readonly to?: { readonly id: string; readonly name: string } | undefined;
  readonly file?: ChatFile | undefined;
}

export interface ChatModel {
  /** Oldest first. */
  readonly items: ReadonlySignal<readonly ChatItem[]>;
  readonly unread: ReadonlySignal<number>;
  /** Rejects if it was not sent; the view keeps the text then. */
  send(text: string, to?: string): Promise<void>;
  sendFiles(files: readonly File[], to?: string): void;
  accept(file: string): void;
  /** Stops a transfer, or takes an offer back. */
  abort(file: string): void;
  /** The person sees the messages: nothing is unread any more. */
  seen(): void;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly agent: Agent;
  readonly isLocal: boolean;
  readonly connected: boolean;
  readonly state: MemberState;
}

export interface PeopleModel {
  /** The local person first. */
  readonly list: ReadonlySignal<readonly Person[]>;
  readonly locked: ReadonlySignal<boolean>;
  mute(member: string, source: Source): void | Promise<void>;
  remove(member: string): void | Promise<void>;
  setRole(member: string, role: Role): void | Promise<void>;
  lock(locked: boolean): void | Promise<void>;
  endForAll(): void | Promise<void>;
}

/** A picture of somebody, for the words about it. */
export interface StatsPicture {
  readonly kind: StreamKind;
  readonly video: Status;
  readonly layer?: Layer | undefined;
  readonly why?: Why | undefined;
}

export interface StatsGroup {
  /** Member id. */
  readonly id: string;
  readonly name: string;
  readonly isLocal: boolean;
  /** P2P: the path to this member. */
  readonly path?: PathStats | undefined;
  readonly tracks: readonly TrackStats[];
  readonly pictures?: readonly StatsPicture[] | undefined;
}

export interface StatsView {
  readonly mode: Mode | 'none';
  /** SFU: the path to the server. */
  readonly server?: PathStats | undefined;
  readonly link?: LinkStats | undefined;
  readonly groups: readonly StatsGroup[];
}

export interface StatsModel {
  /** Null until the first figures are there. */
  readonly view: ReadonlySignal<StatsView | null>;
  /** The panel is open: measure until the returned function is called. */
  watch(): () => void;
}

/** How media travels now, for the label at the top. */
export interface PathLabel {
  readonly mode: Mode | 'none';
  readonly relay: boolean;
}

export interface Banner {
  readonly id: string;
  /** `danger` interrupts a screen reader, the others wait. */
  readonly tone: 'info' | 'ok' | 'warn' | 'danger';
  /** Translated. */
  readonly text: string;
  /** Something goes on (reconnecting): a spinner is shown. */
  readonly busy?: boolean | undefined;
  readonly action?: { readonly label: string; run(): void } | undefined;
  /** Present if the person may close it. */
  dismiss?: (() => void) | undefined;
}

export interface InviteModel {
  readonly url: string;
  /** Resolves to false if the clipboard is not available: the view then selects the link. */
  copy(): Promise<boolean>;
}

export interface StageModel {
  readonly mode: StageMode;
  /** Shown at the top: the room's name, in a call the other person's. */
  readonly title: ReadonlySignal<string>;
  /** Milliseconds since 1970 when the conversation began, or null. */
  readonly since: ReadonlySignal<number | null>;
  readonly path: ReadonlySignal<PathLabel>;
  /** In the order people came, the local camera included: a tile never moves because somebody speaks. */
  readonly tiles: ReadonlySignal<readonly TileView[]>;
  /** Loudness 0 … 1 by member id. */
  readonly levels: ReadonlySignal<ReadonlyMap<string, number>>;
  /** Member id of who speaks, or spoke last. */
  readonly active: ReadonlySignal<string | null>;
  readonly local: ReadonlySignal<LocalView>;
  /** Low bandwidth by choice: sound, but no pictures of others. */
  readonly saving: ReadonlySignal<boolean>;
  readonly allowed: ReadonlySignal<Allowed>;
  readonly banners: ReadonlySignal<readonly Banner[]>;
  /** The last thing to tell a screen reader that is not seen otherwise ("Anna joined"). */
  readonly announcement: ReadonlySignal<string>;
  readonly invite: InviteModel | null;
  readonly ui: StageUi;
  readonly actions: StageActions;
  readonly devices: DeviceModel;
  readonly chat: ChatModel;
  readonly people: PeopleModel;
  readonly stats: StatsModel;
  /**
   * What is on the screen, largest first, then all other remote tiles as `paused` (their sound is wanted,
   * their picture is not). Called when that changes, at most five times per second; sizes are in CSS pixels.
   */
  view(wishes: readonly Wish[]): void;
  /** The browser refused to play sound; the view shows "Click to hear" by itself. */
  onAutoplayBlocked?(): void;
}

export interface StageProps {
  readonly model: StageModel;
  readonly t: Translate;
  /** BCP 47, for times and numbers. */
  readonly locale: string;
}
