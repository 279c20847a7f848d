/** One member of the room as the app sees it. */
import type { WireMember } from './protocol.js';
import type { Agent, MemberState, Quality, Role, Source, StreamKind, StreamStatus, TrackInfo } from './types.js';

/** The stream that a source belongs to. */
export const streamOf = (source: Source): StreamKind =>
  source === 'screen' || source === 'screen-audio' ? 'screen' : 'camera';
export const kindOf = (source: Source): 'audio' | 'video' =>
  source === 'camera' || source === 'screen' ? 'video' : 'audio';
/** The sources of a stream. */
export const sourcesOf = (kind: StreamKind): { audio: Source; video: Source } =>
  kind === 'camera' ? { audio: 'mic', video: 'camera' } : { audio: 'screen-audio', video: 'screen' };

interface Half {
  stream: MediaStream | null;
  status: StreamStatus;
}

/** What the SDK writes and {@link Participant} shows. */
export interface ParticipantRecord {
  member: WireMember;
  quality: Quality;
  readonly halves: Record<StreamKind, Half>;
}

export const newRecord = (member: WireMember): ParticipantRecord => ({
  member,
  quality: 0,
  halves: {
    camera: { stream: null, status: { audio: 'none', video: 'none' } },
    screen: { stream: null, status: { audio: 'none', video: 'none' } },
  },
});

/** A member of the room; the same object for its whole life, always current. */
export class Participant {
  /** @internal */
  constructor(
    private readonly record: ParticipantRecord,
    readonly isLocal: boolean,
  ) {}
  get id(): string {
    return this.record.member.id;
  }
  get name(): string {
    return this.record.member.name;
  }
  get role(): Role {
    return this.record.member.role;
  }
  get agent(): Agent {
    return this.record.member.agent;
  }
  /** False while its signalling connection is away; media may still flow. */
  get connected(): boolean {
    return this.record.member.connected;
  }
  get state(): MemberState {
    return this.record.member.state;
  }
  get tracks(): readonly TrackInfo[] {
    return this.record.member.tracks;
  }
  get quality(): Quality {
    return this.record.quality;
  }
  /** The stream object is the same for the whole life of the participant; only its tracks change. */
  stream(kind: StreamKind): MediaStream | null {
    return this.record.halves[kind].stream;
  }
  status(kind: StreamKind): StreamStatus {
    return this.record.halves[kind].status;
  }
}
