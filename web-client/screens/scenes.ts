/** Rooms as a server would describe them, for the pictures. Written by hand; the wire's types hold them. */
import type { FloorView, Language, PersonView, PhaseInfo, RoomView, Seat } from '../src/wire/index.ts';

const MINUTE = 60_000;

const NAMES: [string, PersonView['role']][] = [
  ['Hélène', 'facilitator'],
  ['Laura', 'client'],
  ['Amine', 'consultant'],
  ['Inès', 'consultant'],
  ['Jean-Baptiste', 'consultant'],
  ['Chloé', 'consultant'],
  ['Oumar', 'consultant'],
  ['Sofia', 'consultant'],
];

const PHASES: Record<Language, [string, string, string, string, number, FloorView['policy']][]> = {
  fr: [
    [
      'accueil',
      'Accueil',
      'Se poser, se rappeler la confidentialité, entendre la voix de chacun.',
      'En un mot : comment arrivez-vous ? Ce qui se dit ici reste ici.',
      5,
      'round_robin',
    ],
    [
      'choix-du-sujet',
      'Choix du sujet',
      'Des volontaires présentent leur sujet, le groupe en choisit un.',
      'Un sujet qui vous occupe ? Présentez-le en 45 secondes.',
      5,
      'round_robin',
    ],
    [
      'expose',
      'Exposé',
      'Le client présente son sujet sans être interrompu.',
      'Écoutez sans interrompre',
      7,
      'holder',
    ],
    [
      'clarification',
      'Clarification',
      'Comprendre la situation par des questions de fait, sans conseil.',
      'Une question ouverte, factuelle, sans conseil',
      14,
      'pair',
    ],
    [
      'contrat',
      'Contrat',
      'Le client dit l’aide qu’il attend ; le groupe accepte la phrase.',
      'J’aimerais que vous m’aidiez à…',
      5,
      'pair',
    ],
    [
      'reflexion',
      'Réflexion',
      'Chacun écrit ses idées avant de les partager.',
      'Écrivez d’abord',
      2,
      'silence',
    ],
    [
      'consultation',
      'Consultation',
      'Offrir des idées et des vécus, sans débat. Le client note en silence.',
      'Une idée, un vécu, sans débattre',
      20,
      'round_robin',
    ],
    [
      'synthese',
      'Synthèse et plan d’action',
      'Ce que le client retient et fera.',
      'Je retiens… je ferai… avant le…',
      8,
      'holder',
    ],
    [
      'apprentissages',
      'Apprentissages',
      'Ce que chacun emporte.',
      'Ce que j’emporte pour ma pratique',
      8,
      'round_robin',
    ],
    ['cloture', 'Clôture', 'Se quitter.', 'Un mot pour finir', 1, 'open'],
  ],
  en: [
    [
      'accueil',
      'Welcome',
      'Settle in, recall confidentiality, hear every voice.',
      'In a word: how do you arrive? What is said here stays here.',
      5,
      'round_robin',
    ],
    [
      'choix-du-sujet',
      'Choice of the subject',
      'Volunteers pitch, the group chooses.',
      'A subject on your mind? Pitch it in 45 seconds.',
      5,
      'round_robin',
    ],
    [
      'expose',
      'The client’s account',
      'The client sets out the subject without being interrupted.',
      'Listen, don’t interrupt',
      7,
      'holder',
    ],
    [
      'clarification',
      'Clarification',
      'Understand the situation by questions of fact, without advice.',
      'One open, factual question, no advice',
      14,
      'pair',
    ],
    [
      'contrat',
      'Contract',
      'The client words the help wanted; the group accepts the sentence.',
      'I’d like you to help me…',
      5,
      'pair',
    ],
    ['reflexion', 'Reflection', 'Everyone writes before sharing.', 'Write first', 2, 'silence'],
    [
      'consultation',
      'Consultation',
      'Offer ideas and experience, no debate. The client takes notes.',
      'One idea or experience, no debate',
      20,
      'round_robin',
    ],
    [
      'synthese',
      'Summary and action plan',
      'What the client keeps and will do.',
      'I keep… I’ll do… by…',
      8,
      'holder',
    ],
    [
      'apprentissages',
      'Learnings',
      'What each takes away.',
      'What I take into my practice',
      8,
      'round_robin',
    ],
    ['cloture', 'Closing', 'Part well.', 'A last word', 1, 'open'],
  ],
};

/** What a picture shows, told to the fake server in the link's token. */
export type SceneName =
  | 'lobby'
  | 'holder'
  | 'mine'
  | 'round'
  | 'pair'
  | 'contract'
  | 'silence'
  | 'open'
  | 'away'
  | 'grace'
  | 'screen';
export const SCENES: SceneName[] = [
  'lobby',
  'holder',
  'mine',
  'round',
  'pair',
  'contract',
  'silence',
  'open',
  'away',
  'grace',
  'screen',
];

