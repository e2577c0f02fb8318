/** The connection in words. */
import { t } from '../i18n/index.ts';
import type { Session } from '../state/session.ts';

/** One word for both connections: the worse of the two. */
export type ConnectionWord = 'joining' | 'connected' | 'reconnecting' | 'repairing' | 'stopped' | 'closed';

export function connectionWord(session: Session): ConnectionWord {
  const phase = session.phase.value;
  switch (phase.kind) {
    case 'idle':
      return 'joining';
    case 'connecting':
      return session.room.value ? 'reconnecting' : 'joining';
    case 'waiting':
      return session.room.value ? 'reconnecting' : 'joining';
    case 'stopped':
      return 'stopped';
    case 'closed':
      return 'closed';
    case 'joined':
      if (session.media.value.at === 'up') return 'connected';
      return session.wasUp.value ? 'repairing' : 'joining';
  }
}

export function ConnectionState({ session }: { session: Session }) {
  const word = connectionWord(session);
  return (
    <p
      class="connection"
      role="status"
      data-testid="connection-state"
      data-state={word}
      data-signaling={session.phase.value.kind}
      data-media={session.media.value.at}
    >
      <i aria-hidden="true" />
      <span>{t(`connection-${word}`)}</span>
      {word === 'stopped' && (
        <button class="link" onClick={() => session.comeBack()}>
          {t('connection-retry')}
        </button>
      )}
    </p>
  );
}
