// The server dies without a word and is started again: everybody comes back by themselves.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import { EIGHT, SERVER_AWAY } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

proof(
  'after kill -9 of the server all come back to the same phase, turn and queue with no click',
  150,
  async (stage) => {
    const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT });
    const [laura, karim] = stage.pair(room);
    const [bots] = await Promise.all([stage.bring(room, [2, 3, 4, 5, 6, 7]), laura.join(), karim.join()]);
    stage.expected.push(...SERVER_AWAY);
    await laura.on('mic').click();
    // Clarification: questions and answers, and hands for more of them.
    for (const phase of ['Accueil', 'Choix du sujet', 'Exposé', 'Clarification']) {
      await laura.on('next-phase').click();
      await until(`it is ${phase}`, async () =>
        expectNow((await laura.phase()) === phase, await laura.phase()),
      );
    }
    await laura.give(1);
    await until('Karim has the floor', async () =>
      expectNow((await laura.holder()) === 1, `${await laura.holder()}`),
    );
    const phase = await laura.phase();
    await laura.hearsExactly([1]);
    // Two hands, and not in the order of their seats.
    await bots.command(6, { do: 'request_floor' });
    await bots.command(3, { do: 'request_floor' });
    await until('two hands are up', async () =>
      expectNow((await laura.queue('hands')).length === 2, 'not yet'),
    );
    const left = await laura.clock('turn-clock');
    const [hands, upcoming] = [await laura.queue('hands'), await laura.queue('upcoming')];
    const before = await bots.report(2);

    await stage.server.kill();
    await until('the pages say so', async () => {
      for (const person of [laura, karim])
        expectNow((await person.connection()) !== 'connected', `${person.link.name} is connected`);
    });
    await stage.server.launch();
    await Promise.all([laura.isIn(40), karim.isIn(40)]);

    expect(await laura.phase()).toBe(phase);
    expect(await karim.phase()).toBe(phase);
    expect(await laura.holder()).toBe(1);
    expect(await karim.holder()).toBe(1);
    await Promise.all([laura.hearsExactly([1], 40), karim.hearsExactly([], 40)]);
    expect(await laura.clock('turn-clock')).toBeLessThanOrEqual(left + 1);
    for (const person of [laura, karim]) {
      expect(await person.queue('hands')).toEqual(hands);
      expect(await person.queue('upcoming')).toEqual(upcoming);
    }

    for (const seat of bots.seats) {
      await until(`bot ${seat} is back`, async () => {
        const { online, connected, stage: stageName, holder, hands } = await bots.report(seat);
        expectNow(online && connected, 'not connected');
        expect({ stageName, holder, hands }).toEqual({
          stageName: before.stage,
          holder: before.holder,
          hands: before.hands,
        });
      });
      expect(await laura.on(`tile-${seat}`).getAttribute('data-presence')).toBe('here');
    }
    // A bot that came back is heard when its turn comes.
    await laura.give(5);
    await Promise.all([laura.hearsExactly([5], 40), karim.hearsExactly([5], 40)]);
  },
);
