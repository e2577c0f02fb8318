/** Rooms as a server would describe them, for the pictures. Written by hand; the wire's types hold them. */
import type {
  Entry,
  FloorKind,
  Language,
  PersonalView,
  PersonView,
  RoomView,
  Seat,
  TurnView,
} from '../src/wire/index.ts';
import { phasesIn } from './phases.ts';

const SECOND = 1000;
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

/** What a scene is made from. */
interface Making {
  room: RoomView;
  now: number;
  fr: boolean;
  /** The phase, by its place; none is the lobby. */
  at(index: number, left?: number): void;
  turn(seat: Seat, left: number, total: number, more?: Partial<TurnView>): void;
  person(seat: Seat): PersonView;
  contract(): void;
  record(): void;
}

const CHOICE = 1;
const ACCOUNT = 2;
const QUESTIONS = 3;
const CONTRACT = 4;
const REFLECTION = 5;
const ADVICE = 6;
const PLAN = 7;
const LEARNING = 8;
const CLOSING = 9;

const round = ({ room, at, turn, contract }: Making, speaker: Seat, left: number) => {
  at(ADVICE);
  contract();
  turn(speaker, left, 2 * MINUTE);
  room.floor.upcoming = [3, 4, 5, 6].filter((seat) => seat !== speaker);
  room.floor.takes_requests = true;
};

const away = (person: PersonView, now: number, held?: number) => {
  person.presence = {
    presence: 'away',
    since: now - 4 * SECOND,
    ...(held === undefined ? {} : { held_until: now + held }),
  };
};

