/** The contract: the client words the help wanted, the group accepts the sentence. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { clientOf, currentPhase, nameAt, personAt, speaks } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Icon } from './Icon.tsx';
import { list } from './words.ts';

export function Contract({ session }: { session: Session }) {
  const room = session.room.value;
  const phase = room && currentPhase(room);
  if (!room || !phase) return null;
  const { contract } = room.phase;
  if (phase.takes_contract) return <Gate session={session} room={room} />;
  return contract ? (
    <p class="contract kept" data-testid="contract" title={contract}>
      <span>{t('contract-kept')}</span> {contract}
    </p>
  ) : null;
}

function Gate({ session, room }: { session: Session; room: RoomView }) {
  const [text, setText] = useState<string | null>(null);
  const { contract, contract_accepted_by: accepted, contract_awaits: awaits } = room.phase;
  const seat = session.seat.value;
  const me = personAt(room, seat);
  const client = me?.role === 'client';
  // The facilitator may write down what the client said, when asked to; the form is the client's.
  const mayPropose = client || room.state.chair === seat;
  const editing = text !== null || (client && !contract);
  const propose = (event: Event) => {
    event.preventDefault();
    const sentence = (text ?? '').trim();
    if (!sentence) return;
    session.ask({ do: 'propose_contract', text: sentence });
    setText(null);
  };
  const mine = accepted.includes(seat);
  const names = (seats: number[]) => list(seats.map((of) => nameAt(room, of)));
  return (
    <section class="card contract" aria-labelledby="contract-title">
      <h2 id="contract-title">{t('contract-title')}</h2>
      {editing ? (
        <form onSubmit={propose}>
          <input
            data-testid="contract-input"
            maxLength={500}
            value={text ?? ''}
            placeholder={t('contract-placeholder')}
            aria-labelledby="contract-title"
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button class="pill ink" data-testid="propose-contract" disabled={!text?.trim()}>
            {t('contract-propose')}
          </button>
        </form>
      ) : (
        <blockquote data-testid="contract" data-empty={!contract}>
          {contract ?? t('contract-waiting', { name: clientOf(room)?.name ?? '' })}
        </blockquote>
      )}
      <div class="contract-actions">
        {contract && (
          <p class="accepted">
            {accepted.length > 0
              ? t('contract-accepted-by', { names: names(accepted) })
              : t('contract-nobody-yet')}
            {awaits.length > 0 && (
              <span data-testid="contract-awaits">{t('contract-awaits', { names: names(awaits) })}</span>
            )}
          </p>
        )}
        {mayPropose && !editing && (
          <button class="link" data-testid="reword-contract" onClick={() => setText(contract ?? '')}>
            {t(contract ? 'contract-change' : 'contract-word', { name: clientOf(room)?.name ?? '' })}
          </button>
        )}
        {contract && !editing && me && speaks(me.role) && (
          <button
            class={mine ? 'pill small' : 'pill small ink'}
            data-testid="accept-contract"
            disabled={mine || !awaits.includes(seat)}
            onClick={() => session.ask({ do: 'accept_contract' })}
          >
            <Icon name="check" />
            {t(mine ? 'contract-accepted' : 'contract-accept')}
          </button>
        )}
      </div>
    </section>
  );
}
