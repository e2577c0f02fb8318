/**
 * What a screen reader is told of the room's changes, as a comparison of two moments: pure, so that it
 * can be tested that each is said once.
 */
import type { RoomView, Seat, UnixMillis } from '../wire/index.ts';
import { remaining, turnMood, type TurnMood } from './clock.ts';
import { currentPhase, nameAt, phaseIndex } from './derive.ts';

/** What of a moment is worth hearing. */
export interface Moment {
  stage: string;
  phase: string;
  phaseWarnings: number;
  turn: number | null;
  holder: string;
  mine: boolean;
  mood: TurnMood;
  /** Whole seconds of the grace left, in one's own turn; null otherwise. */
  grace: number | null;
  turnLeft: number;
  vote: string | null;
  results: number;
  advance: boolean;
}

/** A sentence to say; urgent ones interrupt. */
export interface Saying {
  urgent: boolean;
  id: string;
  args?: Record<string, string | number>;
}

export function moment(room: RoomView, seat: Seat, now: UnixMillis): Moment {
  const phase = currentPhase(room);
  const { turn } = room.floor;
  const mine = turn?.seat === seat;
  const left = turn?.clock ? remaining(turn.clock, now) : 0;
  const mood = turn?.clock ? turnMood(turn, left) : 'calm';
  const phaseLeft = remaining(room.phase.clock, now);
  const { open, results } = room.votes;
  return {
    stage: room.phase.stage.stage === 'running' ? String(phaseIndex(room)) : room.phase.stage.stage,
    phase: phase?.title ?? '',
    phaseWarnings: phase ? phase.warnings.filter((warning) => phaseLeft <= warning).length : 0,
    turn: turn?.turn_id ?? null,
    holder: nameAt(room, turn?.seat),
    mine,
    mood,
    grace: mine && turn && mood === 'grace' ? Math.ceil((turn.grace + left) / 1000) : null,
    turnLeft: Math.max(0, Math.ceil(left / 1000)),
    vote: open ? `${open.phase}-${open.about}-${results.length}` : null,
    results: results.length,
    advance: room.phase.advance !== undefined,
  };
}

/** Where in the grace a voice counts along: at its start, and near the cut. */
const COUNTED = [5, 3, 2, 1];

export function sayings(before: Moment | null, after: Moment): Saying[] {
  if (!before) return [];
  const said: Saying[] = [];
  if (after.stage !== before.stage) {
    if (after.phase) said.push({ urgent: false, id: 'say-phase', args: { phase: after.phase } });
  } else if (after.phaseWarnings > before.phaseWarnings && after.phase) {
    said.push({ urgent: false, id: 'say-phase-warning', args: { phase: after.phase } });
  }
  if (after.vote !== null && after.vote !== before.vote) said.push({ urgent: true, id: 'say-vote' });
  if (after.results > before.results) said.push({ urgent: false, id: 'say-result' });
  if (after.turn !== before.turn) {
    if (after.mine) said.push({ urgent: true, id: 'say-mine' });
    else if (after.turn !== null) {
      said.push({ urgent: false, id: 'floor-theirs', args: { name: after.holder } });
    } else if (before.mine) said.push({ urgent: true, id: 'say-cut' });
  } else if (after.mine && after.mood !== before.mood) {
    if (after.mood === 'warning')
      said.push({ urgent: true, id: 'say-warning', args: { seconds: after.turnLeft } });
    if (after.mood === 'grace')
      said.push({ urgent: true, id: 'say-grace', args: { seconds: after.grace ?? 0 } });
    if (after.mood === 'over') said.push({ urgent: true, id: 'say-over' });
  } else if (after.grace !== null && after.grace !== before.grace && COUNTED.includes(after.grace)) {
    said.push({ urgent: true, id: 'say-count', args: { seconds: after.grace } });
  }
  if (after.advance && !before.advance) said.push({ urgent: false, id: 'say-advance' });
  return said;
}