const SCENES = {
  lobby({ person, room }) {
    for (const seat of [5, 6, 7]) person(seat).presence = { presence: 'expected' };
    room.floor.chat_open = true;
  },
  holder({ room, now, at, turn }) {
    at(ACCOUNT);
    turn(1, 4 * MINUTE + 12 * SECOND, 7 * MINUTE);
    room.floor.takes_requests = true;
    room.floor.hands = [
      { seat: 5, since: now - 40_000 },
      { seat: 2, since: now - 12_000, remaining: 41_000 },
    ];
  },
  mine: (making) => round(making, 2, 73 * SECOND),
  round(making) {
    round(making, 7, 52 * SECOND);
    making.room.floor.hands = [
      { seat: 6, since: making.now - 40_000 },
      { seat: 3, since: making.now - 12_000 },
    ];
  },
  pair({ room, now, at, turn }) {
    at(QUESTIONS, 48 * SECOND);
    turn(3, 14 * SECOND, 20 * SECOND, { part: 'ask', partner: 1, warning: 5000 });
    room.floor.takes_requests = true;
    room.floor.hands = [{ seat: 5, since: now - 40_000 }];
  },
  ask({ room, at, turn }) {
    at(QUESTIONS);
    turn(3, 14 * SECOND, 20 * SECOND, { part: 'ask', warning: 5000 });
    room.floor.takes_requests = true;
  },
  contract({ room, at, turn, contract }) {
    at(CONTRACT);
    contract();
    turn(1, 3 * MINUTE, 5 * MINUTE);
    room.phase.contract_accepted_by = [2, 3, 7];
    room.phase.contract_awaits = [0, 4, 5, 6];
    room.phase.blocked = 'contract_not_accepted';
    room.phase.next = { step: 'wait' };
  },
  wording({ room, at, turn }) {
    at(CONTRACT);
    turn(1, 3 * MINUTE, 5 * MINUTE);
    room.phase.blocked = 'contract_not_accepted';
    room.phase.next = { step: 'wait' };
  },
  silence({ room, now, at, contract }) {
    at(REFLECTION, 95 * SECOND);
    contract();
    room.floor.step_clock = { clock: 'running', deadline: now + 95 * SECOND };
  },
  open({ room, at }) {
    at(CLOSING, 41 * SECOND);
    room.floor.chat_open = true;
    room.phase.next = { step: 'end' };
  },
  away(making) {
    round(making, 7, 64 * SECOND);
    const { room, now, person } = making;
    away(person(7), now, 16 * SECOND);
    room.floor.turn!.clock = { clock: 'paused', remaining: 64 * SECOND };
    room.floor.turn!.waiting = { reason: 'speaker_away', until: now + 16 * SECOND };
  },
  grace: (making) => round(making, 7, -3500),
  'grace-mine': (making) => round(making, 2, -3500),
  warning: (making) => round(making, 2, 11 * SECOND),
  screen({ room, at, turn }) {
    at(ACCOUNT);
    turn(1, 4 * MINUTE + 12 * SECOND, 7 * MINUTE);
    room.state.screen = 1;
  },
  advance(making) {
    round(making, 6, 0);
    const { room, now } = making;
    delete room.floor.turn;
    room.floor.upcoming = [];
    room.phase.advance = { at: now + 8 * SECOND };
  },
  vote({ room, now, fr, at }) {
    at(CHOICE, 75 * SECOND);
    room.entries = subjects(fr, now);
    room.votes.open = {
      phase: CHOICE,
      about: 'client',
      options: [1, 3, 5].map((seat) => ({ option: 'person', seat })),
      voted: [2, 4, 6],
      awaited: [0, 1, 3, 5, 7],
      closes_at: now + 48 * SECOND,
    };
    room.phase.next = { step: 'close_vote' };
    room.phase.blocked = 'client_not_named';
    for (const person of room.people) if (person.role === 'client') person.role = 'consultant';
  },
  result(making) {
    SCENES.vote(making);
    const { room } = making;
    delete room.votes.open;
    delete room.phase.blocked;
    room.people[1]!.role = 'client';
    room.votes.results = [
      {
        phase: CHOICE,
        about: 'client',
        options: [1, 3, 5].map((seat) => ({ option: 'person', seat })),
        ballots: [4, 2, 1],
        abstained: 1,
        chosen: 0,
      },
    ];
    room.phase.next = { step: 'phase', index: ACCOUNT };
  },
  tie(making) {
    SCENES.vote(making);
    const { room } = making;
    delete room.votes.open;
    room.votes.results = [
      {
        phase: CHOICE,
        about: 'client',
        options: [1, 3, 5].map((seat) => ({ option: 'person', seat })),
        ballots: [3, 3, 1],
        abstained: 1,
      },
    ];
    room.phase.next = { step: 'wait' };
  },
  breakout({ room, now, at }) {
    at(ADVICE);
    room.floor.policy = 'breakout';
    room.floor.groups = [
      { group: 1, seats: [1, 2] },
      { group: 2, seats: [3, 4] },
      { group: 3, seats: [5, 6, 7] },
    ];
    room.floor.step_clock = { clock: 'running', deadline: now + 3 * MINUTE + 20 * SECOND };
  },
  circle({ room, at }) {
    at(ADVICE);
    room.floor.policy = 'open';
    room.floor.circle = [1, 3, 6];
    room.floor.circle_seats = 4;
    room.floor.takes_requests = true;
    room.floor.hands = [];
  },
  record(making) {
    round(making, 7, 52 * SECOND);
    making.record();
  },
  plan({ room, at, turn, contract, record }) {
    at(PLAN);
    contract();
    record();
    turn(1, 5 * MINUTE, 6 * MINUTE);
    room.floor.upcoming = [];
  },
  learning({ room, at, turn, contract, record }) {
    at(LEARNING);
    contract();
    record();
    turn(3, 31 * SECOND, 45 * SECOND);
    room.floor.upcoming = [4, 5, 6, 7, 1];
  },
  closing({ room, at, contract, record }) {
    at(CLOSING, 41 * SECOND);
    contract();
    record();
    room.phase.next = { step: 'end' };
  },
  ended({ room, contract, record }) {
    contract();
    record();
    room.phase.stage = { stage: 'ended' };
    room.phase.next = { step: 'over' };
    room.state.record = { fate: 'keep' };
  },
  erased({ room }) {
    room.phase.stage = { stage: 'ended' };
    room.phase.next = { step: 'over' };
    room.state.record = { fate: 'erase' };
  },
  'client-away'({ room, now, at, contract, person }) {
    at(ADVICE);
    contract();
    away(person(1), now, 102 * SECOND);
    room.phase.clock = { clock: 'paused', remaining: 9 * MINUTE };
    room.state.pause = { reason: 'for_client', seat: 1, until: now + 102 * SECOND };
  },
  'client-gone'(making) {
    SCENES['client-away'](making);
    away(making.person(1), making.now);
    making.room.state.pause = { reason: 'for_client', seat: 1 };
  },
  writing(making) {
    SCENES['client-away'](making);
    away(making.person(1), making.now);
    delete making.room.state.pause;
    making.room.state.in_writing = true;
    making.room.phase.clock = { clock: 'running', deadline: making.now + 9 * MINUTE };
    making.room.floor.chat_open = true;
  },
  autopilot(making) {
    round(making, 7, 52 * SECOND);
    const { room, now, person } = making;
    away(person(0), now);
    delete room.state.chair;
    person(0).chair = false;
    room.state.autopilot = { wanted_by: [3, 5], needed: 4 };
  },
  'chair-away'(making) {
    round(making, 7, 52 * SECOND);
    const { room, now, person } = making;
    away(person(0), now, 12 * SECOND);
    room.state.backup = 3;
  },
  replaced(making) {
    round(making, 7, 52 * SECOND);
    making.room.state.chair = 3;
    making.person(0).chair = false;
    making.person(3).chair = true;
  },
  entering(making) {
    round(making, 7, 52 * SECOND);
    making.person(4).presence = { presence: 'entering' };
  },
  paused(making) {
    round(making, 7, 52 * SECOND);
    const { room } = making;
    room.state.pause = { reason: 'by_chair' };
    room.phase.clock = { clock: 'paused', remaining: 9 * MINUTE };
    room.floor.turn!.clock = { clock: 'paused', remaining: 52 * SECOND };
    room.floor.turn!.waiting = { reason: 'phase_paused' };
  },
  everybody(making) {
    SCENES.paused(making);
    const { room, now, person } = making;
    room.state.pause = { reason: 'for_everybody', until: now + 84 * SECOND };
    for (const seat of [4, 5, 6]) away(person(seat), now);
  },
  drill({ room, now }) {
    room.state.drill = { seat: 1, since: now - 3000, back_at: now + 7000, until: now + 17_000 };
  },
  'drill-back'({ room, now }) {
    room.state.drill = { seat: 1, since: now - 12_000, back_at: now - 2000, until: now + 8000 };
  },
} satisfies Record<string, (making: Making) => void>;

