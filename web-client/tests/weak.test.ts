import { describe, expect, test } from 'vitest';
import {
  fairWeather,
  GIVE_UP_AFTER_BAD,
  LONGEST_WAIT,
  lostBetween,
  SETTLES,
  TRY_AFTER_CLEAR,
  WORKED_AFTER,
  weather,
  type Gust,
  type Weather,
} from '../src/media/weak.ts';

const GOOD: Gust = { outgoing: 900_000, lost: 0 };
const BAD: Gust = { outgoing: 90_000, lost: 0 };
const LOSSY: Gust = { outgoing: null, lost: 0.2 };

/** A measurement each second; gives when the mode changed. */
function follow(gusts: (second: number, mode: Weather['mode']) => Gust, seconds: number) {
  let state = fairWeather(0);
  const changes: [number, Weather['mode']][] = [];
  for (let second = 1; second <= seconds; second++) {
    const next = weather(state, gusts(second, state.mode), second * 1000);
    if (next.mode !== state.mode) changes.push([second, next.mode]);
    state = next;
  }
  return changes;
}

describe('a weak network', () => {
  test.each([
    ['too narrow', BAD],
    ['too lossy', LOSSY],
  ])('that is %s gives pictures up after a bad while, and has them back after a clear one', (_, bad) => {
    const changes = follow((second) => (second >= 20 && second < 40 ? bad : GOOD), 120);
    expect(changes).toEqual([
      [20 + GIVE_UP_AFTER_BAD / 1000, 'sound'],
      [
        bad === BAD
          ? 20 + GIVE_UP_AFTER_BAD / 1000 + 1 + TRY_AFTER_CLEAR / 1000
          : 40 + TRY_AFTER_CLEAR / 1000,
        'whole',
      ],
      ...(bad === BAD ? changes.slice(2) : []),
    ]);
  });

  test('that is bad for a moment keeps its pictures, and so does one that nobody can measure', () => {
    expect(follow((second) => (second % 3 === 0 ? BAD : GOOD), 600)).toEqual([]);
    expect(follow(() => ({ outgoing: null, lost: null }), 600)).toEqual([]);
  });

  test('is not judged while its path is new', () => {
    expect(follow((second) => (second * 1000 < SETTLES ? BAD : GOOD), 60)).toEqual([]);
  });

  test('that fails each time pictures are tried is tried less and less', () => {
    const changes = follow((_, mode) => (mode === 'whole' ? BAD : { outgoing: null, lost: 0 }), 1200);
    const back = changes.filter(([, mode]) => mode === 'whole').map(([second]) => second);
    const gaps = back.slice(1).map((second, index) => second - back[index]!);
    expect(gaps.length).toBeGreaterThan(4);
    for (let index = 1; index < gaps.length; index++)
      expect(gaps[index]!).toBeGreaterThanOrEqual(gaps[index - 1]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual((LONGEST_WAIT + SETTLES + GIVE_UP_AFTER_BAD) / 1000 + 2);
  });

  test('that carried pictures for long enough starts from a short wait again', () => {
    const tried: Weather = {
      mode: 'whole',
      since: 0,
      badSince: WORKED_AFTER + 1000,
      wait: LONGEST_WAIT,
      tried: true,
    };
    expect(weather(tried, BAD, WORKED_AFTER + 4000)).toMatchObject({ mode: 'sound', wait: TRY_AFTER_CLEAR });
  });
});

test('losses are counted between two looks, and not across a new transport', () => {
  const before = { received: 1000, lost: 10 };
  expect(lostBetween(before, { received: 1080, lost: 30 })).toBeCloseTo(0.2);
  expect(lostBetween(before, { received: 1100, lost: 8 })).toBe(0);
  expect(lostBetween(before, { received: 40, lost: 0 })).toBeNull();
  expect(lostBetween(before, { received: 1003, lost: 12 })).toBeNull();
});
