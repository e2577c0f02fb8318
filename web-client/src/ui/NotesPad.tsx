/** Private notes, which save themselves. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { MAX_NOTES } from '../state/notes.ts';
import type { Session } from '../state/session.ts';

export function NotesPad({ session }: { session: Session }) {
  const notes = session.notes.value;
  const word = notes.at === 'sending' || notes.at === 'typed' ? 'saving' : notes.at;
  return (
    <section class="notes" aria-labelledby="notes-title">
      <h2 id="notes-title">{t('notes-title')}</h2>
      <p class="fine">{t('notes-private')}</p>
      <textarea
        data-testid="notes"
        data-state={notes.at}
        aria-labelledby="notes-title"
        placeholder={t('notes-placeholder')}
        maxLength={MAX_NOTES}
        value={notes.text}
        disabled={notes.at === 'unknown'}
        onInput={(event) => session.write(event.currentTarget.value)}
      />
      <p class="notes-foot">
        <span role="status">{notes.text || word === 'refused' ? t(`notes-${word}`) : ''}</span>
        {notes.text && <Copy session={session} />}
      </p>
    </section>
  );
}

function Copy({ session }: { session: Session }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard?.writeText(session.notes.value.text).then(
      () => setCopied(true),
      () => undefined,
    );
  };
  return (
    <button class="link quiet-link" data-testid="copy-notes" onClick={copy}>
      {t(copied ? 'copied' : 'notes-copy')}
    </button>
  );
}

/** After the session: one's own notes, to take along as long as the page is open. */
export function NotesLeft({ session }: { session: Session }) {
  const { text } = session.notes.value;
  if (!text) return null;
  return (
    <section class="notes-left" aria-labelledby="notes-left-title">
      <h2 id="notes-left-title">{t('notes-yours')}</h2>
      <p>{text}</p>
      <Copy session={session} />
    </section>
  );
}
