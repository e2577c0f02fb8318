/** After the session, or after leaving it: thanks, and what the session leaves to whom it belongs. */
import { t } from '../i18n/index.ts';
import { nameAt } from '../state/derive.ts';
import { isRecordEmpty, recordOwner } from '../state/record.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Fate } from './Export.tsx';
import { Mark } from './Icon.tsx';
import { NotesLeft } from './NotesPad.tsx';
import { Print } from './Print.tsx';
import { Record } from './Record.tsx';
import { Corner } from './Screens.tsx';

export function Ended({ session, reason }: { session: Session; reason: 'left' | 'session_ended' }) {
  const ended = reason === 'session_ended';
  const room = session.room.value;
  return (
    <main class="screen" data-testid={ended ? 'ended' : 'left'}>
      <Corner />
      <Mark />
      <h1>{t(ended ? 'ended-title' : 'left-title')}</h1>
      <p>{t(ended ? 'ended-text' : 'left-text')}</p>
      {ended && room && <Legacy session={session} room={room} />}
      {ended && <NotesLeft session={session} />}
      <div class="row">
        {!ended && (
          <button class="pill ink" data-testid="rejoin" onClick={() => location.reload()}>
            {t('left-return')}
          </button>
        )}
        <a class="pill" href="/">
          {t('message-home')}
        </a>
      </div>
    </main>
  );
}

/** The record after the end: the owner's to take, to keep a while or to erase; the others' to know whose. */
function Legacy({ session, room }: { session: Session; room: RoomView }) {
  const seat = session.seat.value;
  const owner = recordOwner(room);
  if (room.state.record.fate === 'erase') {
    return (
      <p class="gone" role="status" data-testid="record-gone">
        {t('record-gone')}
      </p>
    );
  }
  if (isRecordEmpty(room)) return null;
  if (owner !== seat) {
    return owner === undefined ? null : <p class="fine">{t('record-of', { name: nameAt(room, owner) })}</p>;
  }
  return (
    <div class="legacy">
      {session.phase.value.kind === 'joined' && <Fate session={session} room={room} />}
      <Record session={session} room={room} />
      <Print session={session} />
    </div>
  );
}
