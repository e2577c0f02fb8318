// The same link is opened on another device in the middle of a turn, and taken back from there.
import { proof } from '../harness/proof.ts';
import type { RoomOrder } from '../harness/server.ts';
import { openElsewhere } from '../harness/trials.ts';

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
    await openElsewhere(laura, laptop, stage.person(laptop.link, { width: 390, height: 844 }));
  },
);
