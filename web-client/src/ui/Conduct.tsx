/** What only whoever conducts is shown: calls for help, the time, the balance of speech, drops, relief. */
import { t } from '../i18n/index.ts';
import { formatClock } from '../state/clock.ts';
import { chairHeir, facilitates, isHere, nameAt, speaks } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { ChairView, RoomView, SpeechBalance } from '../wire/index.ts';
import { Agenda } from './Agenda.tsx';
import { length, timeOfDay } from './words.ts';

/** From so many tries without the floor on, it is worth a word. */
const TRIED_OFTEN = 2;
/** A wait worth a word. */
const WAITED_LONG = 60_000;

export function Conduct({ session, room }: { session: Session; room: RoomView }) {
  const view = session.personal.value?.chair;
  return (
    <div class="conduct-tab">
      {view && view.help.length > 0 && <HelpLines room={room} view={view} />}
      <section>
        <h2>{t('conduct-time')}</h2>
        <Agenda room={room} />
      </section>
      {view && <Balance room={room} view={view} />}
      <Relief session={session} room={room} />
      {view && view.drops.length > 0 && <Drops room={room} view={view} />}
    </div>
  );
}

function HelpLines({ room, view }: { room: RoomView; view: ChairView }) {
  return (
    <section class="help-lines" data-testid="help-lines">
      <h2>{t('conduct-help')}</h2>
      <ul>
        {[...view.help].reverse().map((line) => (
          <li key={`${line.seat}-${line.at}`}>
            <b>
              {nameAt(room, line.seat)} <small>{timeOfDay(line.at)}</small>
            </b>
            <p>{line.text}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Bands, in the order of seats: no rank can be read from it. */
function Balance({ room, view }: { room: RoomView; view: ChairView }) {
  const known = view.balance.some(({ band }) => band !== 'unknown');
  return (
    <section data-testid="balance">
      <h2>{t('conduct-balance')}</h2>
      {!known ? (
        <p class="empty">{t('balance-unknown')}</p>
      ) : (
        <ul class="balance">
          {view.balance.map((of) => (
            <li key={of.seat} data-band={of.band}>
              <span>{nameAt(room, of.seat)}</span>
              <i aria-hidden="true" />
              <b>{t(`band-${of.band}`)}</b>
              {remarks(of).map((remark) => (
                <small key={remark}>{remark}</small>
              ))}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function remarks(of: SpeechBalance): string[] {
  return [
    ...(of.blocked >= TRIED_OFTEN ? [t('balance-blocked', { count: of.blocked })] : []),
    ...(of.longest_wait >= WAITED_LONG ? [t('balance-waited', { length: length(of.longest_wait) })] : []),
    ...(of.unused >= WAITED_LONG ? [t('balance-unused', { length: length(of.unused) })] : []),
  ];
}

/** Who takes over if whoever conducts drops. */
function Relief({ session, room }: { session: Session; room: RoomView }) {
  const heir = chairHeir(room);
  const candidates = room.people.filter(
    (person) => person.seat !== session.seat.value && speaks(person.role) && !facilitates(person.role),
  );
  return (
    <section>
      <h2>{t('conduct-relief')}</h2>
      <p class="fine">
        {heir === undefined ? t('relief-nobody') : t('relief-is', { name: nameAt(room, heir) })}
      </p>
      <label class="field">
        <span>{t('relief-name')}</span>
        <select
          data-testid="name-backup"
          value={room.state.backup ?? ''}
          onChange={(event) => {
            const { value } = event.currentTarget;
            session.ask(value === '' ? { do: 'name_backup' } : { do: 'name_backup', seat: Number(value) });
          }}
        >
          <option value="">{t('relief-none')}</option>
          {candidates.map((person) => (
            <option key={person.seat} value={person.seat} disabled={!isHere(person)}>
              {person.name}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

function Drops({ room, view }: { room: RoomView; view: ChairView }) {
  return (
    <section data-testid="drops">
      <h2>{t('conduct-drops')}</h2>
      <ul class="drops">
        {[...view.drops].reverse().map((drop) => (
          <li
            key={`${drop.seat}-${drop.at}`}
            data-seat={drop.seat}
            data-cause={drop.cause}
            data-rung={drop.rung}
          >
            <span>{nameAt(room, drop.seat)}</span>
            <small>
              {drop.back_at === undefined
                ? t('drop-since', { time: timeOfDay(drop.at) })
                : t('drop-back', { time: timeOfDay(drop.at), clock: formatClock(drop.back_at - drop.at) })}
            </small>
            {(drop.cause ?? drop.rung) && (
              <small class="how">
                {[drop.cause && t(`cause-${drop.cause}`), drop.rung && t(`rung-${drop.rung}`)]
                  .filter(Boolean)
                  .join(' · ')}
              </small>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
