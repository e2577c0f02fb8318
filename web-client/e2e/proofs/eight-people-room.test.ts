// Eight people in one room: everybody sees everybody, and hears whom the floor lets speak.
import { expect } from 'vitest';
import { hue, hueDistance } from '../harness/picture.ts';
import { proof } from '../harness/proof.ts';
import { EIGHT } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

const BOTS = [2, 3, 4, 5, 6, 7];

proof('eight people see each other and hear exactly whom the floor lets speak', 150, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT });
  const [laura, karim] = stage.pair(room);
  await Promise.all([stage.bring(room, BOTS), laura.join(), karim.join()]);
  const all = room.links.map(({ seat }) => seat);

  for (const person of [laura, karim]) {
    await until(
      `${person.link.name} sees seven moving pictures`,
      async () => {
        const pictures = await person.sees();
        const still = pictures.filter(
          (p) => p.frames < 3 || p.width === 0 || p.motion < 0.5 || p.variety < 1,
        );
        expectNow(
          pictures.length === 7 && still.length === 0,
          JSON.stringify(still.length ? still : pictures),
        );
      },
      { seconds: 40 },
    );
  }
  for (const [person, other] of [
    [laura, karim],
    [karim, laura],
  ] as const) {
    const shown = (await person.sees()).find(({ seat }) => seat === other.link.seat);
    expect(shown?.name).toBe(other.link.name);
    expect(hueDistance(shown?.hue ?? 0, hue(other.link.seat))).toBeLessThan(30);
  }

  // Before the session starts the floor is open.
  await laura.hearsExactly(all);
  await karim.hearsExactly(all);

  // The round of welcome has one speaker; the facilitator may always speak, and keeps quiet.
  await laura.on('mic').click();
  await laura.on('next-phase').click();
  await laura.give(4);
  await until('bot 4 has the floor', async () =>
    expectNow((await karim.holder()) === 4, `${await karim.holder()}`),
  );
  await Promise.all([laura.hearsExactly([4]), karim.hearsExactly([4])]);

  // In the account the client alone is heard.
  await laura.on('next-phase').click();
  await laura.on('next-phase').click();
  await until('Karim has the floor', async () =>
    expectNow((await laura.holder()) === 1, `${await laura.holder()}`),
  );
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);

  // The facilitator's voice is heard beside the holder's, once she opens her own microphone.
  await laura.on('mic').click();
  await karim.hearsExactly([0]);
});
