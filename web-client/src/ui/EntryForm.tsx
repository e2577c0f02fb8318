/** Writing one entry of the record. */
import { useId, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { ready } from '../state/record.ts';
import type { EntryDraft, EntryKind } from '../wire/index.ts';
import { Icon } from './Icon.tsx';

/** The most characters of a text, as the wire has it. */
const MOST = 1000;
const MOST_WHEN = 100;

export function blank(kind: EntryKind): EntryDraft {
  switch (kind) {
    case 'action':
      return { kind, what: '', when: '', first_step: '' };
    case 'rating':
      return { kind, stars: 0, comment: '' };
    default:
      return { kind, text: '' };
  }
}

interface Props {
  start: EntryDraft;
  /** What the button says. */
  word: string;
  onWrite(entry: EntryDraft): void;
  onCancel?(): void;
}

export function EntryForm({ start, word, onWrite, onCancel }: Props) {
  const [draft, setDraft] = useState(start);
  const whole = ready(draft);
  const write = (event?: Event) => {
    event?.preventDefault();
    if (!whole) return;
    onWrite(whole);
    setDraft(start);
  };
  // A line ends with Enter, as in a chat; a new line within it takes Shift.
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    write();
  };
  return (
    <form class="entry-form" data-kind={draft.kind} onSubmit={write}>
      <Fields draft={draft} onDraft={setDraft} onKeyDown={onKeyDown} />
      <div class="entry-form-foot">
        {onCancel && (
          <button type="button" class="link" onClick={onCancel}>
            {t('cancel')}
          </button>
        )}
        <button class="pill small" data-testid={`entry-add-${draft.kind}`} disabled={!whole}>
          {word}
        </button>
      </div>
    </form>
  );
}

/** What a plan asks for: the field, its hook's ending, its words, the most characters. */
const ACTION = [
  ['what', '', 'entry-action', MOST],
  ['when', '-when', 'entry-when', MOST_WHEN],
  ['first_step', '-first_step', 'entry-first', MOST],
] as const;

interface FieldsProps {
  draft: EntryDraft;
  onDraft(draft: EntryDraft): void;
  onKeyDown(event: KeyboardEvent): void;
}

function Fields({ draft, onDraft, onKeyDown }: FieldsProps) {
  const label = t(`entry-${draft.kind}`);
  const testid = `entry-input-${draft.kind}`;
  switch (draft.kind) {
    case 'action':
      return (
        <>
          {ACTION.map(([field, id, word, most]) => (
            <input
              key={field}
              data-testid={`${testid}${id}`}
              aria-label={t(word)}
              placeholder={t(word)}
              maxLength={most}
              value={draft[field]}
              onInput={(event) => onDraft({ ...draft, [field]: event.currentTarget.value })}
            />
          ))}
        </>
      );
    case 'rating':
      return (
        <>
          <Stars count={draft.stars} onCount={(stars) => onDraft({ ...draft, stars })} />
          <textarea
            data-testid={testid}
            aria-label={label}
            placeholder={label}
            rows={2}
            maxLength={MOST}
            value={draft.comment}
            onInput={(event) => onDraft({ ...draft, comment: event.currentTarget.value })}
          />
        </>
      );
    default:
      return (
        <textarea
          data-testid={testid}
          aria-label={label}
          placeholder={label}
          rows={2}
          maxLength={MOST}
          value={draft.text}
          onKeyDown={onKeyDown}
          onInput={(event) => onDraft({ ...draft, text: event.currentTarget.value })}
        />
      );
  }
}

function Stars({ count, onCount }: { count: number; onCount(count: number): void }) {
  const name = useId();
  return (
    <fieldset class="star-choice">
      <legend class="sr">{t('entry-stars')}</legend>
      {[1, 2, 3, 4, 5].map((value) => (
        <label key={value} data-on={value <= count}>
          <input
            type="radio"
            name={name}
            data-testid={`entry-stars-${value}`}
            checked={count === value}
            onChange={() => onCount(value)}
          />
          <Icon name="star" />
          <span class="sr">{t('rating-stars', { count: value })}</span>
        </label>
      ))}
    </fieldset>
  );
}
