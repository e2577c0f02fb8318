/** Full screens that are not the room: on the way in, after it, and when something is in the way. */
import { t } from '../i18n/index.ts';
import type { FinalReason } from '../signaling/machine.ts';
import type { Session } from '../state/session.ts';
import { beat } from './clockwork.ts';
import { wordOf } from './ConnectionState.tsx';
import { Mark } from './Icon.tsx';
import { SettingsMenu } from './SettingsMenu.tsx';

/** Why there is no room to show. */
export type MessageKind =
  Exclude<FinalReason, 'left' | 'session_ended'> | 'no_token' | 'not_found' | 'unsupported';

/** What a person can do about it. */
type Way = 'reload' | 'home';

const WAYS: Record<MessageKind, Way> = {
  hello_expected: 'reload',
  version_mismatch: 'reload',
  bad_token: 'home',
  token_expired: 'home',
  room_gone: 'home',
  taken_over: 'reload',
  no_token: 'home',
  not_found: 'home',
  unsupported: 'home',
};

/** `onReturn` instead of loading the page again, where the page knows a better way back. */
export function Message({ kind, onReturn }: { kind: MessageKind; onReturn?: () => void }) {
  return (
    <main class="screen" data-testid="message" data-kind={kind}>
      <Corner />
      <Mark />
      <h1>{t(`message-${kind}-title`)}</h1>
      <p>{t(`message-${kind}-text`)}</p>
      {WAYS[kind] === 'reload' ? (
        <button
          class="pill ink"
          data-testid={kind === 'taken_over' ? 'take-back' : 'reload'}
          onClick={onReturn ?? (() => location.reload())}
        >
          {t(kind === 'taken_over' ? 'message-here' : 'message-reload')}
        </button>
      ) : (
        <a class="pill ink" href="/">
          {t('message-home')}
        </a>
      )}
    </main>
  );
}

export function Joining({ session }: { session: Session }) {
  void beat.value;
  const word = wordOf(session);
  const phase = session.phase.value;
  const again = phase.kind === 'waiting' && phase.full ? 'joining-full' : 'joining-again';
  return (
    <main class="screen" data-testid="joining">
      <Mark />
      <p data-testid="connection-state" data-state={word} role="status">
        {t(word === 'stopped' || phase.kind === 'waiting' ? again : `connection-${word}`)}
      </p>
      {word === 'stopped' && (
        <button class="pill ink" onClick={() => session.comeBack()}>
          {t('connection-retry')}
        </button>
      )}
    </main>
  );
}

export function Corner() {
  return (
    <div class="corner">
      <SettingsMenu />
    </div>
  );
}
