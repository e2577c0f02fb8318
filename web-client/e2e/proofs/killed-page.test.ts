// The speaker's browser dies in the middle of their turn: they come back to the same turn.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import type { RoomOrder } from '../harness/server.ts';
import { EIGHT } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

// The dropped speaker is a consultant: a client who drops stops the whole phase, which is another rule.
const PEOPLE: RoomOrder['people'] = [
  { name: 'Laura', role: 'facilitator' },
  { name: 'Karim', role: 'consultant' },
  { name: 'Inès', role: 'client' },
  { name: 'Jonas', role: 'consultant' },
];

proof('a speaker whose page is killed has the same turn and the same seconds left', 120, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'codev-1h15', people: PEOPLE });
  const [laura, karim] = stage.pair(room);
  await Promise.all([stage.bring(room, [2, 3]), laura.join(), karim.join()]);
  await laura.on('mic').click();
  // The choice of the subject: turns of 45 s.
  await laura.on('next-phase').click();
  await laura.on('next-phase').click();
  await laura.give(1);
  await until('Karim has the floor', async () =>
    expectNow((await laura.holder()) === 1, `${await laura.holder()}`),
  );
  await laura.hearsExactly([1]);

  // Until somebody notices, the turn runs on; from then on it stands still.
  const before = await laura.clock('turn-clock');
  const killedAt = performance.now();
  await karim.kill();
  await until('the room shows that Karim is away', async () => {
    const presence = await laura.on('tile-1').getAttribute('data-presence');
    expectNow(presence === 'away', `he is ${presence}`);
  });
  const noticed = (performance.now() - killedAt) / 1_000;
  const frozen = await laura.clock('turn-clock');
  expect(before - frozen).toBeGreaterThanOrEqual(-1);
  expect(before - frozen).toBeLessThanOrEqual(Math.ceil(noticed) + 1);
  expect(await laura.holder()).toBe(1);
  // The others read that his place is kept, and for how long.
  const kept = laura.on('tile-1').locator('.away [data-seconds]');
  const left = async () => Number(await kept.getAttribute('data-seconds', { timeout: 2_000 }));
  expect(await kept.innerText()).toMatch(/^place gardée \d+:\d\d$/);
  expect(await laura.on('banner-speaker_away').innerText()).toContain(
    'Karim a perdu la connexion, sa place est gardée',
  );
  const first = await left();
  expect(first).toBeGreaterThan(2);
  await until('the time falls', async () => expectNow((await left()) <= first - 2, `${await left()} s`), {
    seconds: 6,
  });

  await karim.comeBack();
  const returned = performance.now();
  expect(await karim.holder()).toBe(1);
  await laura.hearsExactly([1]);
  const [seen, own] = await Promise.all([laura.clock('turn-clock'), karim.clock('turn-clock')]);
  const since = (performance.now() - returned) / 1_000;
  for (const left of [seen, own]) {
    // Not one second was lost while he was away.
    expect(left).toBeLessThanOrEqual(frozen + 1);
    expect(left).toBeGreaterThanOrEqual(frozen - since - 2);
  }
});

proof('a killed page comes back with its hand up and its microphone off', 90, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
  const [laura, karim] = stage.pair(room);
  await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
  await laura.on('next-phase').click();
  await laura.hearsExactly([1, 2]);
  await karim.on('hand').click();
  await until('the hand is up', async () => expectNow(await karim.isOn('hand'), 'it is not'));
  await karim.on('mic').click();
  await laura.hearsExactly([2]);

  await karim.kill();
  await until('the room shows that Karim is away', async () => {
    const presence = await laura.on('tile-1').getAttribute('data-presence');
    expectNow(presence === 'away', `he is ${presence}`);
  });
  await karim.comeBack();
  expect(await karim.isOn('hand')).toBe(true);
  expect(await karim.isOn('mic')).toBe(false);
  await laura.hearsExactly([2]);

  // It is his own hand that opens it again.
  await karim.on('mic').click();
  await laura.hearsExactly([1, 2]);
});
