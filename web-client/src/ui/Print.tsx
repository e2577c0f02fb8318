/** The record on paper: one clean page, seen only by the printer. */
import { t } from '../i18n/index.ts';
import { nameAt } from '../state/derive.ts';
import { recordOwner, sections } from '../state/record.ts';
import type { Session } from '../state/session.ts';
import { Words } from './Record.tsx';
import { day, list } from './words.ts';

export function Print({ session }: { session: Session }) {
  const room = session.room.value;
  const seat = session.seat.value;
  if (!room || recordOwner(room) !== seat) return null;
  const { contract } = room.phase;
  return (
    <article class="print" aria-hidden="true" data-testid="print-page">
      <header>
        <p>Palabre</p>
        <h1>{room.template.title}</h1>
        <p>
          {day(session.serverNow())} · {list(room.people.map(({ name }) => name))}
        </p>
      </header>
      {contract && (
        <section class="print-contract">
          <h2>{t('contract-title')}</h2>
          <blockquote>{contract}</blockquote>
        </section>
      )}
      {sections(room, seat)
        .filter(({ entries }) => entries.length > 0)
        .map(({ kind, entries }) => (
          <section key={kind} data-kind={kind}>
            <h2>{t(`record-${kind}`)}</h2>
            <ul>
              {[...entries]
                .sort((a, b) => Number(b.kept) - Number(a.kept))
                .map((entry) => (
                  <li key={entry.id} data-kept={entry.kept}>
                    <Words entry={entry} />
                    {kind !== 'action' && <small>{nameAt(room, entry.seat)}</small>}
                    {entry.kept && <small class="print-kept">{t('entry-is-kept')}</small>}
                  </li>
                ))}
            </ul>
          </section>
        ))}
      <footer>{t('print-foot')}</footer>
    </article>
  );
}
