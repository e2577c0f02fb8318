/** The breakouts: with whom one is, how long it lasts, and for the facilitator the way to each group. */
import { t } from '../i18n/index.ts';
import { groupOf, nameAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView, Seat } from '../wire/index.ts';
import { Countdown } from './Countdown.tsx';
import { Icon } from './Icon.tsx';
import { list } from './words.ts';

/** The plenary's number. */
const PLENARY = 0;

export function Groups({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room || room.floor.groups.length === 0) return null;
  const seat = session.seat.value;
  const own = groupOf(room, seat);
  const chair = room.state.chair === seat;
  const clock = room.floor.step_clock ?? room.phase.clock;
  return (
    <section class="card groups" data-testid="groups" data-group={own?.group ?? PLENARY}>
      <header>
        <h2>
          {own
            ? t('group-with', { names: list([t('you'), ...names(room, own.seats, seat)]), group: own.group })
            : t('group-plenary')}
        </h2>
        <p class="group-back">
          <span>{t('group-back')}</span>
          <Countdown session={session} clock={clock} testid="group-clock" />
        </p>
      </header>
      {chair && (
        <ul class="visits">
          {room.floor.groups.map(({ group, seats }) => (
            <li key={group} data-here={own?.group === group}>
              <span>
                <strong>{t('group-number', { group })}</strong> {list(names(room, seats, seat))}
              </span>
              {own?.group === group ? (
                <button
                  class="pill small"
                  data-testid="visit-0"
                  onClick={() => session.ask({ do: 'visit_group', group: PLENARY })}
                >
                  {t('group-leave')}
                </button>
              ) : (
                <button
                  class="pill small"
                  data-testid={`visit-${group}`}
                  aria-label={t('group-visit-number', { group })}
                  onClick={() => session.ask({ do: 'visit_group', group })}
                >
                  <Icon name="next" />
                  {t('group-visit')}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const names = (room: RoomView, seats: Seat[], but: Seat): string[] =>
  seats.filter((seat) => seat !== but).map((seat) => nameAt(room, seat));
