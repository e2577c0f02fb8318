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

/** Drawn in real pixels, so that the line is as thin around a large circle as around a small one. */
export function TurnRing({ session, turn, d }: { session: Session; turn: TurnView; d: number }) {
  void beat.value;
  const time = turnTime(session, turn);
  const share = !time
    ? 1
    : time.mood === 'grace'
      ? Math.max(0, 1 + time.left / Math.max(turn.grace, 1))
      : Math.max(0, Math.min(1, time.left / Math.max(turn.total ?? time.left, 1)));
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
  // In the grace what is left until the cut counts, and after it nothing does any more.
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
