/** When to try again after a loss: the policy of the signaling connection. */

/** The delay before an attempt, or the decision to stop trying by oneself. */
export type Retry = { retry: true; delay: number } | { retry: false };

/**
 * Who comes back first: whoever speaks or conducts holds up everybody else.
 */
export type Priority = 'first' | 'ordinary';

/**
 * How often a page knocks, in milliseconds, by how long it has been away: `[away less than, pause]`. A
 * supervisor has a server back in a fraction of a second, and what a page's pause adds to that nobody hears
 * anybody; raising the later pauses spares a server that stays down under many pages.
 */
export const PACE: readonly [number, number][] = [
  [2_000, 200],
  [20_000, 500],
  [60_000, 1000],
  [Infinity, 3000],
];

/**
 * Ordinary pages leave for their first attempt within this, in milliseconds: a server that drops
 * everybody at once meets them spread, and those who come first find it free. A single page that was
 * cut off alone pays half of it on average.
 */
export const SPREAD = 200;

/** After so long without success the person is asked: a forgotten tab must not knock for ever. */
export const GIVE_UP_AFTER = 30 * 60_000;

/**
 * The delay before the `attempt`th attempt (from 1), `elapsed` milliseconds after the loss. `jitter` in
 * [0, 1) spreads pages that lost the server together.
 */
export function retryDelay(
  attempt: number,
  elapsed: number,
  jitter: number,
  priority: Priority = 'ordinary',
): Retry {
  if (elapsed >= GIVE_UP_AFTER) return { retry: false };
  const first = priority === 'first';
  if (attempt <= 1) return { retry: true, delay: first ? 0 : Math.round(SPREAD * jitter) };
  const [, pause] = PACE.find(([until]) => elapsed < until) ?? [0, 3000];
  return { retry: true, delay: Math.round(pause * (first ? 0.5 : 0.75 + 0.5 * jitter)) };
}
