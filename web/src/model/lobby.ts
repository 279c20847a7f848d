/** Who is online in a lobby, who rings whom, and the call that comes of it. */
import { batch, type Signal, signal } from '@preact/signals';
import type { Call, Participant, Room } from 'veche-client';
import type { LocalMedia } from '../devices/media';
import type { TextKey } from '../i18n';
import { CallStage } from './callstage';
import { codeOf } from './fault';
import type { CaptureScreen } from './local';
import type { Saving } from './settings';

/** What became of a call, in words. */
export interface Outcome {
  readonly key: TextKey;
  readonly name: string;
  /** Who may be called again. */
  readonly again?: string | undefined;
  readonly tone: 'info' | 'ok' | 'warn';
}

/** The words for an ended call, from where this person stands. */
export function outcomeOf(call: Pick<Call, 'incoming' | 'peer' | 'reason'>, iDeclined: boolean): Outcome {
  const { incoming, reason = 'hangup', peer } = call;
  const again = { name: peer.name, again: peer.id };
  if (reason === 'declined' && iDeclined) return { key: 'call.ended.declined.you', name: peer.name, tone: 'info' };
  if (incoming && (reason === 'busy' || reason === 'timeout' || reason === 'cancelled')) {
    return { key: `call.ended.${reason}.missed`, ...again, tone: 'warn' };
  }
  if (reason === 'hangup' || reason === 'cancelled')
    return { key: `call.ended.${reason}`, name: peer.name, tone: 'info' };
  if (reason === 'unavailable') return { key: 'call.ended.unavailable', name: peer.name, tone: 'warn' };
  return { key: `call.ended.${reason}`, ...again, tone: 'warn' };
}

export class Lobby {
  readonly online: Signal<readonly Participant[]> = signal([]);
  readonly connection: Signal<Room['connection']>;
  /** Somebody rings here. */
  readonly incoming: Signal<Call | null> = signal(null);
  /** We ring somebody. */
  readonly outgoing: Signal<Call | null> = signal(null);
  /** The accepted call. */
  readonly stage: Signal<CallStage | null> = signal(null);
  /** Accept was pressed and the devices are being opened. */
  readonly accepting = signal(false);
  readonly ended: Signal<string | null> = signal(null);
  private readonly followed = new Set<string>();
  private readonly cleanups: (() => void)[] = [];
  private declined: string | null = null;

  constructor(
    private readonly room: Room,
    private readonly media: LocalMedia,
    private readonly capture: CaptureScreen | undefined,
    private readonly onOutcome: (outcome: Outcome) => void,
    private readonly saving: Saving,
  ) {
    this.connection = signal(room.connection);
    const refresh = () => {
      this.online.value = [...room.participants.values()].filter((one) => one.agent === 'web');
    };
    refresh();
    this.cleanups.push(
      room.on('joined', refresh),
      room.on('left', refresh),
      room.on('updated', refresh),
      room.on('connection', ({ state }) => {
        this.connection.value = state;
      }),
      room.on('call', (call) => this.follow(call)),
      room.on('closed', ({ code }) => this.finish(code)),
    );
    for (const call of room.calls.values()) this.follow(call);
  }

  get me(): Participant {
    return this.room.me;
  }

  /** Hide my IP: from the next call on. */
  hideAddress(hide: boolean): void {
    this.room.relayOnly = hide;
  }

  /** Rings a member. No device is opened before they accept. */
  async ring(member: string, video: boolean): Promise<void> {
    const incoming = this.incoming.peek();
    if (incoming?.peer.id === member) return this.accept(); // their ring came as we pressed: both want to talk
    if (this.outgoing.peek() || incoming || this.stage.peek()) return;
    try {
      this.follow(await this.room.ring(member, { video }));
    } catch (error) {
      const name = this.room.participants.get(member)?.name ?? '';
      const gone = codeOf(error) === 'no-member' || !this.room.participants.has(member);
      this.onOutcome({ key: gone ? 'call.ended.unavailable' : 'call.ended.failed', name, tone: 'warn' });
    }
  }

  async accept(): Promise<void> {
    const call = this.incoming.peek();
    if (!call || this.accepting.peek()) return;
    this.accepting.value = true;
    try {
      await this.media.open({ mic: true, camera: call.video });
      if (call.state !== 'ringing') return;
      await call.accept(this.media.stream.getTracks());
      this.begin(call);
    } catch {
      // It ended meanwhile, which its state tells.
    } finally {
      this.accepting.value = false;
      if (!this.stage.peek()) this.media.closeAll();
    }
  }

  async decline(): Promise<void> {
    const call = this.incoming.peek();
    if (!call) return;
    this.declined = call.id;
    this.incoming.value = null;
    await call.decline().catch(() => undefined);
  }

  async cancel(): Promise<void> {
    const call = this.outgoing.peek();
    this.outgoing.value = null;
    await call?.cancel().catch(() => undefined);
  }

  async leave(): Promise<void> {
    const { room } = this;
    this.finish('left');
    await room.leave().catch(() => undefined);
  }

  finish(code: string): void {
    if (this.ended.peek() !== null) return;
    for (const cleanup of this.cleanups) cleanup();
    batch(() => {
      this.closeStage();
      this.incoming.value = null;
      this.outgoing.value = null;
      this.ended.value = code;
    });
  }

  private follow(call: Call): void {
    if (!this.followed.has(call.id)) {
      this.followed.add(call.id);
      this.cleanups.push(call.on('state', () => this.changed(call)));
    }
    this.changed(call);
  }

  private changed(call: Call): void {
    switch (call.state) {
      case 'ringing':
        if (this.stage.peek()?.call.id === call.id) return;
        if (call.incoming) this.incoming.value = call;
        else this.outgoing.value = call;
        return;
      case 'connecting':
      case 'active':
        // An incoming call begins in accept(); what is active without it was accepted before a reload, or by glare.
        if (!this.accepting.peek()) void this.answered(call);
        return;
      case 'ended':
        this.over(call);
    }
  }

  /** The other side said yes: now the devices may open. */
  private async answered(call: Call): Promise<void> {
    if (this.stage.peek()?.call.id === call.id) return;
    this.begin(call);
    await this.media.open({ mic: true, camera: call.video });
    // The stage has sent each track as it came; without it nobody wants them any more.
    if (!this.stage.peek()) this.media.closeAll();
  }

  private begin(call: Call): void {
    if (this.stage.peek()?.call.id === call.id || call.state === 'ended') return;
    batch(() => {
      if (this.stage.peek()) this.closeStage();
      this.incoming.value = null;
      this.outgoing.value = null;
      this.stage.value = new CallStage(this.room, call, this.media, this.capture, this.saving);
    });
  }

  private over(call: Call): void {
    batch(() => {
      if (this.incoming.peek()?.id === call.id) this.incoming.value = null;
      if (this.outgoing.peek()?.id === call.id) this.outgoing.value = null;
      if (this.stage.peek()?.call.id === call.id) this.closeStage();
    });
    this.onOutcome(outcomeOf(call, this.declined === call.id));
  }

  private closeStage(): void {
    const stage = this.stage.peek();
    if (!stage) return; // the devices may have been opened for the call that begins
    stage.dispose();
    this.stage.value = null;
    this.media.closeAll();
  }
}
