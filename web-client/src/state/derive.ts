/** What follows from the room for one person: pure questions with plain answers. */
import type {
  GroupView,
  MediaRights,
  PersonView,
  PhaseInfo,
  Role,
  RoomView,
  Seat,
  TurnView,
  UnixMillis,
} from '../wire/index.ts';
import { remaining } from './clock.ts';

const NOTHING: MediaRights = { audio: false, video: false, screen: false };

export const personAt = (room: RoomView, seat: Seat | undefined): PersonView | undefined =>
  room.people.find((person) => person.seat === seat);

export const nameAt = (room: RoomView, seat: Seat | undefined): string => personAt(room, seat)?.name ?? '';

/** Whoever is the client, if somebody is. */
export const clientOf = (room: RoomView): PersonView | undefined =>
  room.people.find((person) => person.role === 'client');

export const isHere = (person: PersonView | undefined): boolean => person?.presence.presence === 'here';

/** Roles that send sound in some phase. */
export const speaks = (role: Role): boolean => role !== 'observer' && role !== 'scribe';

export const facilitates = (role: Role): boolean => role === 'facilitator' || role === 'co_facilitator';

/** What a seat may send now. */
export const rightsOf = (room: RoomView, seat: Seat): MediaRights =>
  room.floor.rights.find(([of]) => of === seat)?.[1] ?? NOTHING;

/**
 * Whether a seat's voice is passed on, as far as a page knows that hears no more of the room: the seat had the
 * right and its microphone was on, and no clock that takes the right by itself has run out since.
 */
export function isStillHeard(room: RoomView, seat: Seat, now: UnixMillis): boolean {
  const { turn, step_clock } = room.floor;
  const { advance } = room.phase;
  if (!rightsOf(room, seat).audio || personAt(room, seat)?.muted !== false) return false;
  if (advance && advance.at <= now) return false;
  if (step_clock && remaining(step_clock, now) <= 0) return false;
  if (!turn?.clock || !onStage(room).includes(seat)) return true;
  return remaining(turn.clock, now) + turn.grace > 0;
}

/** The index of the phase that is on, if one is. */
export const phaseIndex = (room: RoomView): number | undefined =>
  room.phase.stage.stage === 'running' ? room.phase.stage.index : undefined;

/** The phase that is on, if one is. */
export function currentPhase(room: RoomView): PhaseInfo | undefined {
  const index = phaseIndex(room);
  return index === undefined ? undefined : room.phases[index];
}

/** The phase after the one that is on (the first one, in the lobby). */
export function nextPhase(room: RoomView): PhaseInfo | undefined {
  if (room.phase.stage.stage === 'ended') return undefined;
  return room.phases[(phaseIndex(room) ?? -1) + 1];
}

/** Who is in the middle of the circle: the speaker, and whom they speak with. */
export function onStage(room: RoomView): Seat[] {
  const { turn } = room.floor;
  if (!turn) return [];
  return turn.partner === undefined || turn.partner === turn.seat ? [turn.seat] : [turn.seat, turn.partner];
}

/** Who speaks after this turn, as far as the order tells. */
export function nextSpeaker(room: RoomView): Seat | undefined {
  const { turn, upcoming, hands, policy } = room.floor;
  if (turn?.part === 'ask' && turn.partner !== undefined) return turn.partner;
  const kept = hands.find((hand) => hand.remaining !== undefined)?.seat;
  if (kept !== undefined) return kept;
  // Where the facilitator picks, the order of hands decides nothing.
  return upcoming[0] ?? (policy === 'chair_queue' ? undefined : hands[0]?.seat);
}

/** What the floor says, in one word that the page has a sentence for. */
export type FloorWord =
  | 'lobby'
  | 'ended'
  | 'mine'
  | 'theirs'
  | 'open'
  | 'circle'
  | 'breakout'
  | 'silence'
  | 'round_waiting'
  | 'free';

export function floorWord(room: RoomView, seat: Seat): FloorWord {
  const { floor, phase } = room;
  if (phase.stage.stage === 'lobby') return 'lobby';
  if (phase.stage.stage === 'ended') return 'ended';
  if (floor.turn) return floor.turn.seat === seat ? 'mine' : 'theirs';
  if (floor.groups.length > 0) return 'breakout';
  if (floor.circle_seats !== undefined) return 'circle';
  if (floor.policy === 'open') return 'open';
  if (floor.policy === 'silence') return 'silence';
  return floor.upcoming.length > 0 ? 'round_waiting' : 'free';
}

/** What a person can do about the floor. */
export interface FloorChoices {
  /** Raise, lower, or neither. */
  hand: 'raise' | 'lower' | 'off';
  release: boolean;
  pass: boolean;
  /** A place still to come in this round can be let go by as well. */
  passEarly: boolean;
  /** The seat the word would be given to. */
  yieldTo: Seat | null;
  /** Whom the asker may ask, where that is theirs to choose. */
  mayAsk: Seat[];
  /** A seat in the circle: to take, to wait for, to give back, or there is no circle. */
  circle: 'join' | 'wait' | 'leave' | 'none';
  /** The hand's place in the one order, from 1. */
  place: number | null;
}

