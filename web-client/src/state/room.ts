/** The room as this page knows it: the server's view, with each event's part put in its place. */
import type { Event, RoomEvent, RoomView, Seat } from '../wire/index.ts';

/** Lines of chat kept on the page; the server sends the last ones again after a reload. */
export const CHAT_LINES = 200;

/** A part of the wire's tagged object without its tag. */
function untagged<T extends { part: string }>(event: T): Omit<T, 'part'> {
  const { part: _, ...rest } = event;
  return rest;
}

/** The room after an event. */
export function reduce(room: RoomView, { event }: Event): RoomView {
  switch (event.part) {
    case 'person': {
      const person = untagged(event);
      const others = room.people.filter(({ seat }) => seat !== person.seat);
      return { ...room, people: [...others, person].sort((a, b) => a.seat - b.seat) };
    }
    case 'phase':
      return { ...room, phase: untagged(event) };
    case 'floor':
      return { ...room, floor: untagged(event) };
    case 'state':
      return { ...room, state: untagged(event) };
    case 'votes':
      return { ...room, votes: untagged(event) };
    case 'entry': {
      const entry = untagged(event);
      const at = room.entries.findIndex(({ id }) => id === entry.id);
      return { ...room, entries: at < 0 ? [...room.entries, entry] : room.entries.with(at, entry) };
    }
    case 'entry_removed':
      return { ...room, entries: room.entries.filter(({ id }) => id !== event.id) };
    case 'chat':
      return { ...room, chat: [...room.chat, untagged(event)].slice(-CHAT_LINES) };
    case 'cannot_hear':
    case 'out_of_contract':
      return room;
  }
}

/** The room once it is erased: its people and its phases, and nothing that anybody wrote. */
export function withoutRecord(room: RoomView): RoomView {
  const { contract: _, ...phase } = room.phase;
  return {
    ...room,
    phase: { ...phase, stage: { stage: 'ended' } },
    state: { ...room.state, record: { fate: 'erase' } },
    votes: { results: [] },
    entries: [],
    chat: [],
  };
}

/** A moment's word to everybody, which is no part of the room; « hors contrat » has its own banner. */
export type Notice = { kind: 'cannot_hear'; seat: Seat };

/** The notice an event carries, if it does. */
export function noticeOf(event: RoomEvent): Notice | null {
  return event.part === 'cannot_hear' ? { kind: event.part, seat: event.seat } : null;
}
