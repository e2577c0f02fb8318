/** The soft sounds of a turn: it is yours, it is nearly over, it is over. */
import { useEffect, useRef } from 'preact/hooks';
import { chime } from '../media/audio.ts';
import type { TurnMood } from '../state/clock.ts';
import type { Session } from '../state/session.ts';
import { beat } from './clockwork.ts';
import { sounds } from './settings.ts';
import { turnTime } from './Turn.tsx';

/** Shows nothing; a component of its own, so that its heartbeat draws nothing else again. */
export function Chimes({ session }: { session: Session }) {
  const last = useRef<{ turn: number; mood: TurnMood }>({ turn: -1, mood: 'calm' });
  void beat.value;
  const room = session.room.value;
  const turn = room?.floor.turn;
  const mood = turn ? (turnTime(session, turn)?.mood ?? 'calm') : 'calm';
  const mine = turn?.seat === session.seat.value;
  const concerned = mine || room?.state.chair === session.seat.value || room?.floor.firmness === 'chime';
  useEffect(() => {
    const before = last.current;
    last.current = { turn: turn?.turn_id ?? -1, mood };
    if (!turn || !sounds.value) return;
    if (before.turn !== turn.turn_id) {
      if (mine) chime('your_turn');
    } else if (concerned && before.mood === 'calm' && mood === 'warning') {
      chime('warning');
    } else if (concerned && before.mood === 'warning' && (mood === 'grace' || mood === 'over')) {
      chime('over');
    }
  }, [turn?.turn_id, mood]);
  return null;
}
