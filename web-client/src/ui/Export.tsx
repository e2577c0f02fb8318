/** Taking the record away: a file, a page of paper; and deciding what becomes of it here. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { fileName, toMarkdown } from '../state/export.ts';
import { decidesRecord } from '../state/record.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Confirm } from './Dialog.tsx';
import { Icon } from './Icon.tsx';
import { day } from './words.ts';

/** Hands a text over as a file, without a server. */
function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/markdown;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function Take({ session, room }: { session: Session; room: RoomView }) {
  const now = session.serverNow();
  return (
    <div class="take">
      <button
        class="pill small"
        data-testid="export-markdown"
        onClick={() => download(fileName(room, now), toMarkdown(room, day(now), t))}
      >
        <Icon name="download" />
        {t('export-markdown')}
      </button>
      <button class="pill small" data-testid="print-record" onClick={() => window.print()}>
        <Icon name="print" />
        {t('export-print')}
      </button>
    </div>
  );
}

/** Keep or erase: the client's word, asked in the last phase and until it is erased. */
export function Fate({ session, room }: { session: Session; room: RoomView }) {
  const [asking, setAsking] = useState(false);
  if (!decidesRecord(room, session.seat.value)) return null;
  const { fate } = room.state.record;
  const over = room.phase.stage.stage === 'ended';
  if (over && fate === 'erase') return null;
  return (
    <section class="card fate" data-testid="record-fate" data-fate={fate} aria-labelledby="fate-title">
      <header>
        <h2 id="fate-title">{t('fate-title')}</h2>
      </header>
      <p>{t(`fate-${fate}${over ? '-over' : ''}`)}</p>
      <div class="card-actions">
        <button
          class="pill small"
          data-testid="record-keep"
          aria-pressed={fate === 'keep'}
          onClick={() => session.ask({ do: 'decide_record', fate: { fate: 'keep' } })}
        >
          {fate === 'keep' && <Icon name="check" />}
          {t('fate-choose-keep')}
        </button>
        <button
          class="pill small danger"
          data-testid="record-erase"
          aria-pressed={fate === 'erase'}
          onClick={() => setAsking(true)}
        >
          {fate === 'erase' && <Icon name="check" />}
          {t('fate-choose-erase')}
        </button>
      </div>
      {asking && (
        <Confirm
          title={t('erase-title')}
          text={t(over ? 'erase-text-over' : 'erase-text')}
          word={t('fate-choose-erase')}
          testid="record-erase-confirm"
          onConfirm={() => session.ask({ do: 'decide_record', fate: { fate: 'erase' } })}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}
