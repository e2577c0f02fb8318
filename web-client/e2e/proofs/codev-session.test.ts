// Whole sessions of codéveloppement from the welcome to the export, in French, with what goes wrong in them.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Bots } from '../harness/bots.ts';
import type { Person } from '../harness/person.ts';
import { proof } from '../harness/proof.ts';
import { goRound } from '../harness/rounds.ts';
import type { RoomOrder } from '../harness/server.ts';
import { EIGHT, type Stage } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

const LAURA = 0;
const KARIM = 1;

/** One kind of apostrophe and space, so that typography is free. */
const plain = (text: string) => text.replaceAll('’', "'").replaceAll(/[\u00a0\u202f]/g, ' ');

/** Waits until somebody is in a phase. */
async function reaches(person: Person, phase: string, seconds = 40): Promise<void> {
  await until(
    `${person.link.name} is in ${phase}`,
    async () => {
      const name = plain(await person.phase());
      expectNow(name === plain(phase), name);
    },
    { seconds },
  );
}

const isIn = async (person: Person, phase: string) => plain(await person.phase()) === plain(phase);

/** The facilitator's one key. */
const goOn = (laura: Person) => laura.page.keyboard.press('n');

/** The end is for everyone and for good: the key asks for a second press. */
async function end(laura: Person): Promise<void> {
  await goOn(laura);
  await laura.on('go-on').getByText('Encore une fois').waitFor({ timeout: 5_000 });
  await goOn(laura);
}

/** Whether nobody has the floor and nobody is still to have it, as somebody's panel shows. */
async function allSpoke(person: Person): Promise<boolean> {
  return (await person.queue('upcoming')).length === 0 && (await person.holder()) === undefined;
}

/** Opens a part of the panel. */
const open = (person: Person, tab: 'floor' | 'record' | 'notes' | 'conduct') =>
  person.on(`tab-${tab}`).click();

async function acceptAll(pages: readonly Person[], bots: Bots): Promise<void> {
  for (const person of pages) {
    const accept = person.on('accept-contract');
    await accept.waitFor({ timeout: 10_000 });
    if (await accept.isEnabled()) await accept.click();
  }
  for (const seat of bots.seats) await bots.command(seat, { do: 'accept_contract' });
}

/** What a page saves when it is asked for the record. */
async function exported(person: Person): Promise<string> {
  const [file] = await Promise.all([
    person.page.waitForEvent('download', { timeout: 10_000 }),
    person.on('export-markdown').click(),
  ]);
  return plain(readFileSync(await file.path(), 'utf8'));
}

/** Whoever was chosen by the vote is client: before it all seven are consultants. */
const PEERS: RoomOrder['people'] = EIGHT.map((person) =>
  person.role === 'client' ? { ...person, role: 'consultant' } : person,
);

