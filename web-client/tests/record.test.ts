import { describe, expect, test } from 'vitest';
import { agenda, offers, spoken } from '../src/state/budget.ts';
import { fileName, meanStars, plain, toMarkdown } from '../src/state/export.ts';
import {
  decidesRecord,
  entryChoices,
  hasToWrite,
  mayWrite,
  ready,
  recordOwner,
  sections,
} from '../src/state/record.ts';
import { ballotCard, resultCard, tiedSeats } from '../src/state/votes.ts';
import { language, t } from '../src/i18n/index.ts';
import { personal, scene, type SceneName } from '../screens/scenes.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const room = (name: SceneName) => scene(name, 'fr', NOW);

describe('the record', () => {
  test('is written as the phase says, and the client’s plan to the end', () => {
    expect([...mayWrite(room('round'), 3)]).toEqual(['suggestion']);
    expect([...mayWrite(room('closing'), 1)]).toEqual(['action']);
    expect([...mayWrite(room('closing'), 3)]).toEqual([]);
    expect([...mayWrite(room('ended'), 1)]).toEqual([]);
    expect([...mayWrite(room('writing'), 3)].sort()).toEqual(['note', 'suggestion']);
    expect(hasToWrite(room('closing'), 1)).toBe(false);
    expect(hasToWrite(room('learning'), 4)).toBe(true);
  });

  test('shows what the phase is for first, then the rest in the order of a session', () => {
    expect(sections(room('learning'), 4).map(({ kind }) => kind)).toEqual([
      'learning',
      'rating',
      'suggestion',
      'action',
    ]);
    expect(sections(room('holder'), 4)).toEqual([]);
  });

  test('an entry is its author’s; the client may change all but others’ learnings and ratings', () => {
    const view = room('record');
    const entry = (id: number) => view.entries.find((of) => of.id === id)!;
    expect(entryChoices(view, 2, entry(11))).toEqual({ change: true, remove: true, keep: false });
    expect(entryChoices(view, 1, entry(11))).toEqual({ change: true, remove: true, keep: true });
    expect(entryChoices(view, 1, entry(15))).toEqual({ change: false, remove: false, keep: false });
    expect(entryChoices(view, 3, entry(11))).toEqual({ change: false, remove: false, keep: false });
    expect(entryChoices(view, 0, entry(11))).toEqual({ change: false, remove: true, keep: false });
    expect(entryChoices(room('ended'), 2, entry(11))).toEqual({ change: false, remove: false, keep: false });
  });

  test('belongs to the client; where there is none, to whoever holds the chair', () => {
    expect(recordOwner(room('closing'))).toBe(1);
    const plain = room('closing');
    plain.people[1]!.role = 'consultant';
    expect(recordOwner(plain)).toBe(0);
    expect(decidesRecord(plain, 0)).toBe(true);
  });

  test('is kept or erased by the client in the last phase and after it', () => {
    expect(decidesRecord(room('closing'), 1)).toBe(true);
    expect(decidesRecord(room('closing'), 0)).toBe(false);
    expect(decidesRecord(room('round'), 1)).toBe(false);
    expect(decidesRecord(room('ended'), 1)).toBe(true);
    // Nobody decides for a client who is away: undecided, it goes by itself.
    const away = room('closing');
    away.people[1]!.presence = { presence: 'away', since: NOW };
    expect(decidesRecord(away, 0)).toBe(false);
  });

  test('a draft is ready without the blanks around it, and not before', () => {
    expect(ready({ kind: 'note', text: '  ' })).toBeNull();
    expect(ready({ kind: 'note', text: ' a ' })).toEqual({ kind: 'note', text: 'a' });
    expect(ready({ kind: 'action', what: ' ', when: 'now', first_step: 'x' })).toBeNull();
    expect(ready({ kind: 'rating', stars: 0, comment: 'good' })).toBeNull();
    expect(ready({ kind: 'rating', stars: 5, comment: ' ' })).toEqual({
      kind: 'rating',
      stars: 5,
      comment: '',
    });
  });
});

