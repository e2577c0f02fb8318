/**
 * The ladder of ways back, as a pure machine told the time: when the page's media break, what is tried,
 * in which order and from when on. The next rung starts before the last one is given up, and nobody
 * clicks. `controller.ts` is its hands.
 *
 * | from the trouble on | what is tried |
 * |---|---|
 * | at once | an ICE restart, the old path kept until the new one carries: with the credentials that the server held out ahead, and without a word to it; else by an offer |
 * | `FRESH_AFTER` | a new transport in the same seat, beside the restart: whichever carries first is used |
 * | `TUNNEL_AFTER` | voices through the signaling connection, while new transports go on being tried |
 * | `WRITING_AFTER` | nothing else: the person is told that they read and write (`soundless`) |
 *
 * TCP and relays are the browser's own choice inside a new transport, or a restart. A trouble is over once
 * a path has held: a firewall may let each handshake pass, and nothing after it.
 */
import type { DropCause, Rung } from '../wire/index.ts';
import {
  FRESH_AFTER,
  PATIENCE,
  TUNNEL_AFTER,
  TUNNEL_AFTER_ENTERING,
  TUNNEL_AGAIN,
  TUNNEL_ENDS_WITHIN,
  HOLDS_AFTER,
  LEAVES_AFTER,
  PAUSES,
  PAUSE_TUNNELLED,
  type Way,
  type Stage,
  type Before,
  type TunnelStage,
  type Trouble,
  type MediaState,
  type MediaInput,
  type MediaEffect,
} from './ladder.ts';
import type { Via } from './stats.ts';

type Step = { state: MediaState; effects: MediaEffect[] };

const stay = (state: MediaState): Step => ({ state, effects: [] });
const then = ({ state, effects }: Step, next: (state: MediaState) => Step): Step => {
  const after = next(state);
  return { state: after.state, effects: [...effects, ...after.effects] };
};

