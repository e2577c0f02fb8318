// A network on which no WebRTC passes: voices take the signaling connection, and the gate holds there too.
import { expect } from 'vitest';
import { FILTERED, unfilter } from '../harness/filter.ts';
import { proof } from '../harness/proof.ts';
import type { RoomOrder } from '../harness/server.ts';
import { expectNow, until } from '../harness/until.ts';

const PEOPLE: RoomOrder['people'] = [
  { name: 'Laura', role: 'facilitator' },
  { name: 'Karim', role: 'consultant' },
  { name: 'Inès', role: 'client' },
];

proof(
  'without WebRTC a person hears and is heard when it is their turn, and not otherwise',
  120,
  async (stage) => {
    const room = await stage.server.makeRoom({ template: 'codev-1h15', people: PEOPLE });
    const [laura, karim] = stage.pair(room);
    karim.initScript = FILTERED;
    const [bots] = await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
    expect(await karim.carrier()).toBe('tunnel');
    expect(await laura.carrier()).toBe('udp');

    // Before the session everyone speaks freely.
    await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
    await until('the bot hears the voice of the tunnel', async () => {
      const { slots } = await bots.report(2);
      const voice = slots.find(({ seat, kind }) => seat === 1 && kind === 'audio')?.heard;
      expectNow(voice?.seat === 1, JSON.stringify(voice));
    });

    // The choice of the subject: whoever has the floor, and nobody else.
    await laura.on('mic').click();
    await laura.on('next-phase').click();
    await laura.on('next-phase').click();
    await laura.give(1);
    await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
    await laura.give(2);
    await Promise.all([laura.hearsExactly([2]), karim.hearsExactly([2])]);
    expect(await bots.leaks()).toEqual({ without_right: 0, forbidden: 0, misplaced: 0, stray: 0 });

    // WebRTC passes again: it takes over with no click, and the tunnel is closed.
    await unfilter(karim);
    await until(
      'WebRTC carries again',
      async () => expectNow((await karim.carrier()) === 'udp', await karim.carrier()),
      { seconds: 30 },
    );
    await Promise.all([laura.hearsExactly([2]), karim.hearsExactly([2])]);
    await laura.give(1);
    await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
  },
);
