// A whole session of codéveloppement in 1 h 15, at forty times its pace, led from the facilitator's page.
import { expect } from 'vitest';
import { EIGHT, proof } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

const SPEED = 40;
const CLIENT = 1;
const CONSULTANTS = [2, 3, 4, 5, 6, 7];

interface Step {
  readonly phase: string;
  /** What the client's page tells them to do. */
  readonly prompt: string;
  readonly minutes: number;
  /** Who speaks in turn, when a round is what the phase begins with. */
  readonly round?: readonly number[];
  /** Who alone is heard, when nobody else may speak; nobody for a silence. */
  readonly alone?: number | 'nobody';
}

const STEPS: readonly Step[] = [
  { phase: 'Accueil', prompt: 'En un mot', minutes: 5, round: [0, CLIENT, ...CONSULTANTS] },
  {
    phase: 'Choix du sujet',
    prompt: 'Un sujet qui vous occupe',
    minutes: 5,
    round: [CLIENT, ...CONSULTANTS],
  },
  { phase: 'Exposé', prompt: 'Contexte, difficulté, attente', minutes: 7, alone: CLIENT },
  {
    phase: 'Clarification',
    prompt: 'Répondez brièvement',
    minutes: 14,
    round: CONSULTANTS.flatMap((asking) => [asking, CLIENT]),
  },
  { phase: 'Contrat', prompt: 'J’aimerais que vous m’aidiez à…', minutes: 5, alone: CLIENT },
  { phase: 'Réflexion', prompt: 'Respirez', minutes: 2, alone: 'nobody' },
  { phase: 'Consultation', prompt: 'Notez, ne répondez pas', minutes: 20, round: CONSULTANTS },
  { phase: 'Synthèse et plan d’action', prompt: 'Je retiens… je ferai… avant le…', minutes: 8 },
  {
    phase: 'Apprentissages et évaluation',
    prompt: 'Ce que j’emporte',
    minutes: 8,
    round: [...CONSULTANTS, CLIENT],
  },
  { phase: 'Clôture', prompt: 'Gardez ou effacez', minutes: 1 },
];

/** One kind of apostrophe, so that typography is free. */
const plain = (text: string) => text.replaceAll('’', "'");

proof('the floor passes through a whole codev-1h15', 240, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'codev-1h15', speed: SPEED, people: EIGHT });
  const [laura, karim] = stage.pair(room);
  const [bots] = await Promise.all([stage.bring(room, CONSULTANTS), laura.join(), karim.join()]);
  await laura.on('mic').click();

  for (const { phase, prompt, minutes, round, alone } of STEPS) {
    const noted = await karim.noteHolders();
    await laura.on('next-phase').click();
    for (const person of [laura, karim]) {
      await until(`${person.link.name} is in ${phase}`, async () => {
        const name = plain(await person.phase());
        expectNow(name === plain(phase), name);
      });
    }
    expect(plain(await karim.page.locator('.prompt').innerText())).toContain(plain(prompt));
    const left = await karim.clock('phase-clock');
    expect(left).toBeLessThanOrEqual((minutes * 60) / SPEED + 1);
    expect(Math.abs((await laura.clock('phase-clock')) - left)).toBeLessThanOrEqual(2);

    if (alone !== undefined) {
      const heard = alone === 'nobody' ? [] : [alone];
      await Promise.all([laura.hearsExactly(heard), karim.hearsExactly(heard)]);
    }
    if (round !== undefined) {
      await until(
        `the word goes round in ${phase}`,
        async () => {
          const holders = await noted();
          expectNow(holders.length >= round.length, `so far ${holders.join(', ')}`);
        },
        { seconds: 40 },
      );
      // What begins after the round, a queue, is nobody's until somebody asks.
      expect((await noted()).slice(0, round.length)).toEqual(round);
    }
    if (phase === 'Contrat') {
      // The phase after it stays shut until the group has accepted the client's sentence.
      await laura.on('next-phase').click();
      await laura.on('blocked').waitFor({ timeout: 5_000 });
      expect(await laura.phase()).toBe('Contrat');
      await karim.on('contract-input').fill('J’aimerais que vous m’aidiez à retrouver du temps.');
      await karim.on('propose-contract').click();
      for (const person of [laura, karim]) {
        const accept = person.on('accept-contract');
        await accept.waitFor({ timeout: 10_000 });
        if (await accept.isEnabled()) await accept.click();
      }
      for (const seat of CONSULTANTS) await bots.command(seat, { do: 'accept_contract' });
      await laura.on('blocked').waitFor({ state: 'detached', timeout: 5_000 });
    }
    if (phase.startsWith('Synthèse')) {
      // Two minutes of silence, then the client.
      await until('the client speaks', async () => expectNow((await laura.holder()) === CLIENT, 'not yet'));
      await laura.hearsExactly([CLIENT]);
    }
    if (phase === 'Clôture') await karim.hearsExactly([0, ...CONSULTANTS].filter((seat) => seat !== 0));
  }
  await laura.on('next-phase').click();
  for (const person of [laura, karim]) await person.on('ended').waitFor({ timeout: 10_000 });
});
