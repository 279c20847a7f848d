/**
 * The camera and the microphone of this page: opens, switches and closes them, and knows what is wrong.
 * Tracks are opened once and handed from the preview to the conversation.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { DeviceKind, DeviceModel, DeviceOption } from '../stage/types.js';
import { type MediaKind, type MediaProblem, mediaProblem } from './problem';

/** What of the browser is used; tests give their own. */
export interface MediaAccess {
  readonly secure: boolean;
  readonly devices: Pick<MediaDevices, 'getUserMedia' | 'enumerateDevices' | 'addEventListener'> | undefined;
  stream(): MediaStream;
  /** This browser can choose a loudspeaker. */
  readonly speakers: boolean;
}

export function browserAccess(): MediaAccess {
  return {
    secure: window.isSecureContext,
    devices: navigator.mediaDevices as MediaDevices | undefined,
    stream: () => new MediaStream(),
    speakers: 'setSinkId' in HTMLMediaElement.prototype,
  };
}

export interface Wanted {
  mic: boolean;
  camera: boolean;
}

type Chosen = Readonly<Record<DeviceKind, string>>;

const deviceKinds: Record<MediaDeviceKind, DeviceKind> = {
  audioinput: 'microphone',
  videoinput: 'camera',
  audiooutput: 'speaker',
};

