/** Two quiet signals: « I cannot hear » to all, and a word to the facilitator alone. */
import { useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { nameAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import { Icon } from './Icon.tsx';

export function Help({ session }: { session: Session }) {
  const sheet = useRef<HTMLDivElement>(null);
  const [text, setText] = useState('');
  const room = session.room.value;
  if (!room) return null;
  const { chair } = room.state;
  const asks = chair !== undefined && chair !== session.seat.value;
  const close = () => sheet.current?.hidePopover();
  const send = (event: Event) => {
    event.preventDefault();
    const trimmed = text.trim();
    if (!trimmed) return;
    session.ask({ do: 'help', text: trimmed });
    setText('');
    close();
  };
  return (
    <>
      <button class="round" popovertarget="help" data-testid="help" aria-label={t('help')} title={t('help')}>
        <Icon name="help" />
      </button>
      <div id="help" class="sheet" popover="auto" ref={sheet} role="dialog" aria-label={t('help')}>
        <button
          class="pill"
          data-testid="cannot-hear"
          onClick={() => {
            session.ask({ do: 'cannot_hear' });
            close();
          }}
        >
          <Icon name="ear" />
          {t('cannot-hear')}
        </button>
        {asks && (
          <form class="stack" onSubmit={send}>
            <label class="field">
              <span>{t('help-ask', { name: nameAt(room, chair) })}</span>
              <textarea
                data-testid="help-input"
                rows={3}
                maxLength={500}
                value={text}
                placeholder={t('help-placeholder')}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
            <p class="fine">{t('help-note')}</p>
            <button class="pill ink" data-testid="help-send" disabled={!text.trim()}>
              {t('help-send')}
            </button>
          </form>
        )}
      </div>
    </>
  );
}
