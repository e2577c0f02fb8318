// A client that obeys nothing is heard by nobody.
import { expect } from 'vitest';
import { EIGHT, proof } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

proof('a hostile client without the floor leaks not one packet', 120, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT.slice(0, 5) });
  const [laura, karim] = stage.pair(room);
  const [listeners, hostile] = await Promise.all([
    stage.bring(links.slice(2, 4)),
    stage.bring(links.slice(4, 5), '--hostile'),
    laura.join(),
    karim.join(),
  ]);
  await laura.on('mic').click();
  // In the account only the client may speak.
  for (let phase = 0; phase < 3; phase++) await laura.on('next-phase').click();
  await until('Karim has the floor', async () =>
    expectNow((await laura.holder()) === 1, `${await laura.holder()}`),
  );
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
  const sent = await hostile.sent();
  // Heard again and again while it does its worst.
  for (let window = 0; window < 4; window++) {
    await Promise.all([laura.hearsExactly([1], 1), karim.hearsExactly([], 1)]);
  }
  expect((await hostile.sent()) - sent).toBeGreaterThan(500);
  expect(await listeners.leaked()).toBe(0);
});
