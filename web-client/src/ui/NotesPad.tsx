/** Private notes, which save themselves. */
import { t } from '../i18n/index.ts';
import { MAX_NOTES } from '../state/notes.ts';
import type { Session } from '../state/session.ts';

export function NotesPad({ session }: { session: Session }) {
  const notes = session.notes.value;
  const word = notes.at === 'sending' || notes.at === 'typed' ? 'saving' : notes.at;
  const copy = () => {
    void navigator.clipboard?.writeText(notes.text).then(
      () => session.copied(),
      () => undefined,
    );
  };
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
        {notes.text && (
          <button class="link quiet-link" onClick={copy}>
            {t('notes-copy')}
          </button>
        )}
      </p>
    </section>
  );
}
