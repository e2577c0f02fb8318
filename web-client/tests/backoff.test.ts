import { expect, test } from 'vitest';
import { GIVE_UP_AFTER, PACE, retryDelay, SPREAD } from '../src/signaling/backoff.ts';

const delay = (...given: Parameters<typeof retryDelay>) => {
  const retry = retryDelay(...given);
  if (!retry.retry) throw new Error('it gave up');
  return retry.delay;
};

test('whoever speaks or conducts comes back at once, the others spread out behind', () => {
  expect(delay(1, 0, 0.9, 'first')).toBe(0);
  expect(delay(1, 0, 0)).toBe(0);
  expect(delay(1, 0, 0.5)).toBe(SPREAD / 2);
  for (const [until, pause] of PACE) {
    const away = Math.min(until, GIVE_UP_AFTER) - 1;
    for (const jitter of [0, 0.3, 0.999]) {
      expect(delay(4, away, jitter, 'first')).toBeLessThan(delay(4, away, jitter));
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

test('after long enough the person is asked', () => {
  expect(retryDelay(50, GIVE_UP_AFTER, 0)).toEqual({ retry: false });
});
