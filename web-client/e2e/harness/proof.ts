/** A proof: a test with a stage of its own, explained when it fails. */
import { test } from 'vitest';
import { Server } from './server.ts';
import { Stage } from './stage.ts';

/** A test on a stage of its own, over within `seconds`. */
export function proof(
  name: string,
  seconds: number,
  play: (stage: Stage) => Promise<void>,
  serve: () => Promise<Server> = Server.start,
): void {
  const SPARE_SECONDS = 45;
  test(name, { timeout: 1_000 * (seconds + SPARE_SECONDS) }, async () => {
    const stage = new Stage(await serve());
    try {
      await within(seconds, play(stage));
      stage.checkConsoles();
    } catch (error) {
      await stage.explain(name, error);
      throw error;
    } finally {
      await stage.close();
    }
  });
}

async function within(seconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not over after ${seconds} s`)), 1_000 * seconds);
  });
  // What goes on after a failure ends with the stage; its own failure then says nothing new.
  work.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
