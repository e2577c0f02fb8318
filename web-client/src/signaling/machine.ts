/**
 * The signaling connection as a pure machine: `transition(state, event)` gives the next state and what
 * to do, in order. It owns no socket and no clock; `Connection` in `connection.ts` is its hands.
 *
 * A connection that is lost is taken up again with the resume token and the last event's number.
 * Commands carry numbers and are kept until answered, so that one sent into a dying socket is sent
 * again and carried out once.
 */
import type {
  ClientMessage,
  ClosingReason,
  Command,
  CommandId,
  EventSeq,
  Language,
  Missed,
  ServerMessage,
  Welcome,
} from '../wire/index.ts';
import { WIRE_VERSION } from '../wire/index.ts';
import { LONG_AWAY, retryDelay, type Priority } from './backoff.ts';

/** A ping leaves this often; the server's silence is measured against it. */
export const PING_EVERY = 2000;
/** No message for so long: the connection is lost, whatever the socket believes. */
export const SILENCE_LIMIT = 6000;
/** A socket that has not opened, or has not answered the hello, within this is given up. */
export const OPEN_LIMIT = 5000;
/** Something hints at a loss (the media fell silent, the machine slept): an answer is due within this. */
export const SUSPECTED_LIMIT = 2000;
/** Two looks at the clock further apart than this: the page itself was held back, not the network. */
export const SLEPT = 3000;
/** The longest that a server may ask a page to stay away. */
export const LONGEST_PAUSE = 30_000;
/** A page that said too much, or that a full server turned away, pauses this long before it comes back. */
export const TURNED_AWAY_PAUSE = 5000;
/** Unanswered commands kept; past it the oldest is given up, and its answer is a refusal. */
export const MAX_PENDING = 64;

/** What a page presents at the door. */
export interface Credentials {
  token: string;
  language: Language;
}

/** A command on its way. */
export interface Pending {
  id: CommandId;
  command: Command;
}

/** Where a page that was in left off. */
export interface Place {
  resumeToken: string;
  lastSeq: EventSeq;
}

/** Where the connection stands. */
export type Phase =
  | { kind: 'idle' }
  /** A socket is being opened, or has said hello and waits. */
  | { kind: 'connecting'; attempt: number; lostAt: number; since: number; place: Place | null }
  | { kind: 'joined'; place: Place; lastHeard: number; nextPing: number }
  /** Between two attempts; `full`: the server was, at the last one. */
  | {
      kind: 'waiting';
      attempt: number;
      lostAt: number;
      retryAt: number;
      place: Place | null;
      full?: boolean;
    }
  | { kind: 'closed'; reason: FinalReason };

/** Why a page does not come back by itself. */
export type FinalReason = Exclude<ClosingReason, 'too_slow' | 'restarting' | 'flooding' | 'full'>;

/** Whether it is tried only now and then, after so long. */
export const isLongAway = (phase: Phase, now: number): boolean =>
  (phase.kind === 'connecting' || phase.kind === 'waiting') && now - phase.lostAt >= LONG_AWAY;

/** The whole state. */
export interface State {
  credentials: Credentials;
  phase: Phase;
  /** Commands not answered yet, ascending. */
  pending: Pending[];
  /** The number the next command gets; unknown before the first welcome. */
  nextId: CommandId;
  /** Said before the first welcome: numbered when it comes. */
  unnumbered: Command[];
  /** Whether a welcome was ever received. */
  wasIn: boolean;
  /** How soon to come back after a loss that many share. */
  priority: Priority;
  /** When the clock was last looked at. */
  lookedAt: number;
  /** When it was last found that nothing of the page ran for a while. */
  wokeAt: number;
  /** Whether the page slept as the connection was lost: that its network broke is not known. */
  lostAsleep: boolean;
  /** The person left while there was no connection: the next one says so, and nothing else. */
  leaving: boolean;
  /** Until then the server before carries this page's media, though the room is another one's; 0 where not. */
  mediaUntil: number;
}

/** What happens to the connection. */
export type Input =
  | { type: 'start'; now: number }
  | { type: 'opened'; now: number }
  | { type: 'socket_closed'; now: number; jitter: number }
  | { type: 'message'; now: number; message: ServerMessage; jitter: number }
  | { type: 'tick'; now: number; jitter: number }
  | { type: 'online'; now: number }
  /** Something hints at a loss. */
  | { type: 'suspect'; now: number }
  /** A binary frame came. */
  | { type: 'frame'; now: number }
  | { type: 'priority'; priority: Priority }
  | { type: 'command'; command: Command }
  | { type: 'say'; message: ClientMessage }
  | { type: 'language'; language: Language; now: number }
  | { type: 'leave' };

