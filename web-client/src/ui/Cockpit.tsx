/** Conducting, in one quiet row: the tool holds the rules, so that the facilitator need not. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { nextPhase, personAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import { Dialog } from './Dialog.tsx';
import { Icon } from './Icon.tsx';

const MINUTE = 60_000;

export function Cockpit({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room) return null;
  const seat = session.seat.value;
  const me = personAt(room, seat);
  if (room.phase.stage.stage === 'ended') return null;
  if (room.state.chair !== seat) {
    const mayTake = me?.role === 'facilitator' || me?.role === 'co_facilitator';
    if (!mayTake) return null;
    const holder = personAt(room, room.state.chair);
    return (
      <section class="cockpit" aria-label={t('cockpit')}>
        <p>{holder ? t('chair-held', { name: holder.name }) : t('chair-free')}</p>
        <button class="pill" data-testid="take-chair" onClick={() => session.ask({ do: 'take_chair' })}>
          {t('chair-take')}
        </button>
      </section>
    );
  }
  const lobby = room.phase.stage.stage === 'lobby';
  const next = nextPhase(room);
  const paused = room.phase.clock.clock === 'paused';
  const busy = session.busy.value;
  const first = room.phase.stage.stage === 'running' && room.phase.stage.index === 0;
  const { blocked } = room.phase;
  return (
    <section class="cockpit" aria-label={t('cockpit')}>
      {!lobby && (
        <>
          <button
            class="round"
            data-testid="previous-phase"
            aria-label={t('phase-back')}
            title={t('phase-back')}
            disabled={first}
            onClick={() => session.ask({ do: 'previous_phase' })}
          >
            <Icon name="back" />
          </button>
          <button
            class="round"
            data-testid={paused ? 'resume-phase' : 'pause-phase'}
            aria-label={t(paused ? 'phase-resume' : 'phase-pause')}
            title={t(paused ? 'phase-resume' : 'phase-pause')}
            onClick={() => session.ask({ do: paused ? 'resume_phase' : 'pause_phase' })}
          >
            <Icon name={paused ? 'play' : 'pause'} />
          </button>
          <button
            class="pill small"
            data-testid="extend-phase"
            aria-label={t('phase-extend')}
            title={t('phase-extend')}
            onClick={() => session.ask({ do: 'extend_phase', by: MINUTE })}
          >
            {t('phase-extend-short')}
          </button>
        </>
      )}
      {room.floor.turn && !lobby && (
        <>
          <button class="pill small" data-testid="revoke" onClick={() => session.ask({ do: 'revoke_floor' })}>
            <Icon name="take" />
            {t('floor-take')}
          </button>
          <button class="pill small" data-testid="skip" onClick={() => session.ask({ do: 'skip_turn' })}>
            <Icon name="skip" />
            {t('floor-skip')}
          </button>
        </>
      )}
      <NameClient session={session} />
      <button
        class="pill ink"
        data-testid="next-phase"
        aria-busy={busy.has('next_phase')}
        title={next && !lobby ? t('phase-next', { title: next.title }) : undefined}
        aria-describedby={blocked ? 'blocked' : undefined}
        onClick={() => session.ask(next ? { do: 'next_phase' } : { do: 'end_session' })}
      >
        <span>{lobby ? t('phase-start') : next ? next.title : t('end-session')}</span>
        <Icon name="next" />
      </button>
      {blocked && (
        <p class="blocked" id="blocked" data-testid="blocked">
          {t(`blocked-${blocked}`)}
        </p>
      )}
    </section>
  );
}

/** Names who brings the subject, while nobody does or in the phase that chooses. */
function NameClient({ session }: { session: Session }) {
  const [open, setOpen] = useState(false);
  const room = session.room.value;
  if (!room || (room.phase.blocked !== 'client_not_named' && !open)) return null;
  const candidates = room.people.filter((person) => person.role === 'consultant' || person.role === 'client');
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
