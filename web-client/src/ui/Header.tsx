/** What is always to be seen: the phase, what it asks, its clock, and whose turn it is. */
import { t } from '../i18n/index.ts';
import { formatClock, remaining, wholeSeconds } from '../state/clock.ts';
import { currentPhase, floorWord, personAt, rightsOf } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { beat } from './clockwork.ts';
import { ConnectionState } from './ConnectionState.tsx';
import { Mark } from './Icon.tsx';
import { SettingsMenu } from './SettingsMenu.tsx';

/** Under so much left, the phase's clock says so. */
const PHASE_WARNING = 60_000;

export function Header({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room) return null;
  const phase = currentPhase(room);
  const { stage } = room.phase.stage;
  return (
    <header class="top">
      <Mark />
      <div class="phase">
        <p class="steps">
          {phase && room.phase.stage.stage === 'running' ? (
            <>
              <Steps room={room} index={room.phase.stage.index} />
              <span class="sr">
                {t('phase-of', { index: room.phase.stage.index + 1, count: room.phases.length })}
              </span>
            </>
          ) : (
            room.template.title
          )}
        </p>
        <h1 data-testid="phase-name">
          {phase?.title ?? t(stage === 'ended' ? 'phase-ended' : 'phase-lobby')}
        </h1>
        <p class="prompt" title={phase?.purpose}>
          {phase ? phase.prompt || phase.purpose : t(stage === 'ended' ? 'prompt-ended' : 'prompt-lobby')}
        </p>
      </div>
      <Holder session={session} room={room} />
      <div class="status">
        <PhaseClock session={session} room={room} />
        <ConnectionState session={session} />
      </div>
      <SettingsMenu session={session} />
    </header>
  );
}

function Steps({ room, index }: { room: RoomView; index: number }) {
  return (
    <span class="dots" aria-hidden="true">
      {room.phases.map((phase, at) => (
        <i
          key={phase.id}
          title={phase.title}
          data-step={at < index ? 'past' : at === index ? 'now' : 'next'}
          style={{ flexGrow: Math.max(1, Math.sqrt(phase.target / 60_000)) }}
        />
      ))}
    </span>
  );
}

/** One sentence: who has the floor. */
export function floorSentence(session: Session, room: RoomView): string {
  const seat = session.seat.value;
  const word = floorWord(room, seat);
  const holder = room.floor.turn && personAt(room, room.floor.turn.seat);
  const partner = room.floor.turn?.partner;
  switch (word) {
    case 'mine':
      return t('floor-mine');
    case 'theirs':
      if (partner !== undefined && room.floor.policy === 'pair') {
        return t(partner === seat ? 'floor-pair-with-you' : 'floor-pair', {
          name: holder?.name ?? '',
          partner: personAt(room, partner)?.name ?? '',
        });
      }
      return t('floor-theirs', { name: holder?.name ?? '' });
    case 'round_waiting':
      return t('floor-round', { name: personAt(room, room.floor.upcoming[0])?.name ?? '' });
    default:
      return t(`floor-${word}`);
  }
}

function Holder({ session, room }: { session: Session; room: RoomView }) {
  const word = floorWord(room, session.seat.value);
  const { pause } = room.state;
  const pausedFor = pause?.reason === 'for_client' ? personAt(room, pause.seat)?.name : undefined;
  const listening =
    room.phase.stage.stage === 'running' && word !== 'mine' && !rightsOf(room, session.seat.value).audio;
  return (
    <div class="holder" data-word={word}>
      <p data-testid="turn-holder" data-seat={room.floor.turn?.seat}>
        {floorSentence(session, room)}
      </p>
      <small>{pausedFor ? t('paused-for', { name: pausedFor }) : listening ? t('you-listen') : ''}</small>
    </div>
  );
}

function PhaseClock({ session, room }: { session: Session; room: RoomView }) {
  void beat.value;
  const running = room.phase.stage.stage === 'running';
  const left = remaining(room.phase.clock, session.serverNow());
  const mood = !running ? 'idle' : left < 0 ? 'over' : left < PHASE_WARNING ? 'warning' : 'calm';
  const paused = running && room.phase.clock.clock === 'paused';
  return (
    <p class="phase-clock" data-mood={mood} data-paused={paused}>
      <span
        class="digits"
        role="timer"
        data-testid="phase-clock"
        data-seconds={wholeSeconds(left)}
        aria-label={t('phase-clock')}
      >
        {running ? formatClock(left) : formatClock(room.template.target)}
      </span>
      <small>
        {paused ? t('phase-paused') : running ? t(left < 0 ? 'phase-over' : 'phase-left') : t('phase-total')}
      </small>
    </p>
  );
}
