/** What is left until a moment, or on a clock, drawn again with the page's heartbeat. */
import { formatClock, remaining, wholeSeconds } from '../state/clock.ts';
import type { Session } from '../state/session.ts';
import type { Clock } from '../wire/index.ts';
import { beat } from './clockwork.ts';

interface Props {
  session: Session;
  /** Until a moment, or on a clock. */
  until?: number;
  clock?: Clock;
  testid?: string;
  label?: string;
}

export function Countdown({ session, until, clock, testid, label }: Props) {
  void beat.value;
  const now = session.serverNow();
  const left = Math.max(0, clock ? remaining(clock, now) : (until ?? now) - now);
  return (
    <span
      class="digits"
      role="timer"
      data-testid={testid}
      data-seconds={wholeSeconds(left)}
      aria-label={label}
    >
      {formatClock(left)}
    </span>
  );
}
