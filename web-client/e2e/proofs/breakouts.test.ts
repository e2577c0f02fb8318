// Breakout groups are apart in the SFU: what is said in one is heard in it alone, by its own sound.
import { expect } from 'vitest';
import type { Person } from '../harness/person.ts';
import { proof } from '../harness/proof.ts';
import { EIGHT } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

const LAURA = 0;
const KARIM = 1;
const JONAS = 3;
// Two pages: a third that hears and sees eight takes more than two slow cores have.
const PAGES = [LAURA, JONAS];
const BOTS = EIGHT.map((_, seat) => seat).filter((seat) => !PAGES.includes(seat));

/** The groups on the facilitator's screen, each with its seats. */
async function groups(laura: Person): Promise<number[][]> {
  const lines = await laura.on('groups').locator('.visits li').allInnerTexts();
  return lines.map((line) =>
    EIGHT.flatMap(({ name }, seat) => (seat !== LAURA && line.includes(name) ? [seat] : [])),
  );
}

proof('groups hear themselves alone, in pairs, then in fours, then all together', 240, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'one-two-four-all', speed: 2, people: EIGHT });
  const [laura, jonas] = PAGES.map((seat) => stage.person(room.links[seat]!)) as [Person, Person];
  const pages = [laura, jonas];
  const [bots] = await Promise.all([stage.bring(room, BOTS), ...pages.map((person) => person.join())]);
  await Promise.all(pages.map((person) => person.hearsExactly(EIGHT.map((_, seat) => seat))));
  await laura.on('go-on').click();
  await jonas.hearsExactly([LAURA]);
  await laura.on('mic').click();
  await Promise.all(pages.map((person) => person.hearsExactly([])));

  for (const [phase, size] of [
    ['À deux', 2],
    ['À quatre', 4],
  ] as const) {
    await laura.on('go-on').click();
    await until(`it is ${phase}`, async () =>
      expectNow((await laura.phase()) === phase, await laura.phase()),
    );
    const apart = await groups(laura);
    // Everyone but the facilitator is in one group, and nobody is alone.
    expect(apart.flat().toSorted((a, b) => a - b)).toEqual([KARIM, 2, JONAS, 4, 5, 6, 7]);
    for (const seats of apart) expect(Math.abs(seats.length - size)).toBeLessThanOrEqual(1);
    const with_ = (seat: number) => apart.find((seats) => seats.includes(seat)) ?? [];
    await Promise.all([
      jonas.hearsExactly(with_(JONAS)),
      // The facilitator is with nobody until they visit.
      laura.hearsExactly([]),
      ...BOTS.map((seat) => bots.hearsExactly(seat, with_(seat))),
    ]);
    // One sees those one is with, and nothing more of the others.
    await until(`Jonas sees his group alone in ${phase}`, async () => {
      const pictures = await jonas.sees();
      const moving = pictures.filter(({ frames }) => frames >= 3).map(({ seat }) => seat);
      const wanted = with_(JONAS).filter((seat) => seat !== JONAS);
      expectNow(moving.toSorted().join() === wanted.toSorted().join(), `he sees ${moving.join()}`);
    });
    if (size === 2) {
      // A visit: the facilitator hears that group, and is heard by it alone.
      const visited = apart.findIndex((seats) => seats.includes(JONAS)) + 1;
      const elsewhere = BOTS.find((seat) => !with_(JONAS).includes(seat))!;
      await laura.on(`visit-${visited}`).click();
      await laura.on('mic').click();
      await Promise.all([
        laura.hearsExactly(with_(JONAS)),
        jonas.hearsExactly([LAURA, ...with_(JONAS)]),
        bots.hearsExactly(elsewhere, with_(elsewhere)),
      ]);
      await laura.on('mic').click();
      await laura.on('visit-0').click();
      await Promise.all([laura.hearsExactly([]), jonas.hearsExactly(with_(JONAS))]);
    }
  }

  // The way back: everyone is in one room again, in which one speaks at a time.
  await laura.on('go-on').click();
  await until('all are together', async () =>
    expectNow((await laura.phase()) === 'Tous ensemble', await laura.phase()),
  );
  expect(await jonas.on('groups').count()).toBe(0);
  await bots.command(KARIM, { do: 'request_floor' });
  await Promise.all([
    laura.hearsExactly([KARIM]),
    jonas.hearsExactly([KARIM]),
    ...BOTS.map((seat) => bots.hearsExactly(seat, [KARIM])),
  ]);
  expect(await bots.leaks()).toEqual({ without_right: 0, forbidden: 0, misplaced: 0, stray: 0 });
});
