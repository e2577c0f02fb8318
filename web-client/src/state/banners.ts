/** What everyone should know now besides the phase: who dropped, what is waited for, what is played. */
import type { RoomView, Seat, UnixMillis } from '../wire/index.ts';
import { chairHeir, currentPhase, facilitates, mayTakeChair, personAt, speaks } from './derive.ts';

/** One thing to know. */
export type Banner =
  | { kind: 'drill'; seat: Seat; part: 'lost' | 'back'; until: UnixMillis; ends: boolean }
  | { kind: 'client_away'; seat: Seat; until: UnixMillis }
  /** Their place was kept long enough: whoever holds the chair chooses. */
  | { kind: 'client_gone'; seat: Seat; choose: boolean }
  | { kind: 'everybody'; until?: UnixMillis }
  | { kind: 'paused' }
  | { kind: 'in_writing'; seat?: Seat }
  | {
      kind: 'autopilot';
      count: number;
      needed: number;
      wanted: boolean;
      mayWant: boolean;
      mayTake: boolean;
    }
  | { kind: 'chair_away'; until: UnixMillis; heir?: Seat; mayTake: boolean }
  | { kind: 'speaker_away'; seat: Seat; until: UnixMillis }
  | { kind: 'entering'; after?: Seat }
  | { kind: 'out_of_contract'; seat: Seat };

/** The client's signal, as this page heard it. */
export interface OutOfContract {
  seat: Seat;
  /** When, by the server's clock. */
  at: UnixMillis;
}

/** The signal is shown this long: time to say the contract again and to go on. */
export const SIGNAL_LIFE = 30_000;

/** What this person is shown, the weightiest first. */
export function banners(
  room: RoomView,
  seat: Seat,
  now: UnixMillis,
  signal: OutOfContract | null = null,
): Banner[] {
  const { state, floor } = room;
  const chair = state.chair === seat;
  const me = personAt(room, seat);
  const list: Banner[] = [];
  if (state.drill) {
    const { seat: played, back_at, until } = state.drill;
    const lost = now < back_at;
    const part = lost ? 'lost' : 'back';
    list.push({ kind: 'drill', seat: played, part, until: lost ? back_at : until, ends: chair });
  }
  if (room.phase.stage.stage === 'ended') return list;
  const { pause } = state;
  if (pause?.reason === 'for_client') {
    list.push(
      pause.until === undefined
        ? { kind: 'client_gone', seat: pause.seat, choose: chair }
        : { kind: 'client_away', seat: pause.seat, until: pause.until },
    );
  } else if (pause?.reason === 'for_everybody') {
    list.push({ kind: 'everybody', ...(pause.until === undefined ? {} : { until: pause.until }) });
  } else if (pause?.reason === 'by_chair') {
    list.push({ kind: 'paused' });
  }
  if (state.in_writing) {
    const away = room.people.find((person) => person.role === 'client');
    list.push({ kind: 'in_writing', ...(away ? { seat: away.seat } : {}) });
  }
  if (state.autopilot) {
    const { wanted_by, needed } = state.autopilot;
    list.push({
      kind: 'autopilot',
      count: wanted_by.length,
      needed,
      wanted: wanted_by.includes(seat),
      mayWant: me !== undefined && speaks(me.role) && room.phase.stage.stage === 'running',
      mayTake: mayTakeChair(room, seat),
    });
  }
  const holder = personAt(room, state.chair);
  if (holder?.presence.presence === 'away' && holder.presence.held_until !== undefined) {
    const heir = chairHeir(room);
    list.push({
      kind: 'chair_away',
      until: holder.presence.held_until,
      ...(heir === undefined ? {} : { heir }),
      mayTake: me !== undefined && facilitates(me.role) && mayTakeChair(room, seat),
    });
  }
  if (floor.turn?.waiting?.reason === 'speaker_away' && pause?.reason !== 'for_client') {
    list.push({ kind: 'speaker_away', seat: floor.turn.seat, until: floor.turn.waiting.until });
  }
  if (me?.presence.presence === 'entering') {
    list.push({ kind: 'entering', ...(floor.turn ? { after: floor.turn.seat } : {}) });
  }
  const signalled = signal !== null && now - signal.at < SIGNAL_LIFE;
  if (signalled && currentPhase(room)?.out_of_contract)
    list.push({ kind: 'out_of_contract', seat: signal.seat });
  return list;
}