/** The room of a scene, for a person in a seat. */
export function scene(name: SceneName, language: Language, now: number): RoomView {
  const phases: PhaseInfo[] = PHASES[language].map(([id, title, purpose, prompt, minutes, floor]) => ({
    id,
    title,
    purpose,
    prompt,
    meanwhile: '',
    target: minutes * MINUTE,
    min: minutes * 0.6 * MINUTE,
    max: minutes * 1.3 * MINUTE,
    warnings: [MINUTE],
    floor,
    writes: [],
    takes_contract: id === 'contrat',
    out_of_contract: id === 'consultation',
  }));
  const people: PersonView[] = NAMES.map(([personName, role], seat) => ({
    seat,
    name: personName,
    role,
    expert: false,
    presence: { presence: 'here' },
    muted: seat === 5 || seat === 3,
    camera: seat !== 4 && seat !== 6,
    chair: seat === 0,
  }));
  const index = {
    lobby: -1,
    holder: 2,
    mine: 6,
    round: 6,
    pair: 3,
    contract: 4,
    silence: 5,
    open: 9,
    away: 6,
    grace: 6,
    screen: 2,
  }[name];
  const phase = phases[index];
  const turnOf = (seat: Seat, left: number, partner?: Seat) => ({
    turn_id: 7,
    seat,
    part: 'speak' as const,
    partner,
    total: left,
    clock: { clock: 'running' as const, deadline: now + left },
    warning: 15_000,
    grace: 10_000,
  });
  const floor: FloorView = {
    policy: phase?.floor ?? 'open',
    firmness: 'enforce',
    takes_requests: name === 'holder' || name === 'pair' || name === 'round',
    rights: people.map(({ seat }) => [
      seat,
      { audio: name === 'lobby' || name === 'open', video: true, screen: seat === 1 && name === 'screen' },
    ]),
    hands: [],
    upcoming: [],
    circle: [],
    groups: [],
    chat_open: name === 'lobby' || name === 'open' || name === 'silence',
  };
  const speaker = {
    lobby: -1,
    holder: 1,
    mine: 2,
    round: 7,
    pair: 3,
    contract: 1,
    silence: -1,
    open: -1,
    away: 7,
    grace: 7,
    screen: 1,
  }[name];
  if (speaker >= 0) {
    const left =
      { grace: -3500, mine: 73_000, round: 52_000, away: 64_000 }[name as string] ?? 4 * MINUTE + 12_000;
    floor.turn = turnOf(speaker, left, name === 'pair' ? 1 : name === 'contract' ? 0 : undefined);
    const right = floor.rights.find(([seat]) => seat === speaker);
    if (right) right[1].audio = true;
  }
  if (name === 'holder' || name === 'pair') {
    floor.hands = [
      { seat: 5, since: now - 40_000 },
      { seat: 2, since: now - 12_000, remaining: 41_000 },
    ];
  }
  if (name === 'round') {
    floor.hands = [
      { seat: 6, since: now - 40_000 },
      { seat: 3, since: now - 12_000 },
    ];
  }
  if (name === 'mine' || name === 'round' || name === 'away' || name === 'grace')
    floor.upcoming = [3, 4, 5, 6].filter((seat) => seat !== speaker);
  if (name === 'away') {
    const person = people[7];
    if (person) person.presence = { presence: 'away', since: now - 4000, held_until: now + 16_000 };
    floor.turn = {
      ...turnOf(7, 0),
      clock: { clock: 'paused', remaining: 64_000 },
      waiting: { reason: 'speaker_away', until: now + 16_000 },
    };
  }
  if (name === 'lobby') {
    for (const seat of [5, 6, 7]) people[seat]!.presence = { presence: 'expected' };
  }
  const fr = language === 'fr';
  return {
    template: {
      id: 'codev-1h15',
      title: fr ? 'Codéveloppement, 1 h 15' : 'Peer coaching, 1 h 15',
      purpose: '',
      target: 75 * MINUTE,
    },
    phases,
    phase: {
      stage: index < 0 ? { stage: 'lobby' } : { stage: 'running', index },
      clock:
        index < 0
          ? { clock: 'paused', remaining: 0 }
          : { clock: 'running', deadline: now + (name === 'pair' ? 48_000 : 6 * MINUTE + 41_000) },
      total: phase?.target ?? 0,
      extended: 0,
      planned: phases.map(({ target }) => target),
      contract_awaits: [],
      next:
        index < 0
          ? { step: 'start' }
          : index + 1 < phases.length
            ? { step: 'phase', index: index + 1 }
            : { step: 'end' },
      contract:
        name === 'contract' || name === 'round' || name === 'mine' || name === 'away'
          ? fr
            ? 'J’aimerais que vous m’aidiez à dire non sans abîmer la relation.'
            : 'I’d like you to help me say no without harming the relationship.'
          : undefined,
      contract_accepted_by: name === 'contract' ? [2, 3, 7] : [],
      blocked: name === 'contract' ? 'contract_not_accepted' : undefined,
    },
    floor,
    people,
    state: {
      chair: 0,
      screen: name === 'screen' ? 1 : undefined,
      in_writing: false,
      record: { fate: 'undecided' },
    },
    votes: { results: [] },
    entries: [],
    chat: [
      {
        seat: 3,
        at: now - 90_000,
        text: fr ? 'Bonjour à tous, je suis bien installée.' : 'Hello everyone, I am all set.',
      },
      {
        seat: 4,
        at: now - 60_000,
        text: fr ? 'Bonjour ! Ma caméra arrive dans un instant.' : 'Hi! My camera will be on in a moment.',
      },
    ],
  };
}
