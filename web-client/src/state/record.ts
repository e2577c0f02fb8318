/** The record: what was written, who may write now, whose it is. */
import type { Entry, EntryDraft, EntryKind, RoomView, Seat } from '../wire/index.ts';
import { clientOf, currentPhase, personAt, phaseIndex } from './derive.ts';

/** The kinds in the order a session makes them. */
export const KINDS: EntryKind[] = ['subject', 'suggestion', 'action', 'learning', 'rating', 'note'];

/** What this person may write now. */
export function mayWrite(room: RoomView, seat: Seat): Set<EntryKind> {
  const index = phaseIndex(room);
  if (index === undefined) return new Set();
  const kinds = new Set(room.phases[index]?.writes);
  if (personAt(room, seat)?.role === 'client') {
    // The plan is the client's to the end, once its phase has come.
    if (room.phases.slice(0, index).some((phase) => phase.writes.includes('action'))) kinds.add('action');
  }
  if (room.state.in_writing && personAt(room, seat)?.role !== 'observer') {
    kinds.add('suggestion').add('note');
  }
  return kinds;
}

/** A kind, what there is of it, and whether this person may add to it. */
export interface Section {
  kind: EntryKind;
  entries: Entry[];
  writable: boolean;
  /** The phase that is on is for it. */
  asked: boolean;
}

/** What the panel shows: what the phase is for, then what else is there or may be written, in order. */
export function sections(room: RoomView, seat: Seat): Section[] {
  const writable = mayWrite(room, seat);
  const asked = currentPhase(room)?.writes ?? [];
  return KINDS.map((kind) => ({
    kind,
    entries: room.entries.filter(({ entry }) => entry.kind === kind),
    writable: writable.has(kind),
    asked: asked.includes(kind),
  }))
    .filter(({ entries, writable }) => entries.length > 0 || writable)
    .sort((a, b) => Number(b.asked) - Number(a.asked));
}

/** Whether the phase gives this person something to write. */
export const hasToWrite = (room: RoomView, seat: Seat): boolean =>
  (currentPhase(room)?.writes.length ?? 0) > 0 && mayWrite(room, seat).size > 0;

export interface EntryChoices {
  change: boolean;
  remove: boolean;
  /** The client keeps it, or does not. */
  keep: boolean;
}

/** What this person may do with an entry. */
export function entryChoices(room: RoomView, seat: Seat, entry: Entry): EntryChoices {
  if (room.phase.stage.stage !== 'running') return { change: false, remove: false, keep: false };
  const own = entry.seat === seat;
  const { kind } = entry.entry;
  const client = personAt(room, seat)?.role === 'client';
  const theirs = client && kind !== 'learning' && kind !== 'rating';
  const chair = room.state.chair === seat && (kind === 'suggestion' || kind === 'note');
  return {
    change: own || theirs,
    remove: own || theirs || chair,
    keep: client && kind === 'suggestion',
  };
}

/** Whose the record is: the client's; where there is none, whoever holds the chair. */
export const recordOwner = (room: RoomView): Seat | undefined => clientOf(room)?.seat ?? room.state.chair;

/** Whether this person decides now what becomes of the record: in the last phase, and after the end. */
export function decidesRecord(room: RoomView, seat: Seat): boolean {
  const last = room.phases.length - 1;
  const over = room.phase.stage.stage === 'ended' || phaseIndex(room) === last;
  if (!over) return false;
  return recordOwner(room) === seat;
}

/** Whether there is anything in it. */
export const isRecordEmpty = (room: RoomView): boolean =>
  room.entries.length === 0 && room.phase.contract === undefined;

/** The stars of every rating. */
export const ratings = (room: RoomView): number[] =>
  room.entries.flatMap(({ entry }) => (entry.kind === 'rating' ? [entry.stars] : []));

/** A draft without blanks around its texts; `null` while something that must be there is not. */
export function ready(draft: EntryDraft): EntryDraft | null {
  switch (draft.kind) {
    case 'action': {
      const what = draft.what.trim();
      if (!what) return null;
      return { kind: 'action', what, when: draft.when.trim(), first_step: draft.first_step.trim() };
    }
    case 'rating':
      if (!(draft.stars >= 1 && draft.stars <= 5)) return null;
      return { ...draft, comment: draft.comment.trim() };
    default: {
      const text = draft.text.trim();
      return text ? { ...draft, text } : null;
    }
  }
}
