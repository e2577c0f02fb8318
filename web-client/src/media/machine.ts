/**
 * The ladder of ways back, as a pure machine told the time: when the page's media break, what is tried,
 * in which order and from when on. The next rung starts before the last one is given up, and nobody
 * clicks. `controller.ts` is its hands.
 *
 * | from the trouble on | what is tried |
 * |---|---|
 * | at once | an ICE restart, the old path kept until the new one carries: with the credentials that the server held out ahead, and without a word to it; else by an offer |
 * | `FRESH_AFTER` | a new transport in the same seat |
 * | `TUNNEL_AFTER` | voices through the signaling connection, while new transports go on being tried |
 * | `WRITING_AFTER` | nothing else: the person is told that they read and write (`soundless`) |
 *
 * TCP and relays are the browser's own choice inside a new transport, or a restart.
 */
import type { DropCause, IceCredentials, Rung } from '../wire/index.ts';
import type { Via } from './stats.ts';

/**
 * A restart that has not led to a living path within this gives way to a new transport, in milliseconds.
 * One without a word to the server takes a round trip, one by an offer takes two, and the first packet is
 * seen up to 150 ms later: lower would cut them short on slow networks. Higher costs that much sound
 * where UDP is blocked, for Chromium holds on to its old pair for seconds before it checks TCP in a
 * restart, and has no such past in a new transport (docs/adr/0006).
 */
export const FRESH_AFTER = { ahead: 600, restart: 1200 } as const;
/** A new transport that does not come alive within this is tried again: it needs more round trips. */
export const PATIENCE = 4000;
/**
 * A trouble that lasts so long opens the tunnel too. With the detection before it and its opening after
 * it, a voice is back in 3 to 3.5 s, and within 4 s on a busy machine; lower opens it for networks that
 * TCP or a relay would have served, with pictures.
 */
export const TUNNEL_AFTER = 2300;
/** The same on entering, when nothing was heard yet and a first handshake may be slow. */
export const TUNNEL_AFTER_ENTERING = 4500;
/** A tunnel that the server does not answer, or refuses, is asked for again after this. */
export const TUNNEL_AGAIN = 5000;
/** The server closes the tunnel once WebRTC carries; if it does not within this, the page does. */
export const TUNNEL_ENDS_WITHIN = 2000;
/** Without any sound for so long, the person is told to read, to write and to telephone. */
export const WRITING_AFTER = 8000;
/** Pauses before new transports 1, 2, 3…; the last repeats. The server takes one offer in 2 s. */
export const PAUSES = [0, 500, 1000, 2000, 3000, 5000] as const;
/** With voices in the tunnel there is no hurry: each try costs both ends a handshake. */
export const PAUSE_TUNNELLED = 8000;

/** How a path is made: with credentials held out ahead, by an offer, or with a new transport. */
export type Way = 'ahead' | 'restart' | 'fresh';

/** Where the one peer connection stands. */
export type Stage =
  | { at: 'off' }
  /** An offer is out (or being made). */
  | { at: 'offered'; way: Way; since: number }
  /** Answered; nothing has come over the path yet. */
  | { at: 'connecting'; way: Way; since: number }
  | { at: 'up'; via: Via }
  /** Something failed; the next offer leaves at `until`, or once signaling is back. */
  | { at: 'pausing'; way: 'restart' | 'fresh'; until: number };

/** Where the voices in the signaling connection stand. */
export type TunnelStage =
  | { at: 'closed'; notBefore: number }
  | { at: 'asked'; since: number }
  | { at: 'open' }
  /** WebRTC carries again; the server's word is awaited, so that nothing is missed in between. */
  | { at: 'ending'; since: number };

/** A loss, from its beginning to the path that ends it. */
export interface Trouble {
  since: number;
  /** When something was last heard: the gap is counted from there. */
  heardAt: number;
  /** None on entering, which is no loss. */
  cause: DropCause | null;
  /** The way back was reported: it is not reported twice. */
  told: boolean;
}

/** The whole state; times are the page's clock, in milliseconds. */
export interface MediaState {
  stage: Stage;
  tunnel: TunnelStage;
  trouble: Trouble | null;
  /** Of the last offer; a late answer to an earlier one is told by it. */
  generation: number;
  /** New transports in a row that did not lead to a living path. */
  attempt: number;
  /** How the last living path went. */
  via: Via;
  /** The credentials held out for the next path, until one used them. */
  ahead: IceCredentials | null;
  /** The user name fragment of those that were used last: they are kept for another try, and no longer. */
  spent: string | null;
  signaling: boolean;
  /** Whether this browser can take part in a tunnel. */
  tunnels: boolean;
}

