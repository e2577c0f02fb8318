/** Waiting for a condition, bounded, with the last reason in the failure. */

/** A condition that does not hold yet, and why. */
export class NotYet extends Error {}

/** How a wait is bounded. */
export interface Patience {
  /** Seconds after which the wait fails. */
  readonly seconds?: number;
  /** Milliseconds between two looks. */
  readonly everyMs?: number;
}

/**
 * Calls `look` until it returns without throwing, and gives back what it returned. A look that
 * throws is taken for "not yet"; the last one's words are in the failure.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  patience: Patience = {},
): Promise<T> {
  const { seconds = 20, everyMs = 100 } = patience;
  const deadline = performance.now() + 1_000 * seconds;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() >= deadline) {
        const words = error instanceof Error ? error.message : String(error);
        throw new Error(`after ${seconds} s still not: ${what}\n${words}`, { cause: error });
      }
    }
    await pause(everyMs);
  }
}

/** Fails the look it is in when `holds` is false. */
export function expectNow(holds: boolean, why: string): asserts holds {
  if (!holds) throw new NotYet(why);
}

/** Lets time pass: for a look's interval or a measured window, never to wait for something. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