proof('a codev-1h15 from welcome to export, through every kind of drop', 420, async (stage: Stage) => {
  const SPEED = 12;
  const DEPUTY = 2;
  const LATE = 7;
  const room = await stage.server.makeRoom({ template: 'codev-1h15', speed: SPEED, people: PEERS });
  const pages = stage.pair(room);
  const [laura, karim] = pages;
  const [bots] = await Promise.all([
    stage.bring(room, [2, 3, 4, 5, 6]),
    ...pages.map((person) => person.join()),
  ]);
  const round = { watching: karim, bots, pages };
  await laura.on('mic').click();

  // In the lobby: a drill, that everyone sees, and a backup.
  await laura.on('start-drill').click();
  await karim.on('banner-drill').waitFor({ timeout: 10_000 });
  await laura.on('end-drill').click();
  await karim.on('banner-drill').waitFor({ state: 'detached', timeout: 10_000 });
  await open(laura, 'conduct');
  await laura.on('name-backup').selectOption(String(DEPUTY));

  // Welcome: one word each; the phase ends by itself when all have spoken.
  const noted = await karim.noteHolders();
  await goOn(laura);
  await reaches(karim, 'Accueil');
  await goRound('the welcome', round, () => isIn(karim, 'Choix du sujet'));
  expect((await noted()).slice(0, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);

  // The subject: Karim and Jonas pitch, the others pass; the group votes for Karim.
  await until(
    'a vote is open',
    async () => {
      if ((await karim.on('vote').count()) > 0) return;
      const holder = await karim.holder();
      if (holder === KARIM)
        await karim
          .on('release')
          .click({ timeout: 1_000 })
          .catch(() => undefined);
      else if (holder === 3) bots.tell({ seat: holder, do: 'release_floor' });
      else if (holder !== undefined) bots.tell({ seat: holder, do: 'pass' });
      expectNow(false, `the floor is with ${holder}`);
    },
    { seconds: 60, everyMs: 150 },
  );
  expect(plain(await karim.on('ballot-0').innerText())).toContain('Karim');
  expect(plain(await karim.on('ballot-1').innerText())).toContain('Jonas');
  for (const person of pages) await person.on('ballot-0').click();
  for (const seat of bots.seats) {
    await bots.command(seat, { do: 'cast_ballot', ballot: { ballot: 'for', option: seat === 3 ? 1 : 0 } });
  }

  // The account: the client alone is heard; their page dies, and everything waits for them.
  await reaches(karim, 'Exposé');
  expect(await karim.on('tile-1').getAttribute('data-name')).toBe('Karim');
  await Promise.all([laura.hearsExactly([KARIM]), bots.hearsExactly(4, [KARIM])]);
  await karim.kill();
  await laura.on('banner-client_away').waitFor({ timeout: 10_000 });
  expect(await laura.clock('phase-clock')).toBeGreaterThan(0);
  const stood = await laura.clock('phase-clock');
  await karim.comeBack();
  await laura.on('banner-client_away').waitFor({ state: 'detached', timeout: 10_000 });
  expect(await laura.clock('phase-clock')).toBeGreaterThanOrEqual(stood - 3);
  expect(await karim.holder()).toBe(KARIM);
  await laura.hearsExactly([KARIM]);
  const asked = await karim.noteHolders();
  await karim.on('release').click();

  // Clarification: the facilitator's page dies; the one they named has the chair, and keeps it until asked.
  await reaches(karim, 'Clarification');
  await laura.kill();
  await until('the backup has the chair', async () => {
    const { chair } = await bots.report(DEPUTY);
    expectNow(chair === DEPUTY, `the chair is with ${chair}`);
  });
  await laura.comeBack();
  expect((await bots.report(DEPUTY)).chair).toBe(DEPUTY);
  await laura.on('take-chair').click();
  await until('Laura has the chair', async () => {
    const { chair } = await bots.report(DEPUTY);
    expectNow(chair === LAURA, `the chair is with ${chair}`);
  });
  await open(laura, 'floor');
  await goRound('the questions', { ...round, watching: laura }, () => allSpoke(laura));
  // Each asks in turn, and the client answers each.
  expect((await asked()).slice(0, 10)).toEqual([2, 3, 4, 5, 6].flatMap((seat) => [seat, KARIM]));
  await goOn(laura);

  // The contract: nothing goes on before the group has accepted the sentence; then it goes on by itself.
  await reaches(karim, 'Contrat');
  await goOn(laura);
  await laura.on('blocked').waitFor({ timeout: 5_000 });
  expect(plain(await laura.phase())).toBe('Contrat');
  await karim.on('contract-input').fill('J’aimerais que vous m’aidiez à retrouver du temps.');
  await karim.on('propose-contract').click();
  await acceptAll(pages, bots);

  // Reflection: silence, notes, and the clock leads on.
  await reaches(karim, 'Réflexion');
  await Promise.all([laura.hearsExactly([]), karim.hearsExactly([])]);
  await open(karim, 'notes');
  await karim.on('notes').fill('Le mot « toujours » revient trop souvent.');

  // Consultation: somebody comes late, and enters at the end of the turn.
  await reaches(laura, 'Consultation');
  await until('somebody holds the floor', async () =>
    expectNow((await laura.holder()) !== undefined, 'nobody does'),
  );
  const speaking = await laura.holder();
  const late = await stage.bring(room, [LATE]);
  if ((await laura.holder()) === speaking) {
    expect(await laura.on(`tile-${LATE}`).getAttribute('data-presence')).toBe('entering');
  }
  for (const seat of [3, 4]) {
    await bots.command(seat, {
      do: 'add_entry',
      entry: { kind: 'suggestion', text: `Suggestion numéro ${seat} : bloquer une matinée.` },
    });
  }
  await open(karim, 'record');
  await karim.on('record-suggestion').locator('[data-testid^="entry-keep-"]').first().click();
  const everyone = { watching: laura, bots: late, pages };
  const advised = new Set<number>();
  await until(
    'the consultation, the latecomer included',
    async () => {
      const holder = await laura.holder();
      if (holder !== undefined) {
        advised.add(holder);
        (holder === LATE ? late : bots).tell({ seat: holder, do: 'release_floor' });
      }
      expectNow(advised.size === 6 && holder === undefined, `so far ${[...advised].join(', ')}`);
    },
    { seconds: 60, everyMs: 150 },
  );
  await goOn(laura);

  // Summary: a silence, then the client, who writes what they will do.
  await reaches(karim, 'Synthèse et plan d’action');
  await open(karim, 'record');
  await karim.on('entry-input-action').fill('Confier la réunion du lundi');
  await karim.on('entry-input-action-when').fill('avant le 15');
  await karim.on('entry-input-action-first_step').fill('En parler à Mei');
  await karim.on('entry-add-action').click();
  await until('the client speaks', async () => expectNow((await laura.holder()) === KARIM, 'not yet'), {
    seconds: 30,
  });
  await laura.hearsExactly([KARIM]);
  await karim.on('release').click();

  // Learnings: a round, the client last; stars and words.
  await reaches(karim, 'Apprentissages et évaluation');
  await karim.on('entry-stars-5').click();
  await karim.on('entry-add-rating').click();
  await karim.on('entry-input-learning').fill('Dire non plus tôt.');
  await karim.on('entry-add-learning').click();
  await goRound('the learnings', { ...everyone, bots }, async () => {
    if ((await laura.holder()) === LATE) late.tell({ seat: LATE, do: 'release_floor' });
    return isIn(laura, 'Clôture');
  });
  await karim.on('record-keep').click();
  await end(laura);

  // The end: the client takes the record along. Nobody else's private notes are in it.
  await Promise.all(pages.map((person) => person.on('ended').waitFor({ timeout: 15_000 })));
  const record = await exported(karim);
  for (const line of [
    "J'aimerais que vous m'aidiez à retrouver du temps.",
    'Suggestion numéro 3 : bloquer une matinée.',
    'Suggestion numéro 4 : bloquer une matinée.',
    'Confier la réunion du lundi',
    'avant le 15',
    'En parler à Mei',
    'Dire non plus tôt.',
    '★★★★★',
  ]) {
    expect(record).toContain(line);
  }
  expect(await laura.on('export-markdown').count()).toBe(0);
  for (const group of [bots, late]) {
    expect(await group.leaks()).toEqual({ without_right: 0, forbidden: 0, misplaced: 0, stray: 0 });
  }
});

proof('a codev-flash-30 by one key, and an erased record is gone from every file', 300, async (stage) => {
  const CANARY = 'canari-7f3e';
  const people: RoomOrder['people'] = EIGHT.slice(0, 6);
  const room = await stage.server.makeRoom({ template: 'codev-flash-30', speed: 6, people });
  const pages = stage.pair(room);
  const [laura, karim] = pages;
  const [bots] = await Promise.all([
    stage.bring(room, [2, 3, 4, 5]),
    ...pages.map((person) => person.join()),
  ]);
  const round = { watching: karim, bots, pages };
  await laura.on('mic').click();

  await goOn(laura);
  await goRound('the welcome', round, () => isIn(karim, 'Exposé'));
  await laura.hearsExactly([KARIM]);
  await karim.on('release').click();
  await reaches(karim, 'Clarification');
  await open(laura, 'floor');
  await goRound('the questions', round, () => allSpoke(laura));
  await goOn(laura);
  await reaches(karim, 'Contrat');
  await karim.on('contract-input').fill(`J’aimerais que vous m’aidiez à oublier ${CANARY}.`);
  await karim.on('propose-contract').click();
  await acceptAll(pages, bots);
  await reaches(karim, 'Consultation');
  await bots.command(3, { do: 'add_entry', entry: { kind: 'suggestion', text: `Une idée : ${CANARY}` } });
  await open(karim, 'notes');
  await karim.on('notes').fill(`Pour moi seul : ${CANARY}`);
  await open(laura, 'floor');
  await goRound('the consultation', round, () => allSpoke(laura));
  // The journal of a room that goes on holds its words: what the erasure must take away.
  await until('the words are on disk', async () => {
    expectNow(stage.server.filesWith(CANARY).length > 0, 'no file holds them');
  });
  await goOn(laura);
  await until('the client speaks', async () => expectNow((await karim.holder()) === KARIM, 'not yet'), {
    seconds: 30,
  });
  await karim.on('release').click();
  await reaches(laura, 'Apprentissages et évaluation');
  await open(laura, 'floor');
  await goRound('the learnings', round, () => allSpoke(laura));
  await open(karim, 'record');
  await karim.on('record-erase').click();
  await karim.on('record-erase-confirm').click();
  await end(laura);
  await karim.on('record-gone').waitFor({ timeout: 15_000 });
  expect(stage.server.filesWith(CANARY)).toEqual([]);
  await stage.server.kill();
  await stage.server.launch();
  expect(stage.server.filesWith(CANARY)).toEqual([]);
});