/** What happens to the media. */
export type MediaInput =
  /** In the room; `again` when this page was before. `cause` and `heardAt` when it is a way back. */
  | { type: 'joined'; again: boolean; cause?: DropCause; heardAt?: number }
  | { type: 'resumed'; mediaAlive: boolean; ahead?: IceCredentials }
  | { type: 'signaling_lost' }
  | { type: 'answered'; generation: number; ahead?: IceCredentials }
  | { type: 'answer_applied' }
  | { type: 'refused'; generation: number }
  | { type: 'next_ice'; ahead: IceCredentials }
  /** The peer connection itself gave up. */
  | { type: 'failed' }
  | { type: 'media_lost' }
  | { type: 'path_alive'; via: Via }
  | { type: 'path_dead'; heardAt: number; slept: boolean }
  /** The path was silent, and came back by itself. */
  | { type: 'hiccup'; gap: number }
  | { type: 'tunnel_said'; on: boolean }
  /** This browser could not open its end of it, whatever it promised. */
  | { type: 'tunnel_failed' }
  /** The machine has another network, or has one again. */
  | { type: 'network_changed' }
  /** The person asks for a new connection. */
  | { type: 'asked' }
  /** The session is over: media are no more. */
  | { type: 'over' }
  | { type: 'tick' };

/** What the machine asks of its hands. */
export type MediaEffect =
  /** `beside`: the transport there is goes on until this one carries. */
  | { do: 'offer'; way: 'restart' | 'fresh'; generation: number; beside?: true }
  /** An ICE restart without a word to the server. */
  | { do: 'restart'; credentials: IceCredentials }
  /** The answer that was awaited: apply it. */
  | { do: 'apply' }
  /** Ask the server for the tunnel, or end it. */
  | { do: 'tunnel'; on: boolean }
  /** A way back worked: `gap` is how long nothing was heard, which is as long as the trouble was. */
  | { do: 'recovered'; rung: Rung; cause: DropCause; gap: number };

/** Before the room is joined. */
export const initialMedia = (tunnels: boolean): MediaState => ({
  stage: { at: 'off' },
  tunnel: { at: 'closed', notBefore: 0 },
  trouble: null,
  generation: 0,
  attempt: 0,
  via: 'udp',
  ahead: null,
  spent: null,
  signaling: false,
  tunnels,
});

type Step = { state: MediaState; effects: MediaEffect[] };

const stay = (state: MediaState): Step => ({ state, effects: [] });
const then = ({ state, effects }: Step, next: (state: MediaState) => Step): Step => {
  const after = next(state);
  return { state: after.state, effects: [...effects, ...after.effects] };
};

/** The next state, and what to do. */
export function mediaTransition(state: MediaState, input: MediaInput, now: number): Step {
  const { stage } = state;
  switch (input.type) {
    case 'joined': {
      // A whole new welcome: the server has ended the session before it, and the tunnel with it.
      const cause = input.cause ?? (input.again ? 'server_restarted' : null);
      const trouble = begin(state, cause, now, input.heardAt);
      return offer({ ...state, trouble, tunnel: CLOSED, ahead: null, signaling: true }, 'fresh', now);
    }
    case 'resumed': {
      const resumed = { ...state, signaling: true, ahead: input.ahead ?? state.ahead };
      if (!input.mediaAlive) return offer(troubled(resumed, 'path_dead', now), 'fresh', now);
      switch (stage.at) {
        case 'off':
          return offer({ ...resumed, trouble: begin(state, null, now) }, 'fresh', now);
        // The answer may have been lost with the connection.
        case 'offered':
        case 'pausing':
          return stage.way === 'ahead' ? stay(resumed) : offer(resumed, stage.way, now);
        default:
          return stay(resumed);
      }
    }
    case 'signaling_lost':
      return stay({ ...state, signaling: false, tunnel: CLOSED });
    case 'answered':
      if (stage.at !== 'offered' || input.generation !== state.generation) return stay(state);
      return { state: { ...state, ahead: input.ahead ?? null }, effects: [{ do: 'apply' }] };
    case 'answer_applied': {
      if (stage.at !== 'offered') return stay(state);
      // A restart has one patience for the answer and the path together: it needs few round trips.
      const since = stage.way === 'fresh' ? now : stage.since;
      return stay({ ...state, stage: { at: 'connecting', way: stage.way, since } });
    }
    case 'refused':
      if (stage.at !== 'offered' || input.generation !== state.generation) return stay(state);
      return again(state, now);
    case 'next_ice':
      return stay({ ...state, ahead: input.ahead });
    case 'failed':
      if (stage.at === 'off' || stage.at === 'pausing') return stay(state);
      return again(troubled(state, 'path_dead', now), now);
    case 'media_lost':
      if (stage.at === 'off') return stay(state);
      // The answer to an offer that is out will be for the new session: nothing to add to it.
      if (stage.at === 'offered' && stage.way === 'fresh') return stay(state);
      return offer({ ...troubled(state, 'path_dead', now), ahead: null }, 'fresh', now);
    case 'path_alive':
      return pathAlive(state, input.via, now);
    case 'path_dead': {
      if (stage.at !== 'up') return stay(state);
      return mend(troubled(state, input.slept ? 'suspended' : 'path_dead', now, input.heardAt), now);
    }
    case 'hiccup':
      if (stage.at !== 'up') return stay(state);
      return { state, effects: [recovered('rebind', 'path_dead', input.gap)] };
    case 'tunnel_said':
      return tunnelSaid(state, input.on, now);
    case 'tunnel_failed': {
      const effects: MediaEffect[] = state.tunnel.at === 'closed' ? [] : [{ do: 'tunnel', on: false }];
      return { state: { ...state, tunnels: false, tunnel: CLOSED }, effects };
    }
    case 'network_changed':
      if (!state.trouble || stage.at === 'off' || stage.at === 'up') return stay(state);
      // What is being tried was begun on the network before: this one deserves its own try at once.
      if (state.signaling) return offer(state, 'fresh', now);
      return state.ahead ? mend(state, now) : stay(state);
    case 'asked':
      if (stage.at === 'off') return stay(state);
      return offer(troubled(state, 'asked', now), 'fresh', now, stage.at === 'up');
    case 'over':
      return stay({ ...state, stage: { at: 'off' }, trouble: null, tunnel: CLOSED, ahead: null });
    case 'tick':
      return then(tickPath(state, now), (after) => tickTunnel(after, now));
  }
}

