// The same link is opened on another device in the middle of a turn, and taken back from there.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import type { RoomOrder } from '../harness/server.ts';
import { expectNow, until } from '../harness/until.ts';

const PEOPLE: RoomOrder['people'] = [
  { name: 'Laura', role: 'facilitator' },
  { name: 'Karim', role: 'consultant' },
  { name: 'Inès', role: 'client' },
];

proof(
  'a seat goes to another device and back with its turn, and the page left behind says so',
  110,
  async (stage) => {
    const room = await stage.server.makeRoom({ template: 'codev-1h15', people: PEOPLE });
    const [laura, laptop] = stage.pair(room);
    await Promise.all([stage.bring(room, [2]), laura.join(), laptop.join()]);
    await laura.on('mic').click();
    await laura.on('next-phase').click();
    await laura.on('next-phase').click();
    await laura.give(1);
    await laura.hearsExactly([1]);
    const before = await laura.clock('turn-clock');

    const phone = stage.person(laptop.link, { width: 390, height: 844 });
    await phone.join();
    await until('the laptop says that its seat is open elsewhere', async () =>
      expectNow((await laptop.on('message').getAttribute('data-kind')) === 'taken_over', 'not yet'),
    );
    expect(await laura.holder()).toBe(1);
    expect(await phone.holder()).toBe(1);
    await laura.hearsExactly([1]);
    expect(await laura.on('tile-1').getAttribute('data-presence')).toBe('here');

    // One press, and no check of the devices again.
    await laptop.on('take-back').click();
    await laptop.isIn();
    await until('the phone says so in its turn', async () =>
      expectNow((await phone.on('message').getAttribute('data-kind')) === 'taken_over', 'not yet'),
    );
    expect(await laura.holder()).toBe(1);
    expect(await laura.clock('turn-clock')).toBeLessThanOrEqual(before);
    await laura.hearsExactly([1]);
  },
);
