/** Who is here: the records behind the participants, ours among them. */
import { newRecord, Participant, type ParticipantRecord } from './participant.js';
import type { Roster as RosterView, WireMemberView } from './path.js';
import type { WireMember } from './protocol.js';
import type { LeaveReason } from './types.js';

export interface RosterEvents {
  joined(participant: Participant): void;
  left(participant: Participant, reason: LeaveReason): void;
  updated(participant: Participant): void;
}

/** After a restart of the server everybody comes back within this time, or has left (ms). */
const grace = 8_000;

export class Roster implements RosterView {
  readonly participants = new Map<string, Participant>();
  readonly records = new Map<string, ParticipantRecord>();
  /** Our own record; its member is set by the first welcome. */
  readonly own: ParticipantRecord;
  readonly self: Participant;
  private missing = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    me: WireMember,
    private readonly events: RosterEvents,
  ) {
    this.own = newRecord(me);
    this.self = new Participant(this.own, true);
  }

  get me(): string {
    return this.own.member.id;
  }

  get speaks(): boolean {
    return this.own.member.role !== 'viewer';
  }

  get(id: string): WireMemberView | undefined {
    return this.records.get(id)?.member;
  }

  *others(): Iterable<WireMember> {
    for (const r of this.records.values()) yield r.member;
  }

  nameOf(id: string): string {
    return id === this.me ? this.own.member.name : (this.records.get(id)?.member.name ?? '');
  }

  /** A member is here, newly or again. */
  add(member: WireMember): void {
    const record = this.records.get(member.id);
    if (record) {
      this.missing.delete(member.id);
      this.change(record, member);
      return;
    }
    const made = newRecord(member);
    const participant = new Participant(made, false);
    this.records.set(member.id, made);
    this.participants.set(member.id, participant);
    this.events.joined(participant);
  }

  update(member: WireMember): void {
    const record = member.id === this.me ? this.own : this.records.get(member.id);
    if (record) this.change(record, member);
  }

  /** Removes; the participant's last state stays readable. */
  remove(id: string, reason: LeaveReason): void {
    const participant = this.participants.get(id);
    this.missing.delete(id);
    this.records.delete(id);
    this.participants.delete(id);
    if (participant) this.events.left(participant, reason);
  }

  /**
   * The state of the world after the server lost ours. Who is not there may be on the way back and is kept
   * for a while, so that media between two browsers goes on.
   */
  reset(me: WireMember, members: readonly WireMember[], patient: boolean): void {
    this.change(this.own, me);
    const here = new Set(members.map((m) => m.id));
    for (const id of [...this.records.keys()]) {
      if (here.has(id)) continue;
      if (!patient) {
        this.remove(id, 'gone');
        continue;
      }
      this.missing.add(id);
      const record = this.records.get(id);
      if (record) this.change(record, { ...record.member, connected: false });
    }
    for (const m of members) this.add(m);
    clearTimeout(this.timer);
    if (this.missing.size > 0) {
      this.timer = setTimeout(() => {
        for (const id of [...this.missing]) this.remove(id, 'gone');
      }, grace);
    }
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private change(record: ParticipantRecord, member: WireMember): void {
    if (JSON.stringify(record.member) === JSON.stringify(member)) return;
    record.member = member;
    const participant = record === this.own ? this.self : this.participants.get(member.id);
    if (participant) this.events.updated(participant);
  }
}
