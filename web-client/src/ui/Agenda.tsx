/** All phases with their lengths, and what was given to or taken from each. */
import { t } from '../i18n/index.ts';
import { agenda } from '../state/budget.ts';
import type { RoomView } from '../wire/index.ts';
import { length, timeOfDay } from './words.ts';

export function Agenda({ room }: { room: RoomView }) {
  const ends = room.phase.session_ends_at;
  return (
    <>
      <ol class="agenda" data-testid="agenda">
        {agenda(room).map((row, index) => (
          <li key={index} data-step={row.step} aria-current={row.step === 'now' ? 'step' : undefined}>
            <span>{row.title}</span>
            {row.change !== 0 && (
              <small class={row.change > 0 ? 'gained' : 'lent'}>
                {t(row.change > 0 ? 'agenda-gained' : 'agenda-lent', { length: length(row.change) })}
              </small>
            )}
            <b>{length(row.planned)}</b>
          </li>
        ))}
      </ol>
      {ends !== undefined && room.phase.stage.stage === 'running' && (
        <p class="agenda-end">{t('agenda-end', { time: timeOfDay(ends) })}</p>
      )}
    </>
  );
}
