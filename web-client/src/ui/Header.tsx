/** What is always to be seen: the phase, what it asks, its clock, and whose turn it is. */
import { t } from '../i18n/index.ts';
import { formatClock, remaining, wholeSeconds } from '../state/clock.ts';
import { currentPhase, floorWord, nameAt, nextSpeaker, phaseIndex, rightsOf } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Agenda } from './Agenda.tsx';
import { beat } from './clockwork.ts';
import { ConnectionState } from './ConnectionState.tsx';
import { Countdown } from './Countdown.tsx';
import { Mark } from './Icon.tsx';
import { SettingsMenu } from './SettingsMenu.tsx';
import { turnTime } from './Turn.tsx';
import { timeOfDay } from './words.ts';

export function Header({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room) return null;
  const phase = currentPhase(room);
  const index = phaseIndex(room);
  return (
    <header class="top">
      <Mark />
      <div class="phase">
        <button class="steps" popovertarget="agenda" data-testid="steps" title={t('agenda-title')}>
          {index === undefined ? (
            <span>{room.template.title}</span>
          ) : (
            <>
              <Steps room={room} index={index} />
              <span class="sr">{t('phase-of', { index: index + 1, count: room.phases.length })}</span>
            </>
          )}
        </button>
        <div id="agenda" class="menu agenda-menu" popover="auto" role="dialog" aria-labelledby="agenda-title">
          <h2 id="agenda-title">{room.template.title}</h2>
          <Agenda room={room} />
        </div>
        <h1 data-testid="phase-name">{phase?.title ?? t('phase-lobby')}</h1>
        <p class="prompt" title={phase?.purpose}>
          {phase ? phase.prompt || phase.purpose : t('prompt-lobby')}
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
          style={{ flexGrow: Math.max(1, Math.sqrt((room.phase.planned[at] ?? phase.target) / 60_000)) }}
        />
      ))}
    </span>
  );
}

/** One sentence: who has the floor, and in a pair what for. */
export function floorSentence(session: Session, room: RoomView): string {
  const seat = session.seat.value;
  const word = floorWord(room, seat);
  const { turn } = room.floor;
  const name = nameAt(room, turn?.seat);
  switch (word) {
    case 'mine':
      return turn?.part === 'speak' || !turn ? t('floor-mine') : t(`floor-mine-${turn.part}`);
    case 'theirs': {
      if (turn?.partner === undefined || room.floor.policy !== 'pair') {
        return t(turn?.part === 'ask' ? 'floor-asks' : 'floor-theirs', { name });
      }
      const partner = nameAt(room, turn.partner);
      const whom = turn.partner === seat ? '-you' : '';
      return t(`floor-${turn.part}${whom}`, { name, partner });
    }
    case 'round_waiting':
      return t('floor-round', { name: nameAt(room, room.floor.upcoming[0]) });
    default:
      return t(`floor-${word}`);
  }
}

function Holder({ session, room }: { session: Session; room: RoomView }) {
  const seat = session.seat.value;
  const word = floorWord(room, seat);
  const { turn, step_clock, groups } = room.floor;
  const running = room.phase.stage.stage === 'running';
  const next = running && turn ? nextSpeaker(room) : undefined;
  const listening = running && word !== 'mine' && word !== 'breakout' && !rightsOf(room, seat).audio;
  const small =
    next === seat
      ? t('next-you')
      : next !== undefined
        ? t('next-is', { name: nameAt(room, next) })
        : listening
          ? t('you-listen')
          : '';
  // In one's own grace the sentence counts down to the cut: nothing else matters then.
  if (word === 'mine') void beat.value;
  const time = word === 'mine' && turn ? turnTime(session, turn) : null;
  const concluding = turn && time?.mood === 'grace';
  return (
    <div class="holder" data-word={word} data-mood={time?.mood}>
      <p data-testid="turn-holder" data-seat={turn?.seat}>
        {concluding
          ? t('turn-concluding', { seconds: wholeSeconds(turn.grace + time.left) })
          : floorSentence(session, room)}
        {running && step_clock && groups.length === 0 && !turn && (
          <Countdown session={session} clock={step_clock} testid="step-clock" label={t('step-clock')} />
        )}
      </p>
      <small data-next={next} data-you={next === seat}>
        {small}
      </small>
    </div>
  );
}

function PhaseClock({ session, room }: { session: Session; room: RoomView }) {
  void beat.value;
  const phase = currentPhase(room);
  const left = remaining(room.phase.clock, session.serverNow());
  const warned = phase ? left <= Math.max(0, ...phase.warnings) : false;
  const mood = !phase ? 'idle' : left < 0 ? 'over' : warned ? 'warning' : 'calm';
  const paused = phase !== undefined && room.phase.clock.clock === 'paused';
  const chair = room.state.chair === session.seat.value;
  const ends = room.phase.session_ends_at;
  return (
    <p class="phase-clock" data-mood={mood} data-paused={paused}>
      <span
        class="digits"
        role="timer"
        data-testid="phase-clock"
        data-seconds={wholeSeconds(left)}
        aria-label={t('phase-clock')}
      >
        {phase ? formatClock(left) : formatClock(room.template.target)}
      </span>
      <small>
        {paused ? t('phase-paused') : phase ? t(left < 0 ? 'phase-over' : 'phase-left') : t('phase-total')}
      </small>
      {chair && phase && ends !== undefined && (
        <small class="session-end" data-testid="session-end" title={t('session-end-title')}>
          {t(paused ? 'session-end-paused' : 'session-end', { time: timeOfDay(ends) })}
        </small>
      )}
    </p>
  );
}
