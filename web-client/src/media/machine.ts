/**
 * The life of the page's one peer connection as a pure machine. It decides when to offer, when to mend
 * the path (an ICE restart: same DTLS, same keys, new path) and when to start afresh (a new peer
 * connection, because the server lost or refused the session). `controller.ts` is its hands.
 */
import { retryDelay } from '../signaling/backoff.ts';

/** An offer not answered, or a path that does not come alive, within this is tried again. */
export const PATIENCE = 4000;
/** After so many path repairs in a row without success, a new peer connection is made. */
export const REPAIRS_BEFORE_FRESH = 3;

/** How to offer: with a new peer connection, or the one there is over a new path. */
export type Way = 'fresh' | 'repair';

/** Where the media stand. */
export type Stage =
  | { at: 'off' }
  /** An offer is out (or being made). */
  | { at: 'offered'; way: Way; since: number }
  /** Answered; nothing has come over the path yet. */
  | { at: 'connecting'; since: number }
  | { at: 'up' }
  /** Something failed; the next offer leaves at `until`, or once signaling is back. */
  | { at: 'pausing'; way: Way; until: number };

/** The whole state. */
export interface MediaState {
  stage: Stage;
  /** Of the last offer; a late answer to an earlier one is told by it. */
  generation: number;
  /** Offers in a row that did not lead to a living path. */
  attempt: number;
  /** When the trouble began. */
  troubleSince: number;
  signaling: boolean;
}

/** What happens to the media. */
export type MediaInput =
  | { type: 'joined'; again: boolean }
  | { type: 'resumed'; mediaAlive: boolean }
  | { type: 'signaling_lost' }
  | { type: 'answered'; generation: number }
  | { type: 'answer_applied' }
  | { type: 'refused'; generation: number }
  | { type: 'failed' }
  | { type: 'media_lost' }
  | { type: 'path_alive' }
  | { type: 'path_dead' }
  | { type: 'tick' };

/** What the machine asks of its hands. */
export type MediaEffect =
  | { do: 'offer'; way: Way; generation: number }
  /** The answer that was awaited: apply it. */
  | { do: 'apply' };

/** Before the room is joined. */
export const initialMedia: MediaState = {
  stage: { at: 'off' },
  generation: 0,
  attempt: 0,
  troubleSince: 0,
  signaling: false,
};

type Step = { state: MediaState; effects: MediaEffect[] };

/** The next state, and what to do. */
export function mediaTransition(state: MediaState, input: MediaInput, now: number, jitter = 0): Step {
  const stay: Step = { state, effects: [] };
  switch (input.type) {
    case 'joined': {
      const joined = { ...state, signaling: true };
      if (!input.again || state.stage.at === 'off')
        return offer({ ...joined, troubleSince: now }, 'fresh', now);
      // A whole new welcome: the server has ended the session before it, if it had one.
      return offer(trouble(joined, now), 'fresh', now);
    }
    case 'resumed': {
      const resumed = { ...state, signaling: true };
      if (!input.mediaAlive) return offer(trouble(resumed, now), 'fresh', now);
      switch (state.stage.at) {
        case 'off':
          return offer(resumed, 'fresh', now);
        // The answer may have been lost with the connection.
        case 'offered':
          return offer(resumed, state.stage.way, now);
        case 'pausing':
          return offer(resumed, state.stage.way, now);
        default:
          return { state: resumed, effects: [] };
      }
    }
    case 'signaling_lost':
      return { state: { ...state, signaling: false }, effects: [] };
    case 'answered':
      if (state.stage.at !== 'offered' || input.generation !== state.generation) return stay;
      return { state, effects: [{ do: 'apply' }] };
    case 'answer_applied':
      if (state.stage.at !== 'offered') return stay;
      return { state: { ...state, stage: { at: 'connecting', since: now } }, effects: [] };
    case 'refused':
      if (state.stage.at !== 'offered' || input.generation !== state.generation) return stay;
      return again(state, 'fresh', now, jitter);
    case 'media_lost':
      if (state.stage.at === 'off') return stay;
      // The answer to an offer that is out will be for the new session: nothing to add to it.
      if (state.stage.at === 'offered' && state.stage.way === 'fresh') return stay;
      return offer(trouble(state, now), 'fresh', now);
    case 'failed':
      if (state.stage.at === 'off' || state.stage.at === 'pausing') return stay;
      return again(trouble(state, now), 'fresh', now, jitter);
    case 'path_alive':
      if (state.stage.at !== 'connecting') return stay;
      return { state: { ...state, stage: { at: 'up' }, attempt: 0 }, effects: [] };
    case 'path_dead':
      if (state.stage.at !== 'up') return stay;
      return offer(trouble(state, now), 'repair', now);
    case 'tick':
      switch (state.stage.at) {
        case 'offered':
          return state.signaling && now - state.stage.since >= PATIENCE
            ? again(state, state.stage.way, now, jitter)
            : stay;
        case 'connecting':
          return now - state.stage.since >= PATIENCE
            ? again(trouble(state, now), 'repair', now, jitter)
            : stay;
        case 'pausing':
          return state.signaling && now >= state.stage.until ? offer(state, state.stage.way, now) : stay;
        default:
          return stay;
      }
  }
}

/** Marks the beginning of a trouble, unless it has begun. */
function trouble(state: MediaState, now: number): MediaState {
  return state.stage.at === 'up' ? { ...state, attempt: 0, troubleSince: now } : state;
}

function offer(state: MediaState, way: Way, now: number): Step {
  // An offer needs the signaling connection: without it the wish is kept.
  if (!state.signaling)
    return { state: { ...state, stage: { at: 'pausing', way, until: now } }, effects: [] };
  const chosen: Way = state.attempt >= REPAIRS_BEFORE_FRESH ? 'fresh' : way;
  const generation = state.generation + 1;
  return {
    state: {
      ...state,
      generation,
      attempt: state.attempt + 1,
      stage: { at: 'offered', way: chosen, since: now },
    },
    effects: [{ do: 'offer', way: chosen, generation }],
  };
}

function again(state: MediaState, way: Way, now: number, jitter: number): Step {
  const retry = retryDelay(state.attempt + 1, now - state.troubleSince, jitter);
  // Media go on being mended as long as the room is there: what stops a page is its signaling.
  const delay = retry.retry ? retry.delay : 10_000;
  return { state: { ...state, stage: { at: 'pausing', way, until: now + delay } }, effects: [] };
}
