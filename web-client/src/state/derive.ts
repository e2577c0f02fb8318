/** What follows from the room for one person: pure questions with plain answers. */
import type { TurnView, MediaRights, PersonView, PhaseInfo, RoomView, Seat } from '../wire/index.ts';

const NOTHING: MediaRights = { audio: false, video: false, screen: false };

export const personAt = (room: RoomView, seat: Seat | undefined): PersonView | undefined =>
  room.people.find((person) => person.seat === seat);

/** What a seat may send now. */
export const rightsOf = (room: RoomView, seat: Seat): MediaRights =>
  room.floor.rights.find(([of]) => of === seat)?.[1] ?? NOTHING;

/** The phase that is on, if one is. */
export function currentPhase(room: RoomView): PhaseInfo | undefined {
  return room.phase.stage.stage === 'running' ? room.phases[room.phase.stage.index] : undefined;
}

/** The phase after the one that is on (the first one, in the lobby). */
export function nextPhase(room: RoomView): PhaseInfo | undefined {
  switch (room.phase.stage.stage) {
    case 'lobby':
      return room.phases[0];
    case 'running':
      return room.phases[room.phase.stage.index + 1];
    case 'ended':
      return undefined;
  }
}

/** Who is in the middle of the circle: the speaker, and whom they speak with. */
export function onStage(room: RoomView): Seat[] {
  const { turn } = room.floor;
  if (!turn) return [];
  return turn.partner === undefined || turn.partner === turn.seat ? [turn.seat] : [turn.seat, turn.partner];
}

/** What the floor says, in one word that the page has a sentence for. */
export type FloorWord = 'lobby' | 'ended' | 'mine' | 'theirs' | 'open' | 'silence' | 'round_waiting' | 'free';

export function floorWord(room: RoomView, seat: Seat): FloorWord {
  if (room.phase.stage.stage === 'lobby') return 'lobby';
  if (room.phase.stage.stage === 'ended') return 'ended';
  if (room.floor.turn) return room.floor.turn.seat === seat ? 'mine' : 'theirs';
  if (room.floor.policy === 'open') return 'open';
  if (room.floor.policy === 'silence') return 'silence';
  return room.floor.upcoming.length > 0 ? 'round_waiting' : 'free';
}

/** What a person can do about the floor. */
export interface FloorChoices {
  /** Raise, lower, or neither. */
  hand: 'raise' | 'lower' | 'off';
  release: boolean;
  pass: boolean;
  /** The seat the word would be given to. */
  yieldTo: Seat | null;
  /** The hand's place in the one order, from 1. */
  place: number | null;
}

export function floorChoices(room: RoomView, seat: Seat): FloorChoices {
  const { floor, phase } = room;
  const turn = phase.stage.stage === 'running' ? floor.turn : undefined;
  const mine = turn?.seat === seat;
  const at = floor.hands.findIndex((hand) => hand.seat === seat);
  const hand = at >= 0 ? 'lower' : floor.takes_requests && !mine ? 'raise' : 'off';
  return {
    hand,
    release: mine,
    pass: mine && floor.policy === 'round_robin',
    yieldTo: floor.policy === 'pair' ? yieldTo(room, turn, seat) : null,
    place: at >= 0 ? at + 1 : null,
  };
}

function yieldTo(room: RoomView, turn: TurnView | undefined, seat: Seat): Seat | null {
  if (!turn || turn.partner === undefined) return null;
  if (turn.seat === seat) return turn.partner;
  return turn.partner === seat && rightsOf(room, seat).audio ? turn.seat : null;
}

/** Whether somebody can be given the floor: they are here and send sound in some phase. */
export const canBeGiven = (person: PersonView): boolean =>
  person.presence.presence === 'here' && person.role !== 'observer' && person.role !== 'scribe';

/** Initials for a tile without a picture: two letters at most. */
export function initials(name: string): string {
  const words = name.split(/[\s\-’']+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toLocaleUpperCase();
}
