import { describe, expect, test } from 'vitest';
import {
  DEAD_AFTER,
  hiccup,
  HICCUP,
  observe,
  SAMPLE_AGAIN,
  SAMPLE_EVERY,
  suspect,
  SUSPECTED_DEAD_AFTER,
  WAKES_FOR,
  type PathState,
} from '../src/media/pathwatch.ts';

/** Looks as the page does at a counter that stands still from `silent` on; gives when death was seen. */
function diesAt(silent: number, until: number, at = (_: number, state: PathState) => state): number | null {
  let state: PathState = { path: 'unknown' };
  let now = 0;
  while (now <= until) {
    state = at(now, observe(state, 1 + Math.min(now, silent), now));
    if (state.path === 'dead') return now;
    now += state.path === 'alive' && state.silentLooks > 0 ? SAMPLE_AGAIN : SAMPLE_EVERY;
  }
  return null;
}

describe('silence', () => {
  test('a path is alive from its first packet', () => {
    expect(observe({ path: 'unknown' }, 0, 0).path).toBe('unknown');
    expect(observe({ path: 'unknown' }, 4, 300).path).toBe('alive');
  });

  test('of three beacons is death, within a look, and a packet is life again', () => {
    for (const silent of [3000, 3050, 3149]) {
      const at = diesAt(silent, 9000) ?? Infinity;
      expect(at - silent).toBeGreaterThanOrEqual(DEAD_AFTER - SAMPLE_EVERY);
      expect(at - silent).toBeLessThanOrEqual(DEAD_AFTER + SAMPLE_EVERY);
    }
    const dead = observe(observe(observe({ path: 'unknown' }, 1, 0), 1, 600), 1, 700);
    expect(dead).toMatchObject({ path: 'dead', heardAt: 0, slept: false });
    expect(observe(dead, 2, 800).path).toBe('alive');
  });

  test('shorter than that is none, whatever the phase of the looks', () => {
    let state: PathState = { path: 'unknown' };
    for (let now = 0; now < 60_000; now += SAMPLE_EVERY) {
      state = observe(state, 1 + Math.floor(now / 450), now);
      expect(state.path).toBe('alive');
    }
  });

  test('is judged sooner once something hints at a loss, and not by what was before', () => {
    const at = diesAt(3000, 9000, (now, state) => (now === 3000 ? suspect(state, now) : state));
    expect(at).toBe(3000 + SUSPECTED_DEAD_AFTER);
    // A hint at a path that lives on costs nothing.
    expect(diesAt(9000, 8000, (now, state) => (now % 600 === 0 ? suspect(state, now) : state))).toBeNull();
  });
});

describe('sleep', () => {
  test('one late look proves nothing', () => {
    const slept = observe(observe({ path: 'unknown' }, 4, 0), 4, 60_000);
    expect(slept.path).toBe('alive');
    // From the waking on silence counts as always, and is told as what it is.
    const looks = [60_150, 60_300, 60_450, 60_600].reduce((state, now) => observe(state, 4, now), slept);
    expect(looks).toMatchObject({ path: 'dead', heardAt: 0, slept: true });
    expect(hiccup(slept, observe(slept, 5, 60_150))).toBeNull();
  });

  test('what the machine had kept from before the sleep is no path that lives', () => {
    const woken = observe(observe({ path: 'unknown' }, 4, 0), 9, 60_000);
    expect(woken).toMatchObject({ path: 'alive', heardAt: 60_000 });
    const silent = (from: number) => [150, 300, 450, 600].map((after) => from + after);
    const dead = silent(60_000).reduce((state, now) => observe(state, 9, now), woken);
    expect(dead).toMatchObject({ path: 'dead', slept: true });
    // A path that carried for a while after it died awake.
    const until = 60_000 + WAKES_FOR + SAMPLE_EVERY;
    let carried = woken;
    for (let now = 60_000; now <= until; now += 50) carried = observe(carried, now, now);
    const later = silent(until).reduce((state, now) => observe(state, until, now), carried);
    expect(later).toMatchObject({ path: 'dead', slept: false });
  });

  test('a hidden tab that looks once a second still finds a death', () => {
    const looks = [1000, 2000, 3000, 4000].map((now) => [now, now <= 2000 ? now : 2000] as const);
    const end = looks.reduce<PathState>((state, [now, received]) => observe(state, received, now), {
      path: 'unknown',
    });
    expect(end).toMatchObject({ path: 'dead', slept: false });
  });
});

test('a silence that ended by itself is told when it was long enough, and somebody was looking', () => {
  const before = observe(observe({ path: 'unknown' }, 1, 0), 1, 300);
  expect(hiccup(before, observe(before, 2, HICCUP))).toBe(HICCUP);
  expect(hiccup(before, observe(before, 2, HICCUP - 50))).toBeNull();
  expect(hiccup(before, observe(before, 1, 450))).toBeNull();
  const alone = observe({ path: 'unknown' }, 1, 0);
  expect(hiccup(alone, observe(alone, 2, 1000))).toBeNull();
});
