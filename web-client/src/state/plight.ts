/** What is the matter with one's own connection, in the one word that helps most. Pure. */
import type { Condition } from '../media/controller.ts';
import type { Phase } from '../signaling/machine.ts';

/** The word under the clock: the worse of the two connections. */
export type ConnectionWord = 'joining' | 'connected' | 'reconnecting' | 'repairing' | 'stopped' | 'closed';

export function connectionWord(
  phase: Phase['kind'],
  { carrier }: Condition,
  known: { room: boolean; wasUp: boolean },
): ConnectionWord {
  switch (phase) {
    case 'idle':
      return 'joining';
    case 'connecting':
    case 'waiting':
      return known.room ? 'reconnecting' : 'joining';
    case 'stopped':
    case 'closed':
      return phase;
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
  /** Sound goes on, words and buttons wait. */
  | 'wordless'
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

export interface Moment {
  phase: Phase['kind'];
  condition: Condition;
  online: boolean;
  asked: boolean;
  /** How long both connections have not been well, in milliseconds. */
  troubledFor: number;
}

/** The plight to show now, if there is one. */
export function plightOf({ phase, condition, online, asked, troubledFor }: Moment): Plight | null {
  const joined = phase === 'joined';
  const heard = condition.carrier !== 'none';
  if (!online && !(joined && heard)) return 'offline';
  if (phase === 'connecting' || phase === 'waiting') {
    if (troubledFor < SAID_AFTER) return null;
    return heard ? 'wordless' : 'away';
  }
  if (!joined) return null;
  if (condition.soundless) return 'soundless';
  if (condition.mending) return troubledFor < SAID_AFTER ? null : 'mending';
  if (condition.carrier === 'tunnel') return 'tunnel';
  if (asked) return 'audio_only';
  return condition.weak ? 'weak' : null;
}
