/** Clocks: deadlines on the server's clock, read by the page's own. */
import type { Clock, TurnView, Millis, UnixMillis } from '../wire/index.ts';

/** A reading of the server's clock: it is worth as much as the round trip was short. */
export interface Offset {
  /** Server time minus local time, in milliseconds. */
  offset: number;
  roundTrip: number;
  /** Local time of the reading. */
  at: number;
}

/** A reading so old gives way to a worse one: clocks drift, and laptops sleep. */
export const OFFSET_LIFE = 30_000;

/** The better of the offset there was and a new reading. */
export function betterOffset(before: Offset | null, sentAt: number, server: UnixMillis, now: number): Offset {
  const roundTrip = Math.max(0, now - sentAt);
  const reading = { offset: server + roundTrip / 2 - now, roundTrip, at: now };
  if (!before || now - before.at > OFFSET_LIFE || roundTrip <= before.roundTrip) return reading;
  // A reading that cannot be explained by its round trip means that a clock jumped.
  return Math.abs(reading.offset - before.offset) > before.roundTrip + roundTrip + 50 ? reading : before;
}

/** What is left on a clock, in milliseconds; negative in overtime. */
export function remaining(clock: Clock, serverNow: UnixMillis): number {
  return clock.clock === 'running' ? clock.deadline - serverNow : clock.remaining;
}

/** Whole seconds as a clock shows them: 0.2 s left still shows 1, the deadline itself 0. */
export function wholeSeconds(left: number): number {
  const seconds = Math.ceil(left / 1000);
  return seconds === 0 ? 0 : seconds;
}

/** `7:04`, `1:15:00`, `+0:12` in overtime. */
export function formatClock(left: number): string {
  const seconds = wholeSeconds(left);
  const size = Math.abs(seconds);
  const pad = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor(size / 60) % 60;
  const text = hours > 0 ? `${hours}:${pad(minutes)}:${pad(size % 60)}` : `${minutes}:${pad(size % 60)}`;
  return seconds < 0 ? `+${text}` : text;
}

/** How a turn's clock feels. */
export type TurnMood = 'calm' | 'warning' | 'grace' | 'over' | 'paused';

/** The mood of a turn with so much left. */
export function turnMood(turn: TurnView, left: Millis): TurnMood {
  if (turn.clock?.clock === 'paused') return 'paused';
  if (left > turn.warning) return 'calm';
  if (left > 0) return 'warning';
  return -left < turn.grace ? 'grace' : 'over';
}
