/** When to try again after a loss: the policy of the signaling connection. */

/**
 * Who comes back first: whoever speaks or conducts holds up everybody else.
 */
export type Priority = 'first' | 'ordinary';

/**
 * A page that has been away for so long, in milliseconds, knocks only now and then: nobody may be sitting before
 * it. Lower lets people wait for a server that is back; higher lets forgotten tabs knock often for longer.
 */
export const LONG_AWAY = 30 * 60_000;

/**
 * How often a page knocks, in milliseconds, by how long it has been away: `[away less than, pause]`. A
 * supervisor has a server back in a fraction of a second, and what a page's pause adds to that nobody hears
 * anybody; raising the later pauses spares a server that stays down under many pages. It knocks without end, so that
 * nobody has to click: a server that is back sends away whoever has no room any more.
 */
export const PACE: readonly [number, number][] = [
  [2_000, 200],
  [20_000, 500],
  [60_000, 1000],
  [LONG_AWAY, 3000],
  [Infinity, 60_000],
];

/**
 * Ordinary pages leave for their first attempt within this, in milliseconds: a server that drops
 * everybody at once meets them spread, and those who come first find it free. A single page that was
 * cut off alone pays half of it on average.
 */
export const SPREAD = 200;

/**
 * The delay before the `attempt`th attempt (from 1), `elapsed` milliseconds after the loss. `jitter` in
 * [0, 1) spreads pages that lost the server together; nobody waits any more for one that was away for long.
 */
export function retryDelay(
  attempt: number,
  elapsed: number,
  jitter: number,
  priority: Priority = 'ordinary',
): number {
  const first = priority === 'first' && elapsed < LONG_AWAY;
  if (attempt <= 1) return first ? 0 : Math.round(SPREAD * jitter);
  const [, pause] = PACE.find(([until]) => elapsed < until) ?? [0, 60_000];
  return Math.round(pause * (first ? 0.5 : 0.75 + 0.5 * jitter));
}
