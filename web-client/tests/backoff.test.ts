import { expect, test } from 'vitest';
import { DELAYS, GIVE_UP_AFTER, retryDelay } from '../src/signaling/backoff.ts';

test.each([
  [1, 0, 0],
  [2, 0, 250],
  [3, 250, 500],
  [4, 1000, 1000],
  [5, 2000, 2000],
  [6, 4000, 3000],
  [7, 8000, 3000],
  [400, GIVE_UP_AFTER - 1, 3000],
])('attempt %i after %i ms waits %i ms at most', (attempt, elapsed, longest) => {
  expect(retryDelay(attempt, elapsed, 1)).toEqual({ retry: true, delay: longest });
  expect(retryDelay(attempt, elapsed, 0)).toEqual({ retry: true, delay: Math.round(longest * 0.75) });
});

test('a page that nobody looks after stops knocking', () => {
  expect(retryDelay(5, GIVE_UP_AFTER, 0)).toEqual({ retry: false });
});

test('delays only grow', () => {
  expect([...DELAYS].sort((a, b) => a - b)).toEqual([...DELAYS]);
});
