import { expect, test } from 'vitest';
import { LONG_AWAY, PACE, retryDelay as delay, SPREAD } from '../src/signaling/backoff.ts';

test('whoever speaks or conducts comes back at once, the others spread out behind', () => {
  expect(delay(1, 0, 0.9, 'first')).toBe(0);
  expect(delay(1, 0, 0)).toBe(0);
  expect(delay(1, 0, 0.5)).toBe(SPREAD / 2);
  for (const [until, pause] of PACE) {
    const away = Math.min(until - 1, 2 * LONG_AWAY);
    for (const jitter of [0, 0.3, 0.999]) {
      if (away < LONG_AWAY) expect(delay(4, away, jitter, 'first')).toBeLessThan(delay(4, away, jitter));
      expect(delay(4, away, jitter)).toBeGreaterThanOrEqual(0.75 * pause);
      expect(delay(4, away, jitter)).toBeLessThanOrEqual(1.25 * pause);
    }
  }
});

test('a server that is back at once is found at once, and one that is back within seconds within one', () => {
  for (let away = 0; away < 2_000; away += 250) expect(delay(2, away, 1)).toBeLessThanOrEqual(250);
  for (let away = 0; away < 20_000; away += 250) expect(delay(9, away, 1)).toBeLessThanOrEqual(625);
});

test('a thousand pages that knock together do not knock at once', () => {
  // As a server sees them that is back 5 s after they all lost it.
  const arrivals = Array.from({ length: 1000 }, (_, page) => {
    let random = page + 1;
    const jitter = () => (random = (random * 16_807) % 2_147_483_647) / 2_147_483_647;
    let at = 0;
    for (let attempt = 1; at < 5000; attempt++) at += Math.max(1, delay(attempt, at, jitter()));
    return at - 5000;
  });
  expect(Math.max(...arrivals)).toBeLessThan(625);
  const slots = new Map<number, number>();
  for (const at of arrivals) slots.set(Math.floor(at / 50), (slots.get(Math.floor(at / 50)) ?? 0) + 1);
  expect(slots.size).toBeGreaterThanOrEqual(10);
  expect(Math.max(...slots.values())).toBeLessThan(200);
});

test.each(['first', 'ordinary'] as const)(
  'after long a page knocks once a minute without end: %s',
  (priority) => {
    for (const days of [0, 1, 7]) {
      const away = LONG_AWAY + days * 86_400_000;
      expect(delay(700, away, 0, priority)).toBe(45_000);
      expect(delay(700, away, 0.5, priority)).toBe(60_000);
      expect(delay(700, away, 1, priority)).toBe(75_000);
    }
  },
);