/** What the machine asks of its hands. */
export type Effect =
  | { do: 'open' }
  | { do: 'close' }
  | { do: 'send'; message: ClientMessage }
  | { do: 'welcome'; welcome: Welcome; again: boolean; mediaUntil: number }
  | { do: 'resumed'; missed: Missed; asleep: boolean }
  | { do: 'deliver'; message: ServerMessage }
  | { do: 'answered'; command: Command; answer: import('../wire/index.ts').Answer };

/** A machine that has done nothing yet. */
export function initial(credentials: Credentials): State {
  return {
    credentials,
    phase: { kind: 'idle' },
    pending: [],
    nextId: 1,
    unnumbered: [],
    wasIn: false,
    priority: 'ordinary',
    lookedAt: 0,
    wokeAt: -Infinity,
    lostAsleep: false,
    leaving: false,
    mediaUntil: 0,
  };
}

type Step = { state: State; effects: Effect[] };

/** The next state, and what to do. */
export function transition(state: State, input: Input): Step {
  switch (input.type) {
    case 'start':
      if (state.phase.kind !== 'idle' && state.phase.kind !== 'closed') return stay(state);
      return connect(state, input.now, 1, input.now, null);
    case 'opened': {
      if (state.phase.kind !== 'connecting') return stay(state);
      return { state, effects: [{ do: 'send', message: hello(state, state.phase.place) }] };
    }
    case 'socket_closed':
      return lost(state, input.now, input.jitter);
    case 'online': {
      // The browser has a network again: no reason to sit out the delay.
      const phase = hurried(state.phase, input.now);
      if (phase.kind !== 'waiting') return stay({ ...state, phase });
      return connect(state, input.now, phase.attempt, phase.lostAt, phase.place);
    }
    case 'suspect':
      return suspect(state, input.now, false);
    case 'frame':
      return state.phase.kind === 'joined'
        ? stay({ ...state, phase: { ...state.phase, lastHeard: input.now } })
        : stay(state);
    case 'priority':
      return stay({ ...state, priority: input.priority });
    case 'tick': {
      const slept = sleepsUntil(state, input.now);
      const looked = { ...state, lookedAt: input.now, wokeAt: slept ? input.now : state.wokeAt };
      // What came meanwhile may wait behind this look: it is not the network's silence.
      return slept ? suspect(looked, input.now, true) : tick(looked, input.now, input.jitter);
    }
    case 'command':
      return command(state, input.command);
    case 'say':
      return state.phase.kind === 'joined'
        ? { state, effects: [{ do: 'send', message: input.message }] }
        : stay(state);
    case 'language': {
      const next = { ...state, credentials: { ...state.credentials, language: input.language } };
      // Prompts come in the hello's language: ask for the whole room again.
      if (state.phase.kind !== 'joined') return stay(next);
      const step = connect(next, input.now, 1, input.now, null);
      return { state: step.state, effects: [{ do: 'close' }, ...step.effects] };
    }
    case 'leave': {
      // The others would otherwise wait for somebody who has left.
      const back = state.phase.kind === 'connecting' || state.phase.kind === 'waiting';
      if (back && state.wasIn) return stay({ ...state, leaving: true, pending: [], unnumbered: [] });
      const effects: Effect[] = [];
      if (state.phase.kind === 'joined') effects.push({ do: 'send', message: { type: 'leave' } });
      effects.push({ do: 'close' });
      return { state: { ...state, phase: { kind: 'closed', reason: 'left' }, pending: [] }, effects };
    }
    case 'message':
      return heard(state, input.message, input.now, input.jitter);
  }
}

/** Whether nothing of the page has run for long before `now`. */
const sleepsUntil = ({ lookedAt }: State, now: number): boolean => lookedAt > 0 && now - lookedAt >= SLEPT;

function stay(state: State): Step {
  return { state, effects: [] };
}

function hello(state: State, place: Place | null): ClientMessage {
  return {
    type: 'hello',
    version: WIRE_VERSION,
    token: state.credentials.token,
    language: state.credentials.language,
    ...(place ? { resume: { token: place.resumeToken, last_seq: place.lastSeq } } : {}),
  };
}

