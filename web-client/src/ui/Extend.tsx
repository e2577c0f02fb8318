/** More time, with its price on the label: nothing is taken before what it costs was read. */
import { useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { offers, type Offer } from '../state/budget.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Icon } from './Icon.tsx';
import { length, timeOfDay } from './words.ts';

export function Extend({ session, room }: { session: Session; room: RoomView }) {
  const sheet = useRef<HTMLDivElement>(null);
  const quotes = session.personal.value?.chair?.extensions ?? [];
  const list = offers(room, quotes);
  const ends = room.phase.session_ends_at;
  const take = (offer: Offer) => {
    sheet.current?.hidePopover();
    session.ask({ do: 'extend_phase', by: offer.by });
  };
  return (
    <>
      <button class="pill small" popovertarget="extend" data-testid="extend-phase" title={t('extend-title')}>
        <Icon name="plus" />
        <span>{t('extend')}</span>
      </button>
      <div id="extend" class="sheet" popover="auto" ref={sheet} role="dialog" aria-labelledby="extend-title">
        <h2 id="extend-title">{t('extend-title')}</h2>
        {ends !== undefined && <p class="fine">{t('extend-now', { time: timeOfDay(ends) })}</p>}
        {list.length === 0 && <p>{t('extend-none')}</p>}
        <ul class="offers">
          {list.map((offer) => (
            <li key={offer.by}>
              <button data-testid={`extend-${offer.by / 1000}`} onClick={() => take(offer)}>
                <strong>{t('extend-by', { length: length(offer.gets) })}</strong>
                <span>{price(offer)}</span>
                {offer.endsAt !== undefined && (
                  <em class={offer.endsAt === ends ? 'same' : ''}>
                    {t('extend-ends', { time: timeOfDay(offer.endsAt) })}
                  </em>
                )}
              </button>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

/** What later phases lose, by name. */
function price(offer: Offer): string {
  const costs = offer.costs.map(({ title, loses }) => t('extend-cost', { title, length: length(loses) }));
  return costs.length > 0 ? costs.join(', ') : t('extend-free');
}