/** What a picture shows, told to the fake server in the link's token. */
export type SceneName = keyof typeof SCENES;
export const sceneNames = Object.keys(SCENES) as SceneName[];

function subjects(fr: boolean, now: number): Entry[] {
  const texts: [Seat, string, string][] = [
    [1, 'Dire non à mon directeur sans abîmer la relation', 'Saying no to my director without harm'],
    [3, 'Deux collaborateurs qui ne se parlent plus', 'Two team members who no longer talk'],
    [5, 'Reprendre la main sur mon agenda', 'Taking my calendar back'],
  ];
  return texts.map(([seat, french, english], id) => ({
    id: id + 1,
    seat,
    at: now - 120_000,
    kept: false,
    entry: { kind: 'subject', text: fr ? french : english },
  }));
}

function written(fr: boolean, now: number): Entry[] {
  const entry = (id: number, seat: Seat, kept: boolean, draft: Entry['entry']): Entry => ({
    id,
    seat,
    at: now - 600_000 + id * 20_000,
    kept,
    entry: draft,
  });
  const say = (french: string, english: string) => (fr ? french : english);
  return [
    entry(11, 2, true, {
      kind: 'suggestion',
      text: say(
        'Répondre à chaque nouvelle demande par une question : « Que souhaites-tu que je repousse ? »',
        'Answer each new request with a question: “What would you like me to put off?”',
      ),
    }),
    entry(12, 7, false, {
      kind: 'suggestion',
      text: say(
        'Tenir un relevé écrit de mes engagements pendant deux semaines.',
        'Keep a written list of what I promised for two weeks.',
      ),
    }),
    entry(13, 4, true, {
      kind: 'suggestion',
      text: say(
        'Demander une demi-heure par mois pour choisir les priorités ensemble.',
        'Ask for half an hour a month to choose priorities together.',
      ),
    }),
    entry(14, 1, false, {
      kind: 'action',
      what: say('Poser un rendez-vous mensuel de priorités', 'Set up a monthly meeting on priorities'),
      when: say('vendredi 4 décembre', 'Friday 4 December'),
      first_step: say('Lui écrire trois lignes demain matin', 'Write three lines tomorrow morning'),
    }),
    entry(15, 3, false, {
      kind: 'learning',
      text: say(
        'Je dis oui pour être aimée, pas pour être utile.',
        'I say yes to be liked, not to be useful.',
      ),
    }),
    entry(16, 6, false, {
      kind: 'rating',
      stars: 5,
      comment: say('Un vrai silence d’écoute.', 'A true silence of listening.'),
    }),
    entry(17, 2, false, { kind: 'rating', stars: 4, comment: '' }),
  ];
}