describe('the export', () => {
  test('holds everything, in the language of the page', () => {
    language.value = 'fr';
    const text = toMarkdown(room('ended'), '23 novembre 2026', t);
    expect(text).toMatchInlineSnapshot(`
      "# Codéveloppement, 1 h 15

      23 novembre 2026

      ## Participants

      - Hélène (Animation)
      - Laura (Client)
      - Amine (Consultant)
      - Inès (Consultant)
      - Jean-Baptiste (Consultant)
      - Chloé (Consultant)
      - Oumar (Expert)
      - Sofia (Consultant)

      ## Le contrat

      > J’aimerais que vous m’aidiez à dire non sans abîmer la relation.

      ## Suggestions gardées

      - Répondre à chaque nouvelle demande par une question : « Que souhaites-tu que je repousse ? » (Amine)
      - Demander une demi-heure par mois pour choisir les priorités ensemble. (Jean-Baptiste)

      ## Autres suggestions

      - Tenir un relevé écrit de mes engagements pendant deux semaines. (Sofia)

      ## Plan d’action

      - [ ] Poser un rendez-vous mensuel de priorités
        - Quand : vendredi 4 décembre
        - Premier pas : Lui écrire trois lignes demain matin

      ## Apprentissages

      - Inès – Je dis oui pour être aimée, pas pour être utile.

      ## Évaluation

      - ★★★★★ (Oumar) – Un vrai silence d’écoute.
      - ★★★★☆ (Amine)
      "
    `);
  });

  test.each([
    ['# no heading', '\\# no heading'],
    ['<script>', '\\<script\\>'],
    ['- no list', '\\- no list'],
    ['1. no list', '1\\. no list'],
    ['[x](y) *b*', '\\[x\\](y) \\*b\\*'],
    ['two\nlines', 'two  \nlines'],
    ['a - b, 2 + 2', 'a - b, 2 + 2'],
  ])('%j stays what was written', (text, escaped) => {
    expect(plain(text)).toBe(escaped);
  });

  test('has a name that every system takes', () => {
    const view = room('ended');
    expect(fileName(view, NOW)).toBe('codev-1h15-2026-11-23.md');
    view.template.id = '../../etc/é';
    expect(fileName(view, NOW)).toBe('etc-2026-11-23.md');
  });

  test('the mean of the stars', () => {
    expect(meanStars(room('ended'))).toBe(4.5);
    expect(meanStars(room('holder'))).toBeNull();
  });
});

describe('the time budget', () => {
  test('shows what each phase was given and what it lent', () => {
    const rows = agenda(room('round'));
    expect(rows.filter(({ change }) => change !== 0).map(({ title, change }) => [title, change])).toEqual([
      ['Clarification', 120_000],
      ['Consultation', -90_000],
      ['Synthèse et plan d’action', -30_000],
    ]);
    expect(rows.map(({ step }) => step)).toEqual([
      ...Array.from({ length: 6 }, () => 'past'),
      'now',
      'next',
      'next',
      'next',
    ]);
  });

  test('offers what gives something, each length once, with its price by name', () => {
    const view = room('round');
    const quotes = personal('round', 'fr', 0, NOW).chair!.extensions;
    expect(offers(view, quotes)[0]).toMatchObject({
      by: 60_000,
      gets: 60_000,
      costs: [
        { title: 'Synthèse et plan d’action', loses: 40_000 },
        { title: 'Apprentissages', loses: 20_000 },
      ],
    });
    const most = [60_000, 120_000, 300_000].map((by) => ({ by, gets: 60_000, costs: [] }));
    expect(offers(view, most).map(({ by }) => by)).toEqual([60_000]);
    expect(offers(view, [{ by: 60_000, gets: 0, costs: [] }])).toEqual([]);
  });

  test.each([
    [40_000, { minutes: 0, seconds: 40 }],
    [-90_000, { minutes: 1, seconds: 30 }],
    [119_700, { minutes: 2, seconds: 0 }],
  ])('%i ms are said as %j', (length, said) => {
    expect(spoken(length)).toEqual(said);
  });
});

describe('a vote', () => {
  test('shows one’s own ballot, who voted, and never anybody’s choice', () => {
    const view = room('vote');
    expect(ballotCard(view, personal('vote', 'fr', 2, NOW), 2)).toMatchObject({
      mine: 1,
      votes: true,
      voted: 3,
      total: 8,
    });
    expect(ballotCard(view, personal('vote', 'fr', 3, NOW), 3)).toMatchObject({ mine: null, votes: true });
    expect(JSON.stringify(view.votes)).not.toContain('ballots');
  });

  test('a ballot of an earlier vote is not taken for this one’s', () => {
    const view = room('vote');
    const stale = personal('vote', 'fr', 2, NOW);
    expect(ballotCard(view, stale, 3)?.mine).toBeNull();
  });

  test('whoever is neither counted nor awaited does not vote', () => {
    const view = room('vote');
    view.votes.open!.awaited = [0, 1];
    expect(ballotCard(view, null, 7)).toMatchObject({ votes: false });
  });

  test('a result is shown in its phase; a tie names those who came first', () => {
    expect(resultCard(room('result'))?.rows.map(({ ballots, chosen }) => [ballots, chosen])).toEqual([
      [4, true],
      [2, false],
      [1, false],
    ]);
    expect(tiedSeats(room('tie'))).toEqual([1, 3]);
    expect(tiedSeats(room('result'))).toEqual([]);
    const later = room('result');
    later.phase.stage = { stage: 'running', index: 2 };
    expect(resultCard(later)).toBeNull();
  });
});
