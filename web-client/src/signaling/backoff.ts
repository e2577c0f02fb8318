/** When to try again after a loss: one policy, used by the signaling connection and by media repair. */

/** The delay before an attempt, or the decision to stop trying by oneself. */
export type Retry = { retry: true; delay: number } | { retry: false };

/**
 * Delays before attempts 1, 2, 3… in milliseconds; the last one repeats. The first is at once, for the
 * commonest loss is a moment's; raising the last one spares a server that restarts under many pages
 * and costs each of them that long at the end.
 */
export const DELAYS = [0, 250, 500, 1000, 2000, 3000] as const;

/** After so long without success the person is asked: a forgotten tab must not knock for ever. */
export const GIVE_UP_AFTER = 30 * 60_000;

/**
 * The delay before the `attempt`th attempt (from 1), `elapsed` milliseconds after the loss. `jitter`
 * in [0, 1) spreads pages that lost the server together over the last quarter of the delay.
 */
export function retryDelay(attempt: number, elapsed: number, jitter: number): Retry {
  if (elapsed >= GIVE_UP_AFTER) return { retry: false };
  const base = DELAYS[Math.min(Math.max(attempt, 1), DELAYS.length) - 1] ?? 0;
  return { retry: true, delay: Math.round(base * (0.75 + 0.25 * jitter)) };
}