export class LocalMedia {
  readonly mic: Signal<MediaStreamTrack | null> = signal(null);
  readonly camera: Signal<MediaStreamTrack | null> = signal(null);
  /** The camera looks away from the person, as the back camera of a phone does. */
  readonly rear = computed(() => this.camera.value?.getSettings().facingMode === 'environment');
  readonly problems: Signal<Readonly<Partial<Record<MediaKind, MediaProblem>>>> = signal({});
  /** A request is under way; the browser may be asking the person. */
  readonly opening = signal(false);
  /** Always the same object; its tracks change. */
  readonly stream: MediaStream;
  readonly lists: Signal<Readonly<Record<DeviceKind, readonly DeviceOption[]>>> = signal({
    microphone: [],
    camera: [],
    speaker: [],
  });
  readonly chosen: Signal<Chosen>;
  /** Capture a small picture. */
  lowBandwidth = false;
  private readonly listeners = new Set<(kind: MediaKind, track: MediaStreamTrack | null) => void>();
  /** Grows when everything is closed: what a slower request brings after that is stopped. */
  private epoch = 0;
  /** The microphone was muted when it was unplugged: the next one is too. */
  private lostMuted = false;
  /** Requests one after another: the second finds what the first has opened. */
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly access: MediaAccess,
    remembered: Partial<Chosen> = {},
    private readonly label: (kind: DeviceKind, n: number) => string = (kind, n) => `${kind} ${n}`,
  ) {
    this.stream = access.stream();
    this.chosen = signal({ microphone: '', camera: '', speaker: '', ...remembered });
    access.devices?.addEventListener('devicechange', () => void this.devicesChanged());
  }

  /** Called with every new or vanished track, so that a conversation can send it. */
  onTrack(listener: (kind: MediaKind, track: MediaStreamTrack | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Opens what is wanted and not open yet, with one question to the person if possible. Never rejects. */
  open(wanted: Wanted): Promise<void> {
    const { epoch } = this;
    this.queue = this.queue.then(() => (epoch === this.epoch ? this.openNow(wanted) : undefined));
    return this.queue;
  }

  private async openNow(wanted: Wanted): Promise<void> {
    const mic = wanted.mic && !this.mic.value;
    const camera = wanted.camera && !this.camera.value;
    if (!mic && !camera) return;
    const epoch = this.epoch;
    this.opening.value = true;
    try {
      await this.request({ mic, camera }, epoch);
    } finally {
      if (epoch === this.epoch) this.opening.value = false;
    }
    await this.refresh();
  }

  private async request({ mic, camera }: Wanted, epoch: number): Promise<void> {
    try {
      this.take(await this.capture(mic, camera), epoch);
      this.settle({ ...(mic ? { mic: undefined } : {}), ...(camera ? { camera: undefined } : {}) });
    } catch (error) {
      const problem = mediaProblem(error, this.access.secure && !!this.access.devices);
      if (mic && camera && problem !== 'insecure') {
        // One of the two is missing, refused or in use: the other may still work.
        await this.request({ mic: true, camera: false }, epoch);
        await this.request({ mic: false, camera: true }, epoch);
        return;
      }
      this.settle({ ...(mic ? { mic: problem } : {}), ...(camera ? { camera: problem } : {}) });
    }
  }

  /** `exactly`: this device and no other; else another one, if the remembered one is not there. */
  private capture(mic: boolean, camera: boolean, exactly = false): Promise<MediaStream> {
    const { devices } = this.access;
    if (!devices) return Promise.reject(new DOMException('no mediaDevices', 'SecurityError'));
    const how = exactly ? 'exact' : 'ideal';
    return devices.getUserMedia({
      audio: mic ? this.micConstraints(how) : false,
      video: camera ? this.cameraConstraints(how) : false,
    });
  }

  private micConstraints(how: 'exact' | 'ideal'): MediaTrackConstraints {
    const id = this.chosen.value.microphone;
    return {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(id ? { deviceId: { [how]: id } } : {}),
    };
  }

  private cameraConstraints(how: 'exact' | 'ideal'): MediaTrackConstraints {
    const id = this.chosen.value.camera;
    const [width, height, frameRate] = this.lowBandwidth ? [320, 180, 15] : [1280, 720, 30];
    return {
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: frameRate, max: 30 },
      ...(id ? { deviceId: { [how]: id } } : { facingMode: 'user' }),
    };
  }

  private take(captured: MediaStream, epoch: number): void {
    for (const track of captured.getTracks()) {
      if (epoch !== this.epoch) track.stop();
      else this.set(track.kind === 'audio' ? 'mic' : 'camera', track);
    }
  }

  private set(kind: MediaKind, track: MediaStreamTrack | null): void {
    const holder = kind === 'mic' ? this.mic : this.camera;
    const old = holder.value;
    if (old === track) return;
    if (old) {
      this.stream.removeTrack(old);
      old.stop();
    }
    if (track) {
      if (kind === 'camera') track.contentHint = 'motion';
      this.stream.addTrack(track);
      if (kind === 'mic' && this.lostMuted) track.enabled = false;
      if (kind === 'mic') this.lostMuted = false;
      track.addEventListener('ended', () => {
        if (holder.value !== track) return;
        if (kind === 'mic') this.lostMuted = !track.enabled;
        this.set(kind, null);
        this.settle({ [kind]: 'lost' });
      });
    }
    holder.value = track;
    for (const listener of this.listeners) listener(kind, track);
  }

  private settle(change: Partial<Record<MediaKind, MediaProblem | undefined>>): void {
    const next: Partial<Record<MediaKind, MediaProblem>> = { ...this.problems.value };
    for (const kind of ['mic', 'camera'] as const) {
      if (!(kind in change)) continue;
      const problem = change[kind];
      if (problem) next[kind] = problem;
      else delete next[kind];
    }
    this.problems.value = next;
  }

  /** Stops one device: its light goes out. */
  close(kind: MediaKind): void {
    this.set(kind, null);
  }

  /** Stops everything, also what is still being opened. */
  closeAll(): void {
    this.epoch++;
    batch(() => {
      this.set('mic', null);
      this.set('camera', null);
      this.opening.value = false;
      this.lostMuted = false;
      this.problems.value = {};
    });
  }

  /** Switches to another device while it is in use; the old one stays if the new one cannot be opened. */
  async choose(kind: DeviceKind, id: string): Promise<void> {
    this.chosen.value = { ...this.chosen.value, [kind]: id };
    if (kind === 'speaker') return;
    const media: MediaKind = kind === 'microphone' ? 'mic' : 'camera';
    const open = (media === 'mic' ? this.mic : this.camera).value;
    if (!open && !this.problems.value[media]) return;
    const epoch = this.epoch;
    const enabled = open?.enabled ?? true;
    try {
      const captured = await this.capture(media === 'mic', media === 'camera', id !== '');
      for (const track of captured.getTracks()) track.enabled = enabled;
      this.take(captured, epoch);
      this.settle({ [media]: undefined });
    } catch (error) {
      this.settle({ [media]: mediaProblem(error, this.access.secure) });
    }
  }

  /** What was missing or unplugged is taken up when a device of its kind is there; nothing else is opened. */
  private async devicesChanged(): Promise<void> {
    const found = await this.refresh();
    const missing = (kind: MediaKind) => ['none', 'lost'].includes(this.problems.peek()[kind] ?? '');
    const has = (kind: MediaDeviceKind) => found.some((device) => device.kind === kind);
    const mic = missing('mic') && has('audioinput');
    const camera = missing('camera') && has('videoinput');
    if (mic || camera) await this.open({ mic, camera });
  }

  /** Reads the lists of devices; labels are known only after a device was opened. */
  async refresh(): Promise<readonly MediaDeviceInfo[]> {
    const { devices } = this.access;
    if (!devices) return [];
    const found = await devices.enumerateDevices().catch(() => [] as MediaDeviceInfo[]);
    const lists: Record<DeviceKind, DeviceOption[]> = { microphone: [], camera: [], speaker: [] };
    for (const device of found) {
      const kind = deviceKinds[device.kind];
      if (!device.deviceId || (kind === 'speaker' && !this.access.speakers)) continue;
      const list = lists[kind];
      list.push({ id: device.deviceId, label: device.label || this.label(kind, list.length + 1) });
    }
    this.lists.value = lists;
    return found;
  }

  /** For the in-call view. */
  model(): DeviceModel {
    const chosen: ReadonlySignal<Chosen> = computed(() => {
      const { microphone, camera, speaker } = this.chosen.value;
      const inUse = (track: MediaStreamTrack | null, id: string) => track?.getSettings().deviceId || id;
      return { microphone: inUse(this.mic.value, microphone), camera: inUse(this.camera.value, camera), speaker };
    });
    return { lists: this.lists, chosen, choose: (kind, id) => this.choose(kind, id) };
  }
}
