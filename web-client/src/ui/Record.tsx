/** The record: what the session leaves, by kind, written by those whose part it is. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { nameAt } from '../state/derive.ts';
import { stars } from '../state/export.ts';
import { entryChoices, isRecordEmpty, recordOwner, sections, type Section } from '../state/record.ts';
import type { Session } from '../state/session.ts';
import type { Entry, RoomView } from '../wire/index.ts';
import { blank, EntryForm } from './EntryForm.tsx';
import { Take } from './Export.tsx';
import { Icon } from './Icon.tsx';

export function Record({ session, room }: { session: Session; room: RoomView }) {
  const seat = session.seat.value;
  const all = sections(room, seat);
  const { contract } = room.phase;
  // After the end it is there to be taken: that comes first.
  const over = room.phase.stage.stage === 'ended';
  const take = recordOwner(room) === seat && !isRecordEmpty(room) && <Take session={session} room={room} />;
  const kind = (section: Section) => (
    <Kind key={section.kind} session={session} room={room} section={section} />
  );
  return (
    <div class="record" data-testid="record">
      {over && take}
      {all.filter(({ asked }) => asked).map(kind)}
      {contract && (
        <section>
          <h2>{t('contract-title')}</h2>
          <blockquote>{contract}</blockquote>
        </section>
      )}
      {all.filter(({ asked }) => !asked).map(kind)}
      {all.length === 0 && !contract && <p class="empty">{t('record-empty')}</p>}
      {!over && take}
    </div>
  );
}

interface KindProps {
  session: Session;
  room: RoomView;
  section: Section;
}

function Kind({ session, room, section: { kind, entries, writable } }: KindProps) {
  const own = entries.find((entry) => entry.seat === session.seat.value);
  // One rating a person: theirs is changed in its place.
  const adds = writable && !(kind === 'rating' && own);
  return (
    <section data-kind={kind} data-testid={`record-${kind}`}>
      <h2>
        {t(`record-${kind}`)} {entries.length > 1 && <small>{entries.length}</small>}
      </h2>
      <ul class="entries">
        {entries.map((entry) => (
          <Line key={entry.id} session={session} room={room} entry={entry} />
        ))}
      </ul>
      {adds && (
        <EntryForm
          start={blank(kind)}
          word={t('entry-add')}
          onWrite={(entry) => session.ask({ do: 'add_entry', entry })}
        />
      )}
    </section>
  );
}

function Line({ session, room, entry }: { session: Session; room: RoomView; entry: Entry }) {
  const [editing, setEditing] = useState(false);
  const choices = entryChoices(room, session.seat.value, entry);
  if (editing && choices.change) {
    return (
      <li>
        <EntryForm
          start={entry.entry}
          word={t('entry-save')}
          onWrite={(changed) => {
            session.ask({ do: 'change_entry', id: entry.id, entry: changed });
            setEditing(false);
          }}
          onCancel={() => setEditing(false)}
        />
      </li>
    );
  }
  return (
    <li class="entry" data-testid={`entry-${entry.id}`} data-kept={entry.kept}>
      <Words entry={entry} />
      <p class="entry-foot">
        <span>{nameAt(room, entry.seat)}</span>
        {choices.change && (
          <button class="link quiet-link" onClick={() => setEditing(true)}>
            {t('entry-change')}
          </button>
        )}
        {choices.remove && (
          <button
            class="link quiet-link"
            data-testid={`entry-remove-${entry.id}`}
            onClick={() => session.ask({ do: 'remove_entry', id: entry.id })}
          >
            {t('entry-remove')}
          </button>
        )}
        {choices.keep ? (
          <button
            class="keep"
            data-testid={`entry-keep-${entry.id}`}
            aria-pressed={entry.kept}
            onClick={() => session.ask({ do: 'keep_entry', id: entry.id, kept: !entry.kept })}
          >
            <Icon name={entry.kept ? 'kept' : 'keep'} />
            {t(entry.kept ? 'entry-kept' : 'entry-keep')}
          </button>
        ) : (
          entry.kept && (
            <span class="keep" data-still>
              <Icon name="kept" />
              {t('entry-is-kept')}
            </span>
          )
        )}
      </p>
    </li>
  );
}

/** What an entry says. */
export function Words({ entry: { entry } }: { entry: Entry }) {
  switch (entry.kind) {
    case 'action':
      return (
        <div class="entry-text">
          <p>
            <strong>{entry.what}</strong>
          </p>
          {entry.when && (
            <p>
              {t('action-when')} {entry.when}
            </p>
          )}
          {entry.first_step && (
            <p>
              {t('action-first')} {entry.first_step}
            </p>
          )}
        </div>
      );
    case 'rating':
      return (
        <div class="entry-text">
          <p class="stars" role="img" aria-label={t('rating-stars', { count: entry.stars })}>
            {stars(entry.stars)}
          </p>
          {entry.comment && <p>{entry.comment}</p>}
        </div>
      );
    default:
      return <p class="entry-text">{entry.text}</p>;
  }
}
