/** What this client sends: microphone, camera and screen, switched on and off by the person or a moderator. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { MemberState } from 'veche-client';
import type { LocalMedia } from '../devices/media';
import { type MediaKind, mediaProblem } from '../devices/problem';
import { t } from '../i18n';
import type { LocalView } from '../stage/types.js';
import type { Banners } from './banners';
import { faultText } from './fault';

/** What takes the tracks: a room or a call. */
export interface TrackSink {
  send(kind: MediaKind, track: MediaStreamTrack | null): Promise<void>;
  share(tracks: MediaStreamTrack[] | null): Promise<void>;
  tell(state: Partial<MemberState>): void | Promise<void>;
}

export type CaptureScreen = () => Promise<MediaStream>;

/** undefined where the browser cannot. */
export function screenCapture(): CaptureScreen | undefined {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (typeof devices?.getDisplayMedia !== 'function') return undefined;
  return () => devices.getDisplayMedia({ video: { frameRate: { ideal: 30, max: 30 } }, audio: true });
}

export class Local {
  readonly view: ReadonlySignal<LocalView>;
  readonly screen: Signal<MediaStream | null> = signal(null);
  private readonly micOn: Signal<boolean>;
  private readonly hand = signal(false);
  private readonly unsubscribe: () => void;
  private over = false;

  constructor(
    private readonly media: LocalMedia,
    private readonly sink: TrackSink,
    private readonly banners: Banners,
    private readonly capture: CaptureScreen | undefined = undefined,
  ) {
    this.micOn = signal(media.mic.value?.enabled ?? false);
    this.view = computed(() => {
      const { mic, camera } = media.problems.value;
      return {
        mic: media.mic.value !== null && this.micOn.value,
        camera: media.camera.value !== null,
        screen: this.screen.value !== null,
        hand: this.hand.value,
        micProblem: mic && t(`media.mic.${mic}`),
        cameraProblem: camera && t(`media.camera.${camera}`),
      };
    });
    this.unsubscribe = media.onTrack((kind, track) => {
      if (kind === 'mic' && track) this.micOn.value = track.enabled;
      void this.pass(kind, track);
    });
  }

  /** Sends what is open already, all at once. */
  async start(): Promise<void> {
    const mic = this.media.mic.peek();
    const camera = this.media.camera.peek();
    this.micOn.value = mic?.enabled ?? false;
    if (!mic && !camera) return;
    await this.attempt(async () => {
      await Promise.all([mic && this.sink.send('mic', mic), camera && this.sink.send('camera', camera)]);
      await this.tell();
    });
  }

  private async pass(kind: MediaKind, track: MediaStreamTrack | null): Promise<void> {
    if (this.over) return;
    await this.attempt(async () => {
      await this.sink.send(kind, track);
      await this.tell();
    });
  }

  private async tell(): Promise<void> {
    if (this.over) return;
    const { mic, camera, screen, hand } = this.view.peek();
    await this.sink.tell({ mic, camera, screen, hand });
  }

  private async attempt(action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (this.over) return;
      this.banners.show({ id: 'action', tone: 'warn', text: faultText(error) }, { ms: 8000 });
    }
  }

  async toggleMic(): Promise<void> {
    const track = this.media.mic.peek();
    if (!track) {
      await this.media.open({ mic: true, camera: false });
      this.explain('mic');
      return;
    }
    await this.muteMic(this.micOn.peek());
  }

  private async muteMic(muted: boolean): Promise<void> {
    const track = this.media.mic.peek();
    if (track) track.enabled = !muted;
    this.micOn.value = !muted;
    await this.attempt(() => this.tell());
  }

  async toggleCamera(): Promise<void> {
    if (this.media.camera.peek()) {
      this.media.close('camera');
      return;
    }
    await this.media.open({ mic: false, camera: true });
    this.explain('camera');
  }

  private explain(kind: MediaKind): void {
    const problem = this.media.problems.peek()[kind];
    if (problem) this.banners.show({ id: kind, tone: 'warn', text: t(`media.${kind}.${problem}`) }, { ms: 10_000 });
    else this.banners.hide(kind);
  }

  async toggleScreen(): Promise<void> {
    if (this.screen.peek()) {
      await this.endScreen();
      return;
    }
    if (!this.capture) {
      this.banners.show({ id: 'screen', tone: 'warn', text: t('media.screen.unsupported') }, { ms: 8000 });
      return;
    }
    let stream: MediaStream;
    try {
      stream = await this.capture();
    } catch (error) {
      // The person closed the browser's dialog: that is no fault.
      if (mediaProblem(error, true) === 'denied') return;
      this.banners.show({ id: 'screen', tone: 'warn', text: t('media.screen.failed') }, { ms: 8000 });
      return;
    }
    await this.beginScreen(stream);
  }

  private async beginScreen(stream: MediaStream): Promise<void> {
    if (this.over) {
      stop(stream);
      return;
    }
    const [video] = stream.getVideoTracks();
    if (video) {
      video.contentHint = 'detail';
      video.addEventListener('ended', () => {
        if (this.screen.peek() === stream) void this.endScreen();
      });
    }
    this.screen.value = stream;
    await this.attempt(async () => {
      await this.sink.share(stream.getTracks());
      await this.tell();
    });
  }

  private async endScreen(): Promise<void> {
    const stream = this.screen.peek();
    if (!stream) return;
    this.screen.value = null;
    stop(stream);
    await this.attempt(async () => {
      await this.sink.share(null);
      await this.tell();
    });
  }

  async toggleHand(): Promise<void> {
    this.hand.value = !this.hand.peek();
    await this.attempt(() => this.tell());
  }

  /** A moderator's wish is carried out at once. */
  async silence(what: 'mic' | 'camera' | 'screen'): Promise<void> {
    if (what === 'mic') await this.muteMic(true);
    else if (what === 'camera') this.media.close('camera');
    else await this.endScreen();
  }

  /** Nothing is sent any more; all devices are free. */
  dispose(): void {
    this.over = true;
    this.unsubscribe();
    const screen = this.screen.peek();
    if (screen) stop(screen);
    this.screen.value = null;
    this.media.closeAll();
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
