/** What is the matter with one's own connection, in the one word that helps most. Pure. */
import type { Condition } from '../media/controller.ts';
import type { Phase } from '../signaling/machine.ts';

/** The word under the clock: the worse of the two connections. */
export type ConnectionWord = 'joining' | 'connected' | 'reconnecting' | 'repairing' | 'stopped' | 'closed';

export function connectionWord(
  phase: Phase['kind'],
  { carrier }: Condition,
  known: { room: boolean; wasUp: boolean; longAway: boolean },
): ConnectionWord {
  switch (phase) {
    case 'idle':
      return 'joining';
    case 'connecting':
    case 'waiting':
      if (known.longAway) return 'stopped';
      return known.room ? 'reconnecting' : 'joining';
    case 'closed':
      return 'closed';
    case 'joined':
      if (carrier !== 'none') return 'connected';
      return known.wasUp ? 'repairing' : 'joining';
  }
}

/** What is worth a sentence of its own, above the circle. */
export type Plight =
  /** The machine has no network: the one thing that a person can mend. */
  | 'offline'
  /** Nothing goes or comes; the page is on its way back. */
  | 'away'
  /** The same for so long that the page tries only now and then. */
  | 'stopped'
  /** Sound goes on both ways, words and buttons wait. */
  | 'wordless'
  /** The same for who may not be heard any more: the others are. */
  | 'listening'
  /** Sound and pictures are on their way back. */
  | 'mending'
  /** No way for sound was found: reading, writing, and the telephone. */
  | 'soundless'
  /** Voices go through the signaling connection, without pictures. */
  | 'tunnel'
  /** The network carries voices alone, for now. */
  | 'weak'
  /** The person asked for voices alone. */
  | 'audio_only';

/** A trouble shorter than this needs no sentence: it is over before it is read. In milliseconds. */
export const SAID_AFTER = 1500;

/**
 * Without signaling the server keeps the floor of whoever is heard for so long (docs/WIRE.md, *Presence*), in
 * milliseconds: nobody is told for longer that they are.
 */
export const FLOOR_KEPT = 60_000;

export interface Moment {
  phase: Phase['kind'];
  condition: Condition;
  online: boolean;
  asked: boolean;
  /** The server has been away for so long that it is tried only now and then. */
  longAway: boolean;
  /** This person's voice is passed on, as far as the page knows. */
  heard: boolean;
  /** How long both connections have not been well, in milliseconds. */
  troubledFor: number;
}

/** The plight to show now, if there is one. */
export function plightOf(moment: Moment): Plight | null {
  const { phase, condition, online, asked, troubledFor } = moment;
  const joined = phase === 'joined';
  const carried = condition.carrier !== 'none';
  if (!online && !(joined && carried)) return 'offline';
  if (phase === 'connecting' || phase === 'waiting') {
    if (troubledFor < SAID_AFTER) return null;
    if (carried) return moment.heard ? 'wordless' : 'listening';
    return moment.longAway ? 'stopped' : 'away';
  }
  if (!joined) return null;
  if (condition.soundless) return 'soundless';
  if (condition.mending) return troubledFor < SAID_AFTER ? null : 'mending';
  if (condition.carrier === 'tunnel') return 'tunnel';
  if (asked) return 'audio_only';
  return condition.weak ? 'weak' : null;
}