function connect(state: State, now: number, attempt: number, lostAt: number, place: Place | null): Step {
  return {
    state: { ...state, phase: { kind: 'connecting', attempt, lostAt, since: now, place } },
    effects: [{ do: 'open' }],
  };
}

/** Something speaks for another try: who was away for long tries as often as after a loss again. */
const hurried = (phase: Phase, now: number): Phase =>
  'lostAt' in phase && isLongAway(phase, now) ? { ...phase, lostAt: now } : phase;

/**
 * The connection is gone: the next attempt is at once, or later. It is not before `pause`;
 * a server that says when to come back has spread its pages itself, and is taken at its word.
 */
function lost(state: State, now: number, jitter: number, pause = 0, told?: number): Step {
  const { phase } = state;
  if (phase.kind !== 'joined' && phase.kind !== 'connecting') return stay(state);
  const first = phase.kind === 'joined';
  const attempt = first ? 1 : phase.attempt + 1;
  const lostAt = first ? now : phase.lostAt;
  // Nobody waits any more for the word of somebody who left so long ago.
  if (state.leaving && isLongAway(phase, now))
    return stay({ ...state, phase: { kind: 'closed', reason: 'left' } });
  const delay = retryDelay(attempt, now - lostAt, jitter, state.priority);
  const retryAt = now + (first && told !== undefined ? told : Math.max(delay, told ?? pause));
  // A loss while it slept is noticed as it wakes, before the next look at the clock or some seconds after it.
  const asleep = sleepsUntil(state, now) || now - state.wokeAt < SILENCE_LIMIT;
  return {
    state: {
      ...state,
      lostAsleep: first ? asleep : state.lostAsleep,
      phase: { kind: 'waiting', attempt, lostAt, retryAt, place: phase.place },
    },
    effects: [],
  };
}

function tick(state: State, now: number, jitter: number): Step {
  const { phase } = state;
  switch (phase.kind) {
    case 'connecting':
      if (now - phase.since < OPEN_LIMIT) return stay(state);
      return withClose(lost(state, now, jitter));
    case 'waiting':
      return now >= phase.retryAt
        ? connect(state, now, phase.attempt, phase.lostAt, phase.place)
        : stay(state);
    case 'joined': {
      if (now - phase.lastHeard >= SILENCE_LIMIT) return withClose(lost(state, now, jitter));
      if (now < phase.nextPing) return stay(state);
      return {
        state: { ...state, phase: { ...phase, nextPing: now + PING_EVERY } },
        effects: [{ do: 'send', message: { type: 'ping', at: Math.round(now) } }],
      };
    }
    default:
      return stay(state);
  }
}

/** Asks at once whether the server is there, and waits for the answer less long. */
function suspect(state: State, now: number, slept: boolean): Step {
  const phase = hurried(state.phase, now);
  if (phase.kind === 'waiting') return stay({ ...state, phase: { ...phase, retryAt: now } });
  if (phase.kind !== 'joined') return stay({ ...state, phase });
  const due = now + SUSPECTED_LIMIT - SILENCE_LIMIT;
  const lastHeard = slept ? due : Math.min(phase.lastHeard, due);
  return {
    state: { ...state, phase: { ...phase, lastHeard, nextPing: now + PING_EVERY } },
    effects: [{ do: 'send', message: { type: 'ping', at: Math.round(now) } }],
  };
}

function withClose(step: Step): Step {
  return { state: step.state, effects: [{ do: 'close' }, ...step.effects] };
}

function command(state: State, asked: Command): Step {
  if (state.phase.kind === 'closed' || state.leaving) return stay(state);
  if (!state.wasIn) return stay({ ...state, unnumbered: [...state.unnumbered, asked].slice(-MAX_PENDING) });
  const entry = { id: state.nextId, command: asked };
  const waiting = [...state.pending, entry];
  const pending = waiting.slice(-MAX_PENDING);
  const effects: Effect[] = waiting.slice(0, waiting.length - pending.length).map((old) => ({
    do: 'answered',
    command: old.command,
    answer: { result: 'refused', code: 'too_fast' },
  }));
  if (state.phase.kind === 'joined') effects.push({ do: 'send', message: { type: 'command', ...entry } });
  return { state: { ...state, nextId: state.nextId + 1, pending }, effects };
}

