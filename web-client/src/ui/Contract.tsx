/** The contract: the client words the help wanted, the group accepts the sentence. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { currentPhase, personAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import { Icon } from './Icon.tsx';

/** Whether this phase is where the sentence is agreed upon. */
const isContractPhase = (id: string | undefined) => id === 'contrat' || id === 'contract';

export function Contract({ session }: { session: Session }) {
  const [text, setText] = useState<string | null>(null);
  const room = session.room.value;
  if (!room || room.phase.stage.stage !== 'running') return null;
  const { contract, contract_accepted_by: accepted, blocked } = room.phase;
  const here = blocked === 'contract_not_accepted' || isContractPhase(currentPhase(room)?.id);
  if (!here) {
    return contract ? (
      <p class="contract kept" data-testid="contract">
        <span>{t('contract-kept')}</span> {contract}
      </p>
    ) : null;
  }
  const seat = session.seat.value;
  const me = personAt(room, seat);
  const mayPropose = me?.role === 'client';
  const mine = accepted.includes(seat);
  const editing = text !== null || !contract;
  const propose = (event: Event) => {
    event.preventDefault();
    const sentence = (text ?? '').trim();
    if (!sentence) return;
    session.ask({ do: 'propose_contract', text: sentence });
    setText(null);
  };
  return (
    <section class="contract" aria-labelledby="contract-title">
      <h2 id="contract-title">{t('contract-title')}</h2>
      {mayPropose && editing ? (
        <form onSubmit={propose}>
          <input
            data-testid="contract-input"
            maxLength={500}
            value={text ?? ''}
            placeholder={t('contract-placeholder')}
            aria-label={t('contract-title')}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button class="pill ink" data-testid="propose-contract" disabled={!text?.trim()}>
            {t('contract-propose')}
          </button>
        </form>
      ) : (
        <blockquote data-testid="contract">{contract ?? t('contract-waiting')}</blockquote>
      )}
      {contract && !editing && (
        <div class="contract-actions">
          <span class="accepted">
            {accepted.length > 0
              ? t('contract-accepted-by', {
                  names: accepted.map((by) => personAt(room, by)?.name ?? '').join(', '),
                })
              : t('contract-nobody-yet')}
          </span>
          {mayPropose && (
            <button class="link" onClick={() => setText(contract)}>
              {t('contract-change')}
            </button>
          )}
          <button
            class="pill small"
            data-testid="accept-contract"
            disabled={mine}
            onClick={() => session.ask({ do: 'accept_contract' })}
          >
            <Icon name="check" />
            {t(mine ? 'contract-accepted' : 'contract-accept')}
          </button>
        </div>
      )}
    </section>
  );
}
