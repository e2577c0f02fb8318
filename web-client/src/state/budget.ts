/** Time as a budget: what each phase is planned to last, what an extension costs, when it all ends. */
import type { ExtensionQuote, Millis, NextStep, RoomView, UnixMillis } from '../wire/index.ts';
import { phaseIndex } from './derive.ts';

/** A phase in the list of phases. */
export interface AgendaRow {
  title: string;
  planned: Millis;
  /** Against what the template says: what was given (more) or taken (less). */
  change: Millis;
  step: 'past' | 'now' | 'next';
}

export function agenda(room: RoomView): AgendaRow[] {
  const { stage } = room.phase.stage;
  const now = stage === 'ended' ? room.phases.length : (phaseIndex(room) ?? -1);
  return room.phases.map((phase, index) => {
    const planned = index === now ? room.phase.total : (room.phase.planned[index] ?? phase.target);
    return {
      title: phase.title,
      planned,
      change: planned - phase.target,
      step: index < now ? 'past' : index === now ? 'now' : 'next',
    };
  });
}

/** An extension on offer. */
export interface Offer {
  by: Millis;
  gets: Millis;
  costs: { title: string; loses: Millis }[];
  endsAt?: UnixMillis;
}

/** What is offered: quotes that give something, each length once (two may come to the same maximum). */
export function offers(room: RoomView, quotes: ExtensionQuote[]): Offer[] {
  const seen = new Set<Millis>();
  return quotes
    .filter(({ gets }) => gets > 0 && !seen.has(gets) && seen.add(gets))
    .map(({ by, gets, costs, session_ends_at }) => ({
      by,
      gets,
      costs: costs.map(([index, loses]) => ({ title: room.phases[index]?.title ?? '', loses })),
      ...(session_ends_at === undefined ? {} : { endsAt: session_ends_at }),
    }));
}

/** How long a length is said to be, rounded to what a person would say: 40 s, 2 min, 1 min 30. */
export interface Spoken {
  minutes: number;
  seconds: number;
}

export function spoken(length: Millis): Spoken {
  const seconds = Math.round(Math.abs(length) / 1000);
  return { minutes: Math.floor(seconds / 60), seconds: seconds % 60 };
}

/** What the one key would do, and whether it can. */
export function keyWord(next: NextStep): { step: NextStep['step']; able: boolean } {
  return { step: next.step, able: next.step !== 'wait' && next.step !== 'over' };
}
