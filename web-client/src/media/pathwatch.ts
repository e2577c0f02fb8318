/**
 * Judges the media path by silence. The server sends something on it several times a second, so a path
 * that was alive and brings nothing is dead, seconds before the browser's own states say so.
 */

/** How often the counters are read, in milliseconds. */
export const SAMPLE_EVERY = 300;

/**
 * So long without a packet is a dead path. Lower takes a pause of the radio for a loss (an ICE restart
 * costs little, but not nothing); higher is a longer gap in what everyone hears.
 */
export const DEAD_AFTER = 1200;

/** What is known of the path. */
export type PathState =
  | { path: 'unknown' }
  | { path: 'alive'; received: number; heardAt: number; silentSamples: number }
  | { path: 'dead'; received: number; since: number };

/**
 * The path after a look at the counters: `received` counts everything that came in, and only ever its
 * change matters. A page whose timers were held back (a hidden tab) sees few samples: one alone, however
 * late, proves nothing.
 */
export function observe(state: PathState, received: number, now: number): PathState {
  switch (state.path) {
    case 'unknown':
      return received > 0 ? { path: 'alive', received, heardAt: now, silentSamples: 0 } : state;
    case 'alive': {
      if (received !== state.received) return { path: 'alive', received, heardAt: now, silentSamples: 0 };
      const silentSamples = state.silentSamples + 1;
      return silentSamples >= 2 && now - state.heardAt >= DEAD_AFTER
        ? { path: 'dead', received, since: now }
        : { ...state, silentSamples };
    }
    case 'dead':
      return received !== state.received
        ? { path: 'alive', received, heardAt: now, silentSamples: 0 }
        : state;
  }
}

/** Everything that came in on any path, as the browser counts it. */
export function totalReceived(stats: Iterable<Record<string, unknown>>): number {
  let transport = 0;
  let pairs = 0;
  for (const report of stats) {
    const number = (key: string) => (typeof report[key] === 'number' ? report[key] : 0);
    if (report['type'] === 'transport') transport += number('packetsReceived') || number('bytesReceived');
    if (report['type'] === 'candidate-pair') {
      // Firefox counts on pairs only; answers to checks count as well, for they came over the path.
      pairs += number('packetsReceived') || number('bytesReceived');
    }
  }
  return transport || pairs;
}