/** The next state, and what to do. */
export function mediaTransition(given: MediaState, input: MediaInput, now: number): Step {
  const state = held(given, input.type === 'path_dead' ? input.heardAt : now);
  const { stage, before } = state;
  switch (input.type) {
    case 'joined': {
      // A whole new welcome: the server has ended the session before it, and the tunnel with it; another one
      // that had the room until now ends it soon.
      const cause = input.cause ?? (input.again ? 'server_restarted' : null);
      const mediaUntil = Math.max(state.mediaUntil, input.mediaUntil ?? 0);
      const kept = now < mediaUntil && isOfBefore(state) ? before : NONE;
      const anew = {
        ...settled(state),
        before: kept,
        tunnel: CLOSED,
        ahead: null,
        signaling: true,
        mediaUntil,
      };
      const begun = { ...anew, trouble: begin(anew, cause, now, input.heardAt) };
      return stage.at === 'up' && now < mediaUntil ? fresh(begun, now) : offer(begun, 'fresh', now);
    }
    case 'resumed': {
      const resumed = { ...state, signaling: true, ahead: input.ahead ?? state.ahead };
      if (!input.mediaAlive && !isOfBefore(state))
        return offer(troubled(settled(alone(resumed, now)), deathOf(input), now), 'fresh', now);
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
    case 'signaling_lost': {
      const away = { ...state, signaling: false, tunnel: CLOSED };
      // The answer that the successor needs will not come: what is there without it is all there is.
      const waits = stage.at === 'pausing' || (stage.at === 'offered' && stage.way === 'fresh');
      // Unless that is another server's by now: it cannot be mended there.
      if (waits && isOfBefore(state))
        return stay({ ...away, stage: { at: 'pausing', way: 'fresh', until: now } });
      if (!waits || (before.at !== 'carrying' && before.at !== 'restarting')) return stay(away);
      return then(back(away, before, now), (after) =>
        after.stage.at === 'up' || !after.ahead ? stay(after) : mend(after, now),
      );
    }
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
      return pause(state, now);
    case 'next_ice':
      return stay({ ...state, ahead: input.ahead });
    case 'failed':
      if (stage.at === 'off' || stage.at === 'pausing') return stay(state);
      return again(troubled(state, 'path_dead', now), now);
    case 'media_lost': {
      if (stage.at === 'off') return stay(state);
      const lost = alone(state, now);
      // The answer to an offer that is out will be for the new session: nothing to add to it.
      if (stage.at === 'offered' && stage.way === 'fresh') return stay(lost);
      return offer({ ...troubled(lost, 'path_dead', now), ahead: null }, 'fresh', now);
    }
    case 'path_alive':
      return pathAlive(state, input.via, now);
    case 'path_dead': {
      if (stage.at !== 'up') return stay(state);
      const awake = input.slept ? settled(state) : state;
      const dead = troubled(awake, deathOf(input), now, input.heardAt);
      const lost = { ...dead, before: NONE };
      // The server has heard nothing by it either: voices go on in the tunnel, and there is no hurry.
      if (lost.tunnel.at === 'ending') return pause({ ...lost, tunnel: { at: 'open' } }, now);
      return mend(lost, now);
    }
    case 'before_alive': {
      if (before.at !== 'restarting') return stay(state);
      const { state: after, effects } = cameBack(state, before.way, input.via, now);
      return {
        state: { ...after, before: { at: 'carrying', via: input.via, since: now, way: before.way } },
        effects,
      };
    }
    case 'before_dead': {
      if (before.at === 'restarting') return stay(state);
      const lost = alone(state, input.heardAt);
      // A new path is on trial: the server trusts it as far as it has answered, which takes a round trip.
      const way = before.at === 'carrying' ? before.way : null;
      return stay(way ? { ...lost, before: { at: 'restarting', way } } : lost);
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
      if (before.at === 'carrying') return stay(state);
      // What is being tried was begun on the network before: this one deserves its own try at once.
      if (state.signaling) return fresh(state, now);
      // One that was never answered cannot be restarted.
      if (stage.at === 'offered' && stage.way === 'fresh') return stay(state);
      return state.ahead ? mend(state, now) : stay(state);
    case 'asked':
      // Without signaling what there is must do: it comes back by itself.
      if (stage.at === 'off' || !state.signaling) return stay(state);
      return fresh(troubled(settled(state), 'asked', now), now);
    case 'over': {
      const over: Stage = { at: 'off' };
      return stay({ ...state, stage: over, before: NONE, trouble: null, tunnel: CLOSED, ahead: null });
    }
    case 'tick': {
      const left = before.at === 'leaving' && now >= before.until;
      const ticked = left ? { ...state, before: NONE } : state;
      return then(tickPath(ticked, now), (after) => tickTunnel(after, now));
    }
  }
}

const CLOSED: TunnelStage = { at: 'closed', notBefore: 0 };
const NONE: Before = { at: 'none' };

const recovered = (rung: Rung, cause: DropCause, took: number, gap = took): MediaEffect => ({
  do: 'recovered',
  rung,
  cause,
  took: Math.max(0, Math.round(took)),
  gap: Math.max(0, Math.round(gap)),
});

/** Why a path is dead. */
const deathOf = ({ slept }: { slept: boolean }): DropCause => (slept ? 'suspended' : 'path_dead');

/** What is up is well: what was the matter is over. */
const settled = (state: MediaState): MediaState =>
  state.stage.at === 'up' ? { ...state, trouble: null, attempt: 0 } : state;

/** A path that has held by `at` ends the trouble that it came up from. */
const held = (state: MediaState, at: number): MediaState =>
  state.trouble && state.stage.at === 'up' && at - state.stage.since >= HOLDS_AFTER ? settled(state) : state;

/** The trouble that begins now, or the one there is: its beginning stays, and a weightier cause is kept. */
function begin(state: MediaState, cause: DropCause | null, now: number, heardAt = now): Trouble {
  const before = state.trouble;
  if (!before) return { since: now, heardAt, cause, told: false };
  const silent = before.cause === null || before.cause === 'path_dead';
  const trouble = { ...before, cause: silent ? (cause ?? before.cause) : before.cause };
  return state.stage.at === 'up' ? goesOn(trouble, state.stage.since, heardAt) : trouble;
}

/** A trouble that goes on at `heardAt`, after something carried from `since` on. */
const goesOn = (trouble: Trouble, since: number, heardAt: number): Trouble => ({
  ...trouble,
  since: trouble.since + Math.max(0, heardAt - since),
  heardAt,
});

/** Without the peer before, which was heard until then: if it was all that carried, something is lost. */
function alone(state: MediaState, heardAt: number): MediaState {
  const { before, trouble } = state;
  if (before.at !== 'carrying' || !trouble) return { ...state, before: NONE };
  const cause = trouble.cause === 'asked' ? 'path_dead' : trouble.cause;
  return { ...state, before: NONE, trouble: { ...goesOn(trouble, before.since, heardAt), cause } };
}

/** Whether what carries is of a server that another one has taken over from. */
const isOfBefore = ({ before, trouble }: MediaState): boolean =>
  before.at === 'carrying' && before.way === null && trouble?.cause === 'server_restarted';

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

/** A new transport; what carries, or may carry again, goes on beside it. */
function fresh(state: MediaState, now: number): Step {
  const { stage } = state;
  let before = state.before;
  if (stage.at === 'up') before = { at: 'carrying', via: stage.via, since: now, way: null };
  else if ((stage.at === 'offered' || stage.at === 'connecting') && stage.way !== 'fresh')
    before = { at: 'restarting', way: stage.way };
  return offer({ ...state, before }, 'fresh', now, before !== state.before);
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

/** After a failure: what carries beside it, or else a new transport. */
function again(state: MediaState, now: number): Step {
  if (isOfBefore(state)) return pause(state, now);
  if (state.before.at === 'carrying') return back(state, state.before, now);
  return pause({ ...state, before: NONE }, now);
}

/** A new transport, after a pause that grows. */
function pause(state: MediaState, now: number): Step {
  const pause = PAUSES[Math.min(state.attempt, PAUSES.length - 1)] ?? 0;
  const until = now + (state.tunnel.at === 'open' ? Math.max(pause, PAUSE_TUNNELLED) : pause);
  return stay({ ...state, stage: { at: 'pausing', way: 'fresh', until } });
}

/** Back to the peer before. */
function back(
  state: MediaState,
  before: Extract<Before, { at: 'carrying' | 'restarting' }>,
  now: number,
): Step {
  const carries = before.at === 'carrying';
  return {
    state: {
      ...state,
      stage: carries
        ? { at: 'up', via: before.via, since: before.since }
        : { at: 'connecting', way: before.way, since: now },
      before: NONE,
      trouble: carries && state.trouble?.cause === 'asked' ? null : state.trouble,
      via: carries ? before.via : state.via,
      // What came with an answer was for the successor.
      ahead: state.stage.at === 'connecting' ? null : state.ahead,
    },
    effects: [{ do: 'return' }],
  };
}

function pathAlive(state: MediaState, via: Via, now: number): Step {
  const { stage, before, tunnel } = state;
  switch (stage.at) {
    case 'up':
      return stage.via === via ? stay(state) : stay({ ...state, via, stage: { ...stage, via } });
    case 'off':
    // An answer is on its way for the path after this one: it decides.
    case 'offered':
      return stay(state);
    default: {
      const way = stage.at === 'connecting' ? stage.way : null;
      const { state: after, effects } = cameBack(state, way, via, now);
      const unbroken = before.at === 'carrying';
      return {
        state: {
          ...after,
          stage: { at: 'up', via, since: now },
          // The others may not have come over yet: what they say, and hear, goes by the server before.
          before: unbroken ? { at: 'leaving', until: Math.max(now + LEAVES_AFTER, state.mediaUntil) } : NONE,
          trouble: isOfBefore(state) || (unbroken && after.trouble?.cause === 'asked') ? null : after.trouble,
          // One that the server closed for this path may be asked for at once when it dies.
          tunnel:
            tunnel.at === 'open' ? { at: 'ending', since: now } : tunnel.at === 'closed' ? CLOSED : tunnel,
        },
        effects,
      };
    }
  }
}

/** A path carries: by which way is told once in each trouble. */
function cameBack(state: MediaState, way: Way | null, via: Via, now: number): Step {
  const { trouble } = state;
  const used = state.ahead?.ufrag === state.spent;
  const after = { ...state, via, ahead: used ? null : state.ahead };
  if (!trouble?.cause || trouble.told) return stay(after);
  const rung = rungOf(way, via, state.via);
  const blocked = (rung === 'tcp' || rung === 'turn') && trouble.cause === 'path_dead';
  const took = now - trouble.heardAt;
  const gap = state.before.at === 'carrying' ? 0 : took;
  return {
    state: { ...after, trouble: { ...trouble, told: true } },
    effects: [recovered(rung, blocked ? 'udp_blocked' : trouble.cause, took, gap)],
  };
}

/** The rung that a path came back by. */
function rungOf(way: Way | null, via: Via, before: Via): Rung {
  if (via !== 'udp' && via !== before) return via;
  if (way === null) return 'rebind';
  return way === 'fresh' ? 'new_transport' : 'ice_restart';
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
  return waited >= FRESH_AFTER[stage.way] ? fresh(begun(state, now), now) : stay(state);
}

const begun = (state: MediaState, now: number): MediaState =>
  state.trouble ? state : { ...state, trouble: begin(state, null, now) };

function tickTunnel(state: MediaState, now: number): Step {
  const { trouble, tunnel, signaling, stage } = state;
  switch (tunnel.at) {
    case 'closed': {
      if (!trouble || !signaling || !state.tunnels || stage.at === 'off') return stay(state);
      // The server ends what is up for a tunnel.
      if (stage.at === 'up' || state.before.at === 'carrying') return stay(state);
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
  const { tunnel, stage } = state;
  if (!on) {
    // Refused, or closed because the server sees WebRTC up: its first packet may be on its way.
    if (tunnel.at === 'closed') return stay(state);
    const notBefore = tunnel.at === 'ending' ? 0 : now + TUNNEL_AGAIN;
    return stay({ ...state, tunnel: { at: 'closed', notBefore } });
  }
  if (tunnel.at !== 'asked') return stay(state);
  if (stage.at === 'up')
    return { state: { ...state, tunnel: CLOSED }, effects: [{ do: 'tunnel', on: false }] };
  const open: MediaState = { ...alone(state, now), tunnel: { at: 'open' } };
  const { trouble } = open;
  if (!trouble?.cause || trouble.told) return stay(open);
  const cause = trouble.cause === 'path_dead' ? 'udp_blocked' : trouble.cause;
  return {
    state: { ...open, trouble: { ...trouble, told: true } },
    effects: [recovered('tunnel', cause, now - trouble.heardAt)],
  };
}