function heard(state: State, message: ServerMessage, now: number, jitter: number): Step {
  if (message.type === 'closing') return closing(state, message, now, jitter);
  if (message.type === 'welcome') {
    if (state.phase.kind !== 'connecting') return stay(state);
    const { type: _, ...welcome } = message;
    return entered(
      state,
      { resumeToken: welcome.resume_token, lastSeq: welcome.seq },
      welcome.last_command,
      welcome.last_command,
      now,
      { do: 'welcome', welcome, again: state.wasIn, mediaUntil: state.mediaUntil },
    );
  }
  if (message.type === 'resumed') {
    if (state.phase.kind !== 'connecting' || !state.phase.place) return stay(state);
    const { type: _, ...missed } = message;
    const lastSeq = missed.events.reduce((seq, event) => Math.max(seq, event.seq), state.phase.place.lastSeq);
    // A command answered while the connection broke is said again: its answer comes again.
    const place = { resumeToken: missed.resume_token, lastSeq };
    return entered(state, place, missed.last_command, 0, now, {
      do: 'resumed',
      missed,
      asleep: state.lostAsleep,
    });
  }
  if (state.phase.kind !== 'joined') return stay(state);
  let phase = { ...state.phase, lastHeard: now };
  if (message.type === 'event') {
    // An event that was seen already must not be applied twice (a chat line would show twice).
    if (message.seq <= phase.place.lastSeq) return stay({ ...state, phase });
    phase = { ...phase, place: { ...phase.place, lastSeq: message.seq } };
  }
  if (message.type === 'answer') {
    const done = state.pending.find((entry) => entry.id === message.id);
    return {
      state: { ...state, phase, pending: state.pending.filter((entry) => entry.id !== message.id) },
      effects: done ? [{ do: 'answered', command: done.command, answer: message.answer }] : [],
    };
  }
  return { state: { ...state, phase }, effects: [{ do: 'deliver', message }] };
}

/**
 * The page is in: what is unanswered is sent (again), what waited for a number gets one. Commands up to
 * `settled` are over, and the room shows what became of them: nobody waits for their answer any more.
 */
function entered(
  state: State,
  place: Place,
  lastCommand: CommandId,
  settled: CommandId,
  now: number,
  first: Effect,
): Step {
  const pending = state.pending.filter((entry) => entry.id > settled);
  const over = state.pending.filter((entry) => entry.id <= settled);
  let nextId = Math.max(lastCommand + 1, state.wasIn ? state.nextId : 1);
  for (const asked of state.unnumbered) pending.push({ id: nextId++, command: asked });
  if (state.leaving) {
    return {
      state: { ...state, phase: { kind: 'closed', reason: 'left' }, pending: [] },
      effects: [{ do: 'send', message: { type: 'leave' } }, { do: 'close' }],
    };
  }
  return {
    state: {
      ...state,
      wasIn: true,
      unnumbered: [],
      mediaUntil: 0,
      pending,
      nextId,
      phase: { kind: 'joined', place, lastHeard: now, nextPing: now },
    },
    effects: [
      first,
      ...over.map((entry): Effect => ({
        do: 'answered',
        command: entry.command,
        answer: { result: 'done' },
      })),
      ...pending.map((entry): Effect => ({ do: 'send', message: { type: 'command', ...entry } })),
    ],
  };
}

function closing(
  state: State,
  { reason, after, media_for }: Extract<ServerMessage, { type: 'closing' }>,
  now: number,
  jitter: number,
): Step {
  const told = after === undefined ? undefined : Math.min(after, LONGEST_PAUSE);
  switch (reason) {
    case 'too_slow':
    case 'restarting': {
      // A server that does not have the room yet says nothing of what the one before told.
      const until = media_for === undefined ? 0 : now + Math.min(media_for, LONGEST_PAUSE);
      const mediaUntil = Math.max(state.mediaUntil, until);
      return withClose(lost({ ...state, mediaUntil }, now, jitter, 0, told));
    }
    case 'flooding':
    case 'full': {
      const away = lost(state, now, jitter, Math.max(TURNED_AWAY_PAUSE, told ?? 0));
      const { phase } = away.state;
      if (reason === 'flooding' || phase.kind !== 'waiting') return withClose(away);
      return withClose({ ...away, state: { ...away.state, phase: { ...phase, full: true } } });
    }
    default:
      return {
        state: { ...state, phase: { kind: 'closed', reason }, pending: [] },
        effects: [{ do: 'close' }],
      };
  }
}
