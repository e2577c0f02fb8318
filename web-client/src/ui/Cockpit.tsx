/**
 * Conducting, in one quiet row: one key leads on, and beside it only what the phase may need. The tool
 * holds the rules, so that the facilitator need not.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { keyWord } from '../state/budget.ts';
import { clientOf, mayTakeChair, nameAt, needsClient, nextPhase, phaseIndex } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import { tiedSeats } from '../state/votes.ts';
import type { RoomView } from '../wire/index.ts';
import { TakeChair } from './Banners.tsx';
import { Countdown } from './Countdown.tsx';
import { Dialog } from './Dialog.tsx';
import { Extend } from './Extend.tsx';
import { Icon } from './Icon.tsx';
import { Round } from './Round.tsx';

export function Cockpit({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room || room.phase.stage.stage === 'ended') return null;
  const seat = session.seat.value;
  const chair = room.state.chair === seat;
  return (
    <div class="conduct">
      <Advance session={session} room={room} chair={chair} />
      {chair && <Blocked room={room} />}
      {chair ? <Chair session={session} room={room} /> : <Replaced session={session} room={room} />}
    </div>
  );
}

/** A phase that is done leads on by itself: calmly announced, and the facilitator may stay. */
function Advance({ session, room, chair }: { session: Session; room: RoomView; chair: boolean }) {
  const { advance, next } = room.phase;
  if (!advance) return null;
  const title = next.step === 'phase' ? (room.phases[next.index]?.title ?? '') : '';
  return (
    <p class="advance" data-testid="advance">
      <span>
        {t(`advance-${next.step === 'open_vote' || next.step === 'end' ? next.step : 'phase'}`, { title })}
      </span>
      <Countdown session={session} until={advance.at} testid="advance-clock" />
      {chair && (
        <button class="pill small" data-testid="stay" onClick={() => session.ask({ do: 'stay' })}>
          {t('advance-stay')}
        </button>
      )}
    </p>
  );
}

/** A facilitator whose place somebody took while they were away. */
function Replaced({ session, room }: { session: Session; room: RoomView }) {
  const { chair } = room.state;
  // While nobody conducts, or the holder is away, the banner has the button.
  if (chair === undefined || !mayTakeChair(room, session.seat.value)) return null;
  if (room.people.some((person) => person.seat === chair && person.presence.presence === 'away')) return null;
  return (
    <section class="cockpit" aria-label={t('cockpit')}>
      <p>{t('chair-held', { name: nameAt(room, chair) })}</p>
      <TakeChair session={session} />
    </section>
  );
}

function Chair({ session, room }: { session: Session; room: RoomView }) {
  const { stage } = room.phase;
  const lobby = stage.stage === 'lobby';
  const paused = room.state.pause !== undefined || room.phase.clock.clock === 'paused';
  const next = nextPhase(room);
  return (
    <section class="cockpit" aria-label={t('cockpit')}>
      <div class="tools">
        {!lobby && (
          <>
            <Round
              icon="back"
              label={t('phase-back')}
              testid="previous-phase"
              disabled={stage.stage === 'running' && stage.index === 0}
              onClick={() => session.ask({ do: 'previous_phase' })}
            />
            <Round
              icon={paused ? 'play' : 'pause'}
              label={t(paused ? 'phase-resume' : 'phase-pause')}
              testid={paused ? 'resume-phase' : 'pause-phase'}
              onClick={() => session.ask({ do: paused ? 'resume_phase' : 'pause_phase' })}
            />
            <Extend session={session} room={room} />
          </>
        )}
        <Round
          icon="skipPhase"
          label={next ? t('phase-next', { title: next.title }) : t('end-session')}
          testid="next-phase"
          onClick={() => session.ask(next ? { do: 'next_phase' } : { do: 'end_session' })}
        />
        {!lobby && <TurnTools session={session} room={room} />}
        <NameClient session={session} room={room} />
        <VoteAgain session={session} room={room} />
        {lobby && <DrillTool session={session} room={room} />}
      </div>
      <GoOn session={session} room={room} />
    </section>
  );
}

/** Why the one key waits. */
function Blocked({ room }: { room: RoomView }) {
  const { blocked, contract, contract_awaits, next } = room.phase;
  if (!blocked || next.step !== 'wait') return null;
  const awaits = blocked === 'contract_not_accepted' && contract !== undefined && contract_awaits.length > 0;
  return (
    <p class="blocked" id="blocked" data-testid="blocked">
      {awaits ? t('blocked-contract-awaits', { count: contract_awaits.length }) : t(`blocked-${blocked}`)}
    </p>
  );
}