export function floorChoices(room: RoomView, seat: Seat): FloorChoices {
  const { floor, phase } = room;
  const running = phase.stage.stage === 'running';
  const turn = running ? floor.turn : undefined;
  const mine = turn?.seat === seat;
  const at = floor.hands.findIndex((hand) => hand.seat === seat);
  const seated = floor.circle.includes(seat);
  const takes = running && floor.takes_requests;
  const hand = at >= 0 ? 'lower' : takes && !mine && !seated ? 'raise' : 'off';
  return {
    hand,
    release: mine,
    pass: mine && floor.policy === 'round_robin',
    passEarly: running && !mine && floor.policy === 'round_robin' && floor.upcoming.includes(seat),
    yieldTo: mine && floor.policy === 'pair' ? (turn.partner ?? null) : null,
    mayAsk: mine ? mayAsk(room, turn, seat) : [],
    circle: circleChoice(room, seated, hand),
    place: at >= 0 ? at + 1 : null,
  };
}

function circleChoice(room: RoomView, seated: boolean, hand: FloorChoices['hand']): FloorChoices['circle'] {
  const { circle, circle_seats } = room.floor;
  if (circle_seats === undefined || room.phase.stage.stage !== 'running') return 'none';
  if (seated) return 'leave';
  if (hand !== 'raise') return 'none';
  return circle.length < circle_seats ? 'join' : 'wait';
}

/** In a pair without a partner the asker names who answers; experts are not called on unasked. */
function mayAsk(room: RoomView, turn: TurnView, seat: Seat): Seat[] {
  if (room.floor.policy !== 'pair' || turn.part !== 'ask' || turn.partner !== undefined) return [];
  return room.people
    .filter((person) => person.seat !== seat && isHere(person) && speaks(person.role))
    .map((person) => person.seat);
}

/** Whether somebody can be given the floor: they are here and send sound in some phase. */
export const canBeGiven = (person: PersonView): boolean => isHere(person) && speaks(person.role);

/** Whether a button that gives the floor makes sense now. */
export function givesFloor(room: RoomView): boolean {
  const { policy, circle_seats } = room.floor;
  if (room.phase.stage.stage !== 'running' || policy === 'silence' || policy === 'breakout') return false;
  return policy !== 'open' || circle_seats !== undefined || room.floor.takes_requests;
}

/** The breakout group of a seat. */
export const groupOf = (room: RoomView, seat: Seat): GroupView | undefined =>
  room.floor.groups.find((group) => group.seats.includes(seat));

/**
 * Who is set aside on this screen, together with whom: in a breakout the people of the other groups, in
 * a circle those around it.
 */
export function setAside(room: RoomView, seat: Seat): Seat[][] {
  const { groups, circle, circle_seats } = room.floor;
  if (groups.length > 0) {
    const own = groupOf(room, seat);
    const others = groups.filter((group) => group !== own).map((group) => group.seats);
    // From within a group the plenary is apart as well.
    const grouped = new Set(groups.flatMap((group) => group.seats));
    const plenary = room.people.map((person) => person.seat).filter((of) => !grouped.has(of));
    return own && plenary.length > 0 ? [...others, plenary] : others;
  }
  if (circle_seats === undefined || circle.length === 0) return [];
  const around = room.people.map((person) => person.seat).filter((of) => !circle.includes(of));
  return around.length > 0 ? [around] : [];
}

/** Who takes the chair if its holder does not come back: a co-facilitator, else whoever was named. */
export function chairHeir(room: RoomView): Seat | undefined {
  const { chair, backup } = room.state;
  const co = room.people.find(
    (person) => person.role === 'co_facilitator' && person.seat !== chair && isHere(person),
  );
  if (co) return co.seat;
  return backup !== undefined && backup !== chair && isHere(personAt(room, backup)) ? backup : undefined;
}

/** Whether this person may take the chair now: back after a drop, or in somebody's place. */
export function mayTakeChair(room: RoomView, seat: Seat): boolean {
  const { chair } = room.state;
  const role = personAt(room, seat)?.role;
  if (chair === seat || room.phase.stage.stage === 'ended') return false;
  if (role === 'facilitator') return true;
  return role === 'co_facilitator' && (chair === undefined || !isHere(personAt(room, chair)));
}

/** Whether the group still has to find its client, and the facilitator may name one. */
export function needsClient(room: RoomView): boolean {
  if (room.phase.stage.stage !== 'running' || room.votes.open) return false;
  if (room.phase.blocked === 'client_not_named') return true;
  const last = room.votes.results.at(-1);
  return (
    last?.about === 'client' &&
    last.phase === phaseIndex(room) &&
    last.chosen === undefined &&
    clientOf(room) === undefined
  );
}

/** What somebody has done that the group waits for: given a ballot, or accepted the contract. */
export function given(room: RoomView, seat: Seat): 'voted' | 'accepted' | null {
  if (room.votes.open) return room.votes.open.voted.includes(seat) ? 'voted' : null;
  if (!currentPhase(room)?.takes_contract || room.phase.contract === undefined) return null;
  return room.phase.contract_accepted_by.includes(seat) ? 'accepted' : null;
}

/** Initials for a tile without a picture: two letters at most. */
export function initials(name: string): string {
  const words = name.split(/[\s\-’']+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toLocaleUpperCase();
}
