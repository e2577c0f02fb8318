// A client that obeys nothing is heard and seen by nobody.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import { EIGHT } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

const LISTENERS = [2, 3];
const HOSTILE = 4;
const ATTACKS = [
  'send_without_right',
  'forge_level',
  'forge_ssrc',
  'forge_mid',
  'replay',
  'garbage',
  'stun',
  'unvalidated',
  'flood',
];

proof('a hostile client leaks not one packet', 150, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT.slice(0, 5) });
  const [laura, karim] = stage.pair(room);
  const [bots] = await Promise.all([
    stage.bring(room, LISTENERS, '--hostile', String(HOSTILE)),
    laura.join(),
    karim.join(),
  ]);
  await bots.attack(HOSTILE, 'join');
  await laura.on('mic').click();
  // In the lobby it may speak: what it says there comes again later, when it may not.
  await bots.attack(HOSTILE, 'record');

  // In the account only the client may speak.
  for (let phase = 0; phase < 3; phase++) await laura.on('next-phase').click();
  await until('Karim has the floor', async () =>
    expectNow((await laura.holder()) === 1, `${await laura.holder()}`),
  );
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);

  // Listened to all along, for it may be heard at no moment.
  const heard: string[] = [];
  let attacking = true;
  const listening = Promise.all(
    [laura, karim].map(async (person) => {
      while (attacking) {
        const { kind } = (await person.hears(1)).get(HOSTILE) ?? { kind: 'no tile' };
        if (kind !== 'silence') heard.push(`${person.link.name}: ${kind}`);
      }
    }),
  );
  let sent = 0;
  try {
    for (const how of ATTACKS) sent = await bots.attack(HOSTILE, how);
  } finally {
    attacking = false;
    await listening;
  }
  expect(heard).toEqual([]);
  // The attacks took place, and nothing of them arrived anywhere.
  expect(sent).toBeGreaterThan(500);
  expect(await bots.leaks()).toEqual({ without_right: 0, forbidden: 0, misplaced: 0, stray: 0 });

  // The room is unharmed.
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([]), bots.hearsExactly(2, [1])]);
  expect(stage.server.log).not.toMatch(/panick/i);
});
