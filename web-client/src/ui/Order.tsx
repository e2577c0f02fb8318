/** Who speaks next: hands in the one order, then who is still to speak in the round; and the circle. */
import { t } from '../i18n/index.ts';
import { formatClock } from '../state/clock.ts';
import { currentPhase, floorChoices, givesFloor, nameAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Icon } from './Icon.tsx';

export function Order({ session, room }: { session: Session; room: RoomView }) {
  const { hands, upcoming, circle, circle_seats } = room.floor;
  const seat = session.seat.value;
  const chair = room.state.chair === seat && givesFloor(room);
  const purpose = currentPhase(room)?.purpose;
  const { passEarly } = floorChoices(room, seat);
  return (
    <section class="order" aria-labelledby="order-title">
      {purpose && <p class="purpose">{purpose}</p>}
      <h2 id="order-title">{t('order-title')}</h2>
      {hands.length === 0 && upcoming.length === 0 && circle_seats === undefined && (
        <p class="empty">{t('order-empty')}</p>
      )}
      {circle_seats !== undefined && (
        <>
          <h3 id="order-circle">{t('order-circle', { taken: circle.length, seats: circle_seats })}</h3>
          <ul class="queue seats" data-testid="circle" aria-labelledby="order-circle">
            {circle.map((of) => (
              <li key={of} data-seat={of} data-own={of === seat}>
                <span>{nameAt(room, of)}</span>
              </li>
            ))}
            {Array.from({ length: Math.max(0, circle_seats - circle.length) }, (_, index) => (
              <li key={`free-${index}`} class="free">
                <span>{t('order-free')}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {hands.length > 0 && (
        <>
          <h3 id="order-hands">{t('order-hands')}</h3>
          <ol class="queue" data-testid="hands" aria-labelledby="order-hands">
            {hands.map((hand) => (
              <li key={hand.seat} data-seat={hand.seat} data-own={hand.seat === seat}>
                <Icon name="hand" />
                <span>
                  {nameAt(room, hand.seat)}
                  {hand.remaining !== undefined && (
                    <small>{t('order-kept', { clock: formatClock(hand.remaining) })}</small>
                  )}
                </span>
                {chair && (
                  <button
                    class="link"
                    aria-label={t('give-to', { name: nameAt(room, hand.seat) })}
                    onClick={() => session.ask({ do: 'grant_floor', seat: hand.seat })}
                  >
                    {t('give')}
                  </button>
                )}
              </li>
            ))}
          </ol>
        </>
      )}
      {upcoming.length > 0 && (
        <>
          <h3 id="order-round">{t('order-round')}</h3>
          <ol class="queue round-order" data-testid="upcoming" aria-labelledby="order-round">
            {upcoming.map((of) => (
              <li key={of} data-seat={of} data-own={of === seat}>
                <span>{nameAt(room, of)}</span>
                {of === seat && passEarly && (
                  <button
                    class="link quiet-link"
                    data-testid="pass-early"
                    onClick={() => session.ask({ do: 'pass' })}
                  >
                    {t('floor-pass')}
                  </button>
                )}
              </li>
            ))}
          </ol>
        </>
      )}
      <Share session={session} />
    </section>
  );
}

/** One's own share of speech: a quiet line that nobody else is shown. */
function Share({ session }: { session: Session }) {
  const talk = session.personal.value?.talk;
  if (!talk || talk.spoke === 0 || talk.fair === 0) return null;
  return (
    <p class="fine share" data-testid="own-share">
      {t('own-share', { share: talk.share, fair: talk.fair })}
    </p>
  );
}