const CLOSED: TunnelStage = { at: 'closed', notBefore: 0 };

const recovered = (rung: Rung, cause: DropCause, gap: number): MediaEffect => ({
  do: 'recovered',
  rung,
  cause,
  gap: Math.max(0, Math.round(gap)),
});

/** The trouble that begins now, or the one there is: its beginning stays, and a weightier cause is kept. */
function begin(state: MediaState, cause: DropCause | null, now: number, heardAt = now): Trouble {
  const before = state.trouble;
  if (!before) return { since: now, heardAt, cause, told: false };
  const silent = before.cause === null || before.cause === 'path_dead';
  return { ...before, cause: silent ? (cause ?? before.cause) : before.cause };
}

function troubled(state: MediaState, cause: DropCause, now: number, heardAt?: number): MediaState {
  const trouble = begin(state, cause, now, heardAt);
  return { ...state, trouble, attempt: state.trouble ? state.attempt : 0 };
}

/** The first rung of a path that died. */
function mend(state: MediaState, now: number): Step {
  if (!state.ahead) return offer(state, 'restart', now);
  return {
    // No answer to an earlier offer may take the place of this restart's own.
    state: {
      ...state,
      generation: state.generation + 1,
      spent: state.ahead.ufrag,
      stage: { at: 'offered', way: 'ahead', since: now },
    },
    effects: [{ do: 'restart', credentials: state.ahead }],
  };
}

function offer(state: MediaState, way: 'restart' | 'fresh', now: number, beside = false): Step {
  // An offer needs the signaling connection: without it the wish is kept.
  if (!state.signaling) return stay({ ...state, stage: { at: 'pausing', way, until: now } });
  const generation = state.generation + 1;
  const attempt = way === 'fresh' ? state.attempt + 1 : state.attempt;
  return {
    state: { ...state, generation, attempt, stage: { at: 'offered', way, since: now } },
    effects: [{ do: 'offer', way, generation, ...(beside ? { beside } : {}) }],
  };
}

/** After a failure: a new transport, after a pause that grows. */
function again(state: MediaState, now: number): Step {
  const pause = PAUSES[Math.min(state.attempt, PAUSES.length - 1)] ?? 0;
  const until = now + (state.tunnel.at === 'open' ? Math.max(pause, PAUSE_TUNNELLED) : pause);
  return stay({ ...state, stage: { at: 'pausing', way: 'fresh', until } });
}

