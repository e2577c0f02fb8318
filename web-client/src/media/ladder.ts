/** What the ladder of ways back (`machine.ts`) is made of: its deadlines, where it stands, what it is told and asks. */
import type { DropCause, IceCredentials, Rung } from '../wire/index.ts';
import type { Via } from './stats.ts';

/**
 * A restart that has not led to a living path within this gets a new transport beside it, in milliseconds.
 * One without a word to the server takes a round trip, one by an offer takes two, and the first packet is
 * seen up to 150 ms later: lower would make transports in vain on slow networks. Higher costs that much
 * sound where UDP is blocked, for Chromium holds on to its old pair for seconds before it checks TCP in a
 * restart, and has no such past in a new transport (docs/adr/0006).
 */
export const FRESH_AFTER = { ahead: 400, restart: 1200 } as const;
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
/**
 * A path that dies within this of coming up belongs to the trouble before it, in milliseconds: the ladder
 * goes on where it was. Lower lets a network that cuts flows off later keep a page on the lower rungs for
 * ever; higher takes a second, honest loss for the first one.
 */
export const HOLDS_AFTER = 5000;
/** Who was told that no sound passes is told otherwise by a path that lives so long, and not by each try. */
export const SURE_AFTER = 1500;
/**
 * A transport that carried until its successor came up goes on for so long after that, in milliseconds:
 * the server hears it until sound comes by the new one, whose pictures need a moment.
 */
export const LEAVES_AFTER = 500;
/** Pauses before new transports 1, 2, 3…; the last repeats. The server takes one offer in 2 s. */
export const PAUSES = [0, 500, 1000, 2000, 3000, 5000] as const;
/** With voices in the tunnel there is no hurry: each try costs both ends a handshake. */
export const PAUSE_TUNNELLED = 8000;

/** How a path is made: with credentials held out ahead, by an offer, or with a new transport. */
export type Way = 'ahead' | 'restart' | 'fresh';

/** Where the peer connection stands, the newest one. */
export type Stage =
  | { at: 'off' }
  /** An offer is out (or being made). */
  | { at: 'offered'; way: Way; since: number }
  /** Answered; nothing has come over the path yet. */
  | { at: 'connecting'; way: Way; since: number }
  | { at: 'up'; via: Via; since: number }
  /** Something failed; the next offer leaves at `until`, or once signaling is back. */
  | { at: 'pausing'; way: 'restart' | 'fresh'; until: number };

/** The peer connection before the newest, where that was begun beside it. */
export type Before =
  | { at: 'none' }
  /** It carries, since then, until its successor does; `way` if it was restarted for that. */
  | { at: 'carrying'; via: Via; since: number; way: 'ahead' | 'restart' | null }
  /** Its path died and is being restarted: it may carry again before its successor does. */
  | { at: 'restarting'; way: 'ahead' | 'restart' }
  /** Its successor is up: it goes on for a moment. */
  | { at: 'leaving'; until: number };

/** Where the voices in the signaling connection stand. */
export type TunnelStage =
  | { at: 'closed'; notBefore: number }
  | { at: 'asked'; since: number }
  | { at: 'open' }
  /** WebRTC carries again; the server's word is awaited, so that nothing is missed in between. */
  | { at: 'ending'; since: number };

/** A loss, from its beginning until a path has held. */
export interface Trouble {
  /** Later by what was heard meanwhile. */
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
  before: Before;
  tunnel: TunnelStage;
  trouble: Trouble | null;
  /** Of the last offer; a late answer to an earlier one is told by it. */
  generation: number;
  /** New transports in a row that did not lead to a path that held. */
  attempt: number;
  /** How the last living path went. */
  via: Via;
  /** The credentials held out for the next path, until one used them. */
  ahead: IceCredentials | null;
  /** The user name fragment of those that were used last: they are kept for another try, and no longer. */
  spent: string | null;
  signaling: boolean;
  /** Until then a server that another one took over from carries what this page had there; 0 where none does. */
  mediaUntil: number;
  /** Whether this browser can take part in a tunnel. */
  tunnels: boolean;
}

/** What happens to the media. */
export type MediaInput =
  /**
   * In the room; `again` when this page was before. `cause` and `heardAt` when it is a way back. Until
   * `mediaUntil` the server before carries what it has.
   */
  | { type: 'joined'; again: boolean; cause?: DropCause; heardAt?: number; mediaUntil?: number }
  | { type: 'resumed'; mediaAlive: boolean; slept: boolean; ahead?: IceCredentials }
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
  /** The same of the peer before. */
  | { type: 'before_alive'; via: Via }
  | { type: 'before_dead'; heardAt: number }
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
  /** `beside`: the peer there is becomes the one before, and goes on. */
  | { do: 'offer'; way: 'restart' | 'fresh'; generation: number; beside?: true }
  /** The peer before is the one again: its successor is given up. */
  | { do: 'return' }
  /** An ICE restart without a word to the server. */
  | { do: 'restart'; credentials: IceCredentials }
  /** The answer that was awaited: apply it. */
  | { do: 'apply' }
  /** Ask the server for the tunnel, or end it. */
  | { do: 'tunnel'; on: boolean }
  /** A way back worked: it took so long, and for `gap` of it nothing was heard. */
  | { do: 'recovered'; rung: Rung; cause: DropCause; took: number; gap: number };

/** Before the room is joined. */
export const initialMedia = (tunnels: boolean): MediaState => ({
  stage: { at: 'off' },
  before: { at: 'none' },
  tunnel: { at: 'closed', notBefore: 0 },
  trouble: null,
  generation: 0,
  attempt: 0,
  via: 'udp',
  ahead: null,
  spent: null,
  signaling: false,
  mediaUntil: 0,
  tunnels,
});

const tunnelled = ({ tunnel }: MediaState): boolean => tunnel.at === 'open' || tunnel.at === 'ending';

/** What carries voices now. */
export function carrierOf(state: MediaState): Via | 'tunnel' | 'none' {
  const { stage, before } = state;
  if (stage.at === 'up') return stage.via;
  if (tunnelled(state)) return 'tunnel';
  return before.at === 'carrying' ? before.via : 'none';
}

/** Whether every way was tried for long enough that the person should know. */
export function soundless(state: MediaState, now: number): boolean {
  const { stage, trouble } = state;
  if (!trouble || tunnelled(state) || state.before.at === 'carrying') return false;
  if (stage.at !== 'up') return now - trouble.since >= WRITING_AFTER;
  return now - stage.since < SURE_AFTER && stage.since - trouble.since >= WRITING_AFTER;
}
