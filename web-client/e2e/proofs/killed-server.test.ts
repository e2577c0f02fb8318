// The server is replaced as for an upgrade, and its successor dies without a word and is started again: everybody
// comes back by themselves, each time.
import { expect } from 'vitest';
import type { Bots } from '../harness/bots.ts';
import type { Person } from '../harness/person.ts';
import { proof } from '../harness/proof.ts';
import { EIGHT, SERVER_AWAY } from '../harness/stage.ts';
import { upgrade } from '../harness/trials.ts';
import { expectNow, until } from '../harness/until.ts';

/** What everybody sees of the room, and what is left of the turn. */
interface Seen {
  readonly at: number;
  readonly left: number;
  readonly room: readonly object[];
}

async function look(people: readonly Person[]): Promise<Seen> {
  const room = people.map(async (person) => ({
    phase: await person.phase(),
    holder: await person.holder(),
    hands: await person.queue('hands'),
    upcoming: await person.queue('upcoming'),
    microphone: await person.isOn('mic'),
  }));
  const [first] = people;
  const left = await first?.clock('turn-clock');
  return { at: performance.now(), left: left ?? Number.NaN, room: await Promise.all(room) };
}

/** Everybody sees what they saw before, and the turn has lost no second but those that went by. */
async function seesTheSame(people: readonly Person[], before: Seen): Promise<void> {
  const now = await look(people);
  expect(now.room).toEqual(before.room);
  expect(now.left).toBeLessThanOrEqual(before.left + 1);
  expect(now.left).toBeGreaterThanOrEqual(before.left - (now.at - before.at) / 1_000 - 1);
}

async function seeTheSame(bots: Bots, before: ReadonlyMap<number, object>): Promise<void> {
  for (const seat of bots.seats) {
    await until(`bot ${seat} is back`, async () => {
      const { online, connected, stage, holder, hands } = await bots.report(seat);
      expectNow(online && connected, 'not connected');
      expect({ stage, holder, hands }).toEqual(before.get(seat));
    });
  }
}

proof(
  'after an upgrade, and after kill -9 of the server, all come back to the same phase, turn and queue with no click',
  170,
  async (stage) => {
    const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT });
    const [laura, karim] = stage.pair(room);
    const people = [laura, karim];
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
    await laura.hearsExactly([1]);
    // Two hands, and not in the order of their seats; and a microphone that its person closed.
    await bots.command(6, { do: 'request_floor' });
    await bots.command(3, { do: 'request_floor' });
    await bots.command(4, { do: 'set_muted', muted: true });
    await until('two hands are up', async () => {
      for (const person of people) expectNow((await person.queue('hands')).length === 2, 'not yet');
    });
    const before = await look(people);
    const ofBots = new Map<number, object>();
    for (const seat of bots.seats) {
      const { stage, holder, hands } = await bots.report(seat);
      ofBots.set(seat, { stage, holder, hands });
    }
    const { connections } = await laura.negotiated();
    await upgrade(stage, people);
    await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
    for (const person of people) {
      await person.isIn();
      // The page that was loaded at first, with the media of the new server.
      expect((await person.negotiated()).connections).toBe(connections + 1);
    }
    await seesTheSame(people, before);
    await seeTheSame(bots, ofBots);

    await stage.server.kill();
    await Promise.all(people.map((person) => person.saysThatItIsAway()));
    await stage.server.launch();
    await Promise.all(people.map((person) => person.isIn(40)));
    await Promise.all([laura.hearsExactly([1], 40), karim.hearsExactly([], 40)]);
    await seesTheSame(people, before);
    await seeTheSame(bots, ofBots);
    for (const seat of bots.seats)
      expect(await laura.attribute(`tile-${seat}`, 'data-presence')).toBe('here');

    // A bot that came back is heard when its turn comes, and one that closed its microphone is not.
    await laura.give(5);
    await Promise.all([laura.hearsExactly([5], 40), karim.hearsExactly([5], 40)]);
    await laura.give(4);
    await Promise.all([laura.hearsExactly([], 40), karim.hearsExactly([], 40)]);
  },
);