/** What can be done with the turn that is on, or with the part of the phase without one. */
function TurnTools({ session, room }: { session: Session; room: RoomView }) {
  const { turn, step_clock, policy, hands, circle, circle_seats } = room.floor;
  const full = circle_seats !== undefined && circle.length >= circle_seats && hands.length > 0;
  const picks = policy === 'chair_queue' && hands.length > 0;
  const skips = turn ? 'turn' : step_clock ? 'step' : picks ? 'pick' : full ? 'circle' : null;
  return (
    <>
      {turn && (
        <button
          class="pill small"
          data-testid="revoke"
          title={t('floor-take')}
          onClick={() => session.ask({ do: 'revoke_floor' })}
        >
          <Icon name="take" />
          <span>{t('floor-take')}</span>
        </button>
      )}
      {skips && (
        <button
          class="pill small"
          data-testid="skip"
          title={t(`skip-${skips}`)}
          onClick={() => session.ask({ do: 'skip_turn' })}
        >
          <Icon name="skip" />
          <span>{t(`skip-${skips}`)}</span>
        </button>
      )}
    </>
  );
}

/** A vote that was held in this phase can be held again: after a tie, or when more time was voted. */
function VoteAgain({ session, room }: { session: Session; room: RoomView }) {
  const held = room.votes.results.at(-1);
  if (!held || room.votes.open || room.phase.next.step === 'open_vote' || held.phase !== phaseIndex(room))
    return null;
  return (
    <button class="pill small" data-testid="open-vote" onClick={() => session.ask({ do: 'open_vote' })}>
      {t('vote-again')}
    </button>
  );
}

/** Plays the loss of the client, so that nobody is surprised by a real one. */
function DrillTool({ session, room }: { session: Session; room: RoomView }) {
  if (room.state.drill) return null;
  const part = clientOf(room) ?? room.people.find((person) => person.role === 'consultant');
  if (!part) return null;
  return (
    <button
      class="pill small"
      data-testid="start-drill"
      title={t('drill-help')}
      onClick={() => session.ask({ do: 'start_drill' })}
    >
      <Icon name="drill" />
      {t('drill-start')}
    </button>
  );
}

/** After the first press of the key at the end of a session, a second one within this ends it. */
const SURE_WITHIN = 4000;

/** Where a letter is a letter and no command. */
const TYPING = 'input, textarea, select, [contenteditable], dialog[open], [popover]:popover-open';

/** The one key of a session. */
function GoOn({ session, room }: { session: Session; room: RoomView }) {
  const [sure, setSure] = useState(false);
  const { next } = room.phase;
  const { step, able } = keyWord(next);
  const busy = session.busy.value.has('go_on');
  const act = () => {
    if (able && !busy) session.ask({ do: 'go_on' });
  };
  const pressed = useRef(act);
  pressed.current = () => {
    // The end is for everyone and for good: one press too many must not be it.
    if (step === 'end' && !sure) setSure(true);
    else act();
  };
  useEffect(() => {
    if (!sure) return;
    const timer = setTimeout(() => setSure(false), SURE_WITHIN);
    return () => clearTimeout(timer);
  }, [sure]);
  useEffect(() => setSure(false), [step]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'n' || event.repeat || event.defaultPrevented) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(TYPING)) return;
      if (document.querySelector('dialog[open]')) return;
      event.preventDefault();
      pressed.current();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  const { open } = room.votes;
  const label =
    step === 'end' && sure
      ? t('go-end-sure')
      : t(`go-${step}`, {
          title: next.step === 'phase' ? (room.phases[next.index]?.title ?? '') : '',
          voted: open?.voted.length ?? 0,
          total: (open?.voted.length ?? 0) + (open?.awaited.length ?? 0),
        });
  return (
    <button
      class="pill ink go-on"
      data-testid="go-on"
      data-step={step}
      aria-keyshortcuts="N"
      aria-disabled={!able}
      aria-busy={busy}
      aria-describedby={room.phase.blocked && step === 'wait' ? 'blocked' : undefined}
      // The second click of a double click was meant for what the button said before.
      onClick={(event) => event.detail < 2 && act()}
    >
      <span aria-live="polite">{label}</span>
      <kbd aria-hidden="true">N</kbd>
    </button>
  );
}

/** Names who brings the subject, while nobody does. */
function NameClient({ session, room }: { session: Session; room: RoomView }) {
  const [open, setOpen] = useState(false);
  if (!needsClient(room) && !open) return null;
  const tied = tiedSeats(room);
  const candidates = room.people
    .filter((person) => person.role === 'consultant' || person.role === 'client')
    .sort((a, b) => Number(tied.includes(b.seat)) - Number(tied.includes(a.seat)));
  return (
    <>
      <button class="pill small" data-testid="name-client" onClick={() => setOpen(true)}>
        {t('client-name')}
      </button>
      {open && (
        <Dialog title={t('client-title')} onClose={() => setOpen(false)}>
          <ul class="choices">
            {candidates.map((person) => (
              <li key={person.seat}>
                <button
                  class="pill"
                  data-testid={`name-client-${person.seat}`}
                  onClick={() => {
                    session.ask({ do: 'name_client', seat: person.seat });
                    setOpen(false);
                  }}
                >
                  {person.name}
                  {tied.includes(person.seat) && <small>{t('client-tied')}</small>}
                </button>
              </li>
            ))}
          </ul>
          <div class="dialog-actions">
            <button class="pill" onClick={() => setOpen(false)}>
              {t('cancel')}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
