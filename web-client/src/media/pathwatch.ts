/**
 * Judges the media path by silence. The server sends something on it at least every 160 ms, so a path
 * that was alive and brings nothing is dead, seconds before the browser's own states say so. A page
 * that was itself held back (a frozen tab, a closed lid) is told apart by the gap between two looks.
 */

/** How often the counters are read, in milliseconds, while something comes. */
export const SAMPLE_EVERY = 150;

/** After a look that found nothing new the next one comes sooner: a death is seen up to this late, in milliseconds. */
export const SAMPLE_AGAIN = 50;

/**
 * So long without a packet is a dead path: three beacons that did not come. Lower takes a pause of the
 * radio for a loss (an ICE restart costs little, but not nothing); higher is a longer gap in what
 * everyone hears.
 */
export const DEAD_AFTER = 500;

/** The same once something else hints at a loss (another network, a silent server): one beacon and some. */
export const SUSPECTED_DEAD_AFTER = 300;

/** A silence so long that ended by itself is worth counting: the path was mended by the other end. */
export const HICCUP = 400;

/**
 * Two looks further apart than this: the page was not running, and silence is counted from its waking.
 * Timers of a hidden tab come every second, which is no sleep.
 */
export const SLEPT = 2000;

/**
 * What dies so soon after the page woke died while it slept: what the machine had kept from before the sleep comes
 * first, and looks like a live path.
 */
export const WAKES_FOR = 4000;

/** What is known of the path. Times are the page's own clock, in milliseconds. */
export type PathState =
  | { path: 'unknown' }
  | {
      path: 'alive';
      received: number;
      /** When the counter was last seen to grow. */
      heardAt: number;
      /** From when silence is counted. */
      from: number;
      lookedAt: number;
      silentLooks: number;
      /** When a look last found that the page had slept. */
      wokeAt: number | null;
    }
  /** `slept`: it died while the page did not run, which says nothing of the network. */
  | { path: 'dead'; received: number; heardAt: number; slept: boolean };

const alive = (received: number, now: number, wokeAt: number | null): PathState => ({
  path: 'alive',
  received,
  heardAt: now,
  from: now,
  lookedAt: now,
  silentLooks: 0,
  wokeAt,
});

/**
 * The path after a look at the counters: `received` counts everything that came in, and only ever its
 * change matters. One silent look alone, however late, proves nothing.
 */
export function observe(state: PathState, received: number, now: number): PathState {
  switch (state.path) {
    case 'unknown':
      return received > 0 ? alive(received, now, null) : state;
    case 'alive': {
      const woke = now - state.lookedAt >= SLEPT;
      const wokeAt = woke ? now : state.wokeAt;
      if (received !== state.received) return alive(received, now, wokeAt);
      if (woke) return { ...state, from: now, lookedAt: now, silentLooks: 0, wokeAt };
      const silentLooks = state.silentLooks + 1;
      if (silentLooks < 2 || now - state.from < DEAD_AFTER) return { ...state, lookedAt: now, silentLooks };
      const slept = wokeAt !== null && now - wokeAt < WAKES_FOR;
      return { path: 'dead', received, heardAt: state.heardAt, slept };
    }
    case 'dead':
      return received !== state.received ? alive(received, now, null) : state;
  }
}

/** The path once something hints at its loss: less silence is proof then. */
export function suspect(state: PathState, now: number): PathState {
  if (state.path !== 'alive') return state;
  return { ...state, from: Math.min(state.from, now + SUSPECTED_DEAD_AFTER - DEAD_AFTER) };
}

/** How long a silence was that ended by itself, if it was long enough to tell of. */
export function hiccup(before: PathState, after: PathState): number | null {
  if (before.path !== 'alive' || after.path !== 'alive') return null;
  // A sleep in it says nothing about the path.
  if (after.wokeAt !== null && after.wokeAt > before.heardAt) return null;
  const gap = after.heardAt - before.heardAt;
  // Without a silent look in between, nobody looked: it says nothing about the path.
  return before.silentLooks > 0 && after.silentLooks === 0 && gap >= HICCUP ? gap : null;
}
