import { describe, expect, test } from 'vitest';
import {
  betterOffset,
  formatClock,
  OFFSET_LIFE,
  remaining,
  turnMood,
  wholeSeconds,
} from '../src/state/clock.ts';

test.each([
  [0, '0:00', 0],
  [1, '0:01', 1],
  [1000, '0:01', 1],
  [59_001, '1:00', 60],
  [424_000, '7:04', 424],
  [4_500_000, '1:15:00', 4500],
  [-1, '0:00', 0],
  [-999, '0:00', 0],
  [-1000, '+0:01', -1],
  [-72_500, '+1:12', -72],
])('%i ms read %s', (left, text, seconds) => {
  expect(formatClock(left)).toBe(text);
  expect(wholeSeconds(left)).toBe(seconds);
  expect(Object.is(wholeSeconds(left), -0)).toBe(false);
});

test('a running clock is read against its deadline, a paused one is what it is', () => {
  expect(remaining({ clock: 'running', deadline: 5000 }, 2000)).toBe(3000);
  expect(remaining({ clock: 'running', deadline: 5000 }, 7000)).toBe(-2000);
  expect(remaining({ clock: 'paused', remaining: 700 }, 99_999)).toBe(700);
});

test('a turn warns, then asks to conclude, then is over', () => {
  const turn = {
    turn_id: 1,
    seat: 0,
    part: 'speak' as const,
    warning: 15_000,
    grace: 10_000,
    clock: { clock: 'running' as const, deadline: 0 },
  };
  expect([15_001, 15_000, 1, 0, -9999, -10_000].map((left) => turnMood(turn, left))).toEqual([
    'calm',
    'warning',
    'warning',
    'grace',
    'grace',
    'over',
  ]);
  expect(turnMood({ ...turn, clock: { clock: 'paused', remaining: 3 } }, 3)).toBe('paused');
});

describe('the server’s clock', () => {
  test('is in the middle of the round trip', () => {
    expect(betterOffset(null, 1000, 5100, 1200)).toEqual({ offset: 4000, roundTrip: 200, at: 1200 });
  });

  test('a quicker reading is better, a slower one is not, unless the first is old', () => {
    const first = betterOffset(null, 1000, 5020, 1040);
    expect(betterOffset(first, 3000, 7050, 3100)).toBe(first);
    expect(betterOffset(first, 3000, 7010, 3020).roundTrip).toBe(20);
    expect(betterOffset(first, 1040 + OFFSET_LIFE, 40_000, 1141 + OFFSET_LIFE).roundTrip).toBe(101);
  });

  test('a clock that jumped is followed at once', () => {
    const first = betterOffset(null, 1000, 5020, 1040);
    expect(betterOffset(first, 3000, 99_000, 3100).offset).toBe(95_950);
  });
});