function pathAlive(state: MediaState, via: Via, now: number): Step {
  const { stage, trouble, tunnel } = state;
  switch (stage.at) {
    case 'up':
      return stage.via === via ? stay(state) : stay({ ...state, via, stage: { at: 'up', via } });
    case 'off':
    // An answer is on its way for the path after this one: it decides.
    case 'offered':
      return stay(state);
    default: {
      const effects: MediaEffect[] = [];
      if (trouble?.cause && !trouble.told) {
        const rung = rungOf(stage, via, state.via);
        const blocked = (rung === 'tcp' || rung === 'turn') && trouble.cause === 'path_dead';
        effects.push(recovered(rung, blocked ? 'udp_blocked' : trouble.cause, now - trouble.heardAt));
      }
      const used = state.ahead?.ufrag === state.spent;
      return {
        state: {
          ...state,
          stage: { at: 'up', via },
          via,
          trouble: null,
          attempt: 0,
          ahead: used ? null : state.ahead,
          // One that the server closed for this path may be asked for at once when it dies.
          tunnel:
            tunnel.at === 'open' ? { at: 'ending', since: now } : tunnel.at === 'closed' ? CLOSED : tunnel,
        },
        effects,
      };
    }
  }
}

/** The rung that a path came back by. */
function rungOf(stage: Stage, via: Via, before: Via): Rung {
  if (via !== 'udp' && via !== before) return via;
  if (stage.at !== 'connecting') return 'rebind';
  return stage.way === 'fresh' ? 'new_transport' : 'ice_restart';
}

function tickPath(state: MediaState, now: number): Step {
  const { stage } = state;
  if (stage.at === 'pausing')
    return state.signaling && now >= stage.until ? offer(state, stage.way, now) : stay(state);
  if (stage.at !== 'offered' && stage.at !== 'connecting') return stay(state);
  const waited = now - stage.since;
  // Without signaling there is nothing but another restart, which looks for networks that came since.
  if (!state.signaling)
    return stage.way === 'ahead' && state.ahead && waited >= PATIENCE ? mend(state, now) : stay(state);
  if (stage.way === 'fresh') return waited >= PATIENCE ? again(begun(state, now), now) : stay(state);
  return waited >= FRESH_AFTER[stage.way] ? offer(begun(state, now), 'fresh', now) : stay(state);
}

const begun = (state: MediaState, now: number): MediaState =>
  state.trouble ? state : { ...state, trouble: begin(state, null, now) };

function tickTunnel(state: MediaState, now: number): Step {
  const { trouble, tunnel, signaling, stage } = state;
  switch (tunnel.at) {
    case 'closed': {
      if (!trouble || !signaling || !state.tunnels || stage.at === 'off' || stage.at === 'up')
        return stay(state);
      const after = trouble.cause === null ? TUNNEL_AFTER_ENTERING : TUNNEL_AFTER;
      if (now - trouble.since < after || now < tunnel.notBefore) return stay(state);
      return {
        state: { ...state, tunnel: { at: 'asked', since: now } },
        effects: [{ do: 'tunnel', on: true }],
      };
    }
    case 'asked':
      return now - tunnel.since < TUNNEL_AGAIN
        ? stay(state)
        : stay({ ...state, tunnel: { at: 'closed', notBefore: now } });
    case 'ending':
      return now - tunnel.since < TUNNEL_ENDS_WITHIN
        ? stay(state)
        : { state: { ...state, tunnel: CLOSED }, effects: [{ do: 'tunnel', on: false }] };
    case 'open':
      return stay(state);
  }
}

function tunnelSaid(state: MediaState, on: boolean, now: number): Step {
  const { tunnel, trouble, stage } = state;
  if (!on) {
    // Refused, or closed because the server sees WebRTC up: its first packet may be on its way.
    if (tunnel.at === 'closed') return stay(state);
    const notBefore = tunnel.at === 'ending' ? 0 : now + TUNNEL_AGAIN;
    return stay({ ...state, tunnel: { at: 'closed', notBefore } });
  }
  if (tunnel.at !== 'asked') return stay(state);
  if (stage.at === 'up')
    return { state: { ...state, tunnel: CLOSED }, effects: [{ do: 'tunnel', on: false }] };
  const open: MediaState = { ...state, tunnel: { at: 'open' } };
  if (!trouble?.cause || trouble.told) return stay(open);
  const cause = trouble.cause === 'path_dead' ? 'udp_blocked' : trouble.cause;
  return {
    state: { ...open, trouble: { ...trouble, told: true } },
    effects: [recovered('tunnel', cause, now - trouble.heardAt)],
  };
}

/** Whether voices come and go, by whatever way. */
export const carries = ({ stage, tunnel }: MediaState): boolean =>
  stage.at === 'up' || tunnel.at === 'open' || tunnel.at === 'ending';

/** Whether every way was tried for long enough that the person should know. */
export const soundless = (state: MediaState, now: number): boolean =>
  state.trouble !== null && !carries(state) && now - state.trouble.since >= WRITING_AFTER;
