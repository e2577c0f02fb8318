/** The turn: the ring that closes around the speaker, and its clock. */
import { t } from '../i18n/index.ts';
import { formatClock, remaining, turnMood, wholeSeconds, type TurnMood } from '../state/clock.ts';
import type { Session } from '../state/session.ts';
import type { TurnView } from '../wire/index.ts';
import { beat } from './clockwork.ts';

/** What is left of a turn and how it feels; `null` without a limit. */
export function turnTime(session: Session, turn: TurnView): { left: number; mood: TurnMood } | null {
  if (!turn.clock) return null;
  const left = remaining(turn.clock, session.serverNow());
  return { left, mood: turnMood(turn, left) };
}

/**
 * How long each turn is, as this page first saw it: the wire gives deadlines, and a ring needs a whole.
 * A turn met half way starts with a ring that is full for what is left.
 */
const wholes = new Map<number, number>();
const KEPT = 32;

function whole(turn: TurnView, left: number): number {
  const known = Math.max(wholes.get(turn.turn_id) ?? 0, left, 1);
  wholes.set(turn.turn_id, known);
  if (wholes.size > KEPT) wholes.delete(wholes.keys().next().value as number);
  return known;
}

/** Drawn in real pixels, so that the line is as thin around a large circle as around a small one. */
export function TurnRing({ session, turn, d }: { session: Session; turn: TurnView; d: number }) {
  void beat.value;
  const time = turnTime(session, turn);
  const share = !time
    ? 1
    : time.mood === 'grace'
      ? Math.max(0, 1 + time.left / Math.max(turn.grace, 1))
      : Math.max(0, Math.min(1, time.left / whole(turn, time.left)));
  const size = d / 2 + RING_GAP;
  return (
    <svg
      class="ring"
      data-mood={time?.mood ?? 'calm'}
      viewBox={`${-size} ${-size} ${2 * size} ${2 * size}`}
      aria-hidden="true"
    >
      <circle class="ring-track" r={size - 4} pathLength="1" />
      <circle class="ring-left" r={size - 4} pathLength="1" style={{ strokeDashoffset: 1 - share }} />
    </svg>
  );
}

/** From the edge of a circle to the far edge of its ring; `.ring` in the style sheet says the same. */
const RING_GAP = 16;

export function TurnClock({ session, turn }: { session: Session; turn: TurnView }) {
  void beat.value;
  const time = turnTime(session, turn);
  if (!time)
    return (
      <span class="turn-clock" data-mood="calm" data-testid="turn-clock">
        {t('turn-unlimited')}
      </span>
    );
  const shown = time.mood === 'grace' ? turn.grace + time.left : time.left;
  return (
    <span
      class="turn-clock"
      role="timer"
      data-testid="turn-clock"
      data-mood={time.mood}
      data-seconds={wholeSeconds(time.left)}
    >
      <span class="digits">{formatClock(shown)}</span>
      <span class="turn-word">{word(time.mood, turn)}</span>
    </span>
  );
}

function word(mood: TurnMood, turn: TurnView): string {
  if (mood === 'paused')
    return t(turn.waiting?.reason === 'speaker_away' ? 'turn-speaker-away' : 'turn-paused');
  return mood === 'calm' ? '' : t(`turn-${mood}`);
}
