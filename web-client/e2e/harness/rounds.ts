/** People who give the floor back as soon as they have it, so that a round takes no longer than it must. */
import type { Bots } from './bots.ts';
import type { Person } from './person.ts';
import { expectNow, until } from './until.ts';

/**
 * Lets whoever holds the floor give it back, until `over`. Those of `keep` keep theirs.
 * The floor is read from `watching`'s screen, as the group sees it.
 */
export async function goRound(
  what: string,
  { watching, bots, pages, keep = [] }: Round,
  over: () => Promise<boolean>,
): Promise<number[]> {
  const spoke: number[] = [];
  await until(
    what,
    async () => {
      // In this order: a holder of what comes after would be taken for one of this round.
      const holder = await watching.holder();
      if (await over()) return;
      if (holder !== undefined && !keep.includes(holder)) {
        if (spoke.at(-1) !== holder) spoke.push(holder);
        // The turn may have ended meanwhile: then there is nothing to give back.
        if (bots.seats.includes(holder)) bots.tell({ seat: holder, do: 'release_floor' });
        const page = pages.find(({ link }) => link.seat === holder);
        await page
          ?.on('release')
          .click({ timeout: 1_000 })
          .catch(() => undefined);
      }
      expectNow(false, `the floor was with ${spoke.join(', ') || 'nobody'}`);
    },
    { seconds: 60, everyMs: 150 },
  );
  return spoke;
}

/** Who is in a round. */
export interface Round {
  readonly watching: Person;
  readonly bots: Bots;
  readonly pages: readonly Person[];
  readonly keep?: readonly number[];
}