/** The room of a scene. */
export function scene(name: SceneName, language: Language, now: number): RoomView {
  const fr = language === 'fr';
  const phases = phasesIn(language);
  const people: PersonView[] = NAMES.map(([personName, role], seat) => ({
    seat,
    name: personName,
    role,
    expert: seat === 6,
    presence: { presence: 'here' },
    muted: seat === 5 || seat === 3,
    camera: seat !== 4 && seat !== 6,
    chair: seat === 0,
  }));
  const room: RoomView = {
    template: {
      id: 'codev-1h15',
      title: fr ? 'Codéveloppement, 1 h 15' : 'Peer coaching, 1 h 15',
      purpose: fr
        ? 'Un client apporte un sujet, ses pairs l’aident à avancer, chacun apprend.'
        : 'A client brings one subject, the peers help them move on, everyone learns.',
      target: 75 * MINUTE,
    },
    phases,
    phase: {
      stage: { stage: 'lobby' },
      clock: { clock: 'paused', remaining: 0 },
      total: 0,
      extended: 0,
      planned: phases.map(({ target }) => target),
      contract_accepted_by: [],
      contract_awaits: [],
      next: { step: 'start' },
    },
    floor: {
      policy: 'open',
      firmness: 'enforce',
      takes_requests: false,
      rights: people.map(({ seat }) => [seat, { audio: true, video: true, screen: seat === 0 }]),
      hands: [],
      upcoming: [],
      circle: [],
      groups: [],
      chat_open: false,
    },
    people,
    state: { chair: 0, in_writing: false, record: { fate: 'undecided' } },
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
  const lent: [number, number][] = [
    [ADVICE, -90_000],
    [PLAN, -30_000],
  ];
  const making: Making = {
    room,
    now,
    fr,
    at(index, left = 6 * MINUTE + 41 * SECOND) {
      const { phase, floor } = room;
      const policy: FloorKind = phases[index]?.floor ?? 'open';
      phase.stage = { stage: 'running', index };
      phase.clock = { clock: 'running', deadline: now + left };
      // Two minutes were taken in the clarification, and later phases lent them.
      phase.planned[QUESTIONS]! += 2 * MINUTE;
      for (const [of, change] of lent) phase.planned[of]! += change;
      phase.total = phase.planned[index] ?? 0;
      const later = phase.planned.slice(index + 1).reduce((sum, length) => sum + length, 0);
      phase.session_ends_at = now + left + later;
      phase.next = index + 1 < phases.length ? { step: 'phase', index: index + 1 } : { step: 'end' };
      floor.policy = policy;
      if (policy !== 'open') {
        floor.rights = people.map(({ seat }) => [
          seat,
          { audio: seat === 0, video: true, screen: seat === 0 },
        ]);
      }
    },
    turn(seat, left, total, more = {}) {
      room.floor.turn = {
        turn_id: 7,
        seat,
        part: 'speak',
        clock: { clock: 'running', deadline: now + left },
        total,
        warning: 15_000,
        grace: 10_000,
        ...more,
      };
      const right = room.floor.rights.find(([of]) => of === seat);
      if (right) right[1] = { ...right[1], audio: true };
    },
    person: (seat) => people[seat]!,
    contract() {
      room.phase.contract = fr
        ? 'J’aimerais que vous m’aidiez à dire non sans abîmer la relation.'
        : 'I’d like you to help me say no without harming the relationship.';
    },
    record() {
      room.entries = written(fr, now);
    },
  };
  SCENES[name](making);
  return room;
}

/** What one person alone is shown in a scene. */
export function personal(name: SceneName, language: Language, seat: Seat, now: number): PersonalView {
  const fr = language === 'fr';
  const room = scene(name, language, now);
  const ends = room.phase.session_ends_at ?? now + 60 * MINUTE;
  const notes = fr
    ? 'Demander à Laura ce qu’elle a déjà essayé.\nPenser à l’exemple de la réunion du lundi.'
    : 'Ask Laura what she has tried already.\nThink of Monday’s meeting.';
  const running = room.phase.stage.stage === 'running';
  return {
    ...(name === 'vote' && seat === 2 ? { ballot: { ballot: 'for', option: 1 } as const } : {}),
    notes,
    talk: running ? { spoke: 93_000, share: 12, fair: 14 } : { spoke: 0, share: 0, fair: 0 },
    ...(room.state.chair === seat
      ? {
          chair: {
            balance: [1, 2, 3, 4, 5, 6, 7].map((of) => ({
              seat: of,
              band: !running ? 'unknown' : of === 4 ? 'quiet' : of === 7 ? 'much' : 'even',
              turns: of === 4 ? 0 : 2,
              unused: 0,
              longest_wait: of === 5 ? 95_000 : 12_000,
              blocked: of === 7 ? 4 : 0,
            })),
            extensions: running
              ? [
                  {
                    by: MINUTE,
                    gets: MINUTE,
                    costs: [
                      [PLAN, 40_000],
                      [LEARNING, 20_000],
                    ],
                    session_ends_at: ends,
                  },
                  {
                    by: 2 * MINUTE,
                    gets: 2 * MINUTE,
                    costs: [
                      [PLAN, 70_000],
                      [LEARNING, 50_000],
                    ],
                    session_ends_at: ends,
                  },
                  {
                    by: 5 * MINUTE,
                    gets: 3 * MINUTE + 30 * SECOND,
                    costs: [
                      [PLAN, 130_000],
                      [LEARNING, 80_000],
                    ],
                    session_ends_at: ends,
                  },
                ]
              : [],
            help: running
              ? [
                  {
                    seat: 5,
                    at: now - 150_000,
                    text: fr
                      ? 'J’ai perdu le fil, pouvez-vous redire le contrat ?'
                      : 'I have lost the thread.',
                  },
                ]
              : [],
            drops: running
              ? [
                  {
                    seat: 6,
                    at: now - 800_000,
                    back_at: now - 786_000,
                    cause: 'path_dead',
                    rung: 'ice_restart',
                  },
                  { seat: 4, at: now - 300_000, back_at: now - 297_000, cause: 'udp_blocked', rung: 'tcp' },
                  ...(name === 'away' ? [{ seat: 7, at: now - 4000 }] : []),
                ]
              : [],
          },
        }
      : {}),
  };
}
