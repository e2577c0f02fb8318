/** Beside the circle: conducting (for the chair), who is next, the contract, and writing. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { formatClock } from '../state/clock.ts';
import { currentPhase, personAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Icon } from './Icon.tsx';

interface Props {
  session: Session;
  open: boolean;
  onClose(): void;
}

export function Panel({ session, open, onClose }: Props) {
  const room = session.room.value;
  if (!room) return null;
  return (
    <aside class="panel" data-open={open} aria-label={t('panel')}>
      <button class="round quiet panel-close" aria-label={t('close')} onClick={onClose}>
        <Icon name="close" />
      </button>
      <Order session={session} room={room} />
      <Chat session={session} room={room} />
    </aside>
  );
}

/** Hands in the one order, then who is still to speak in the round. */
function Order({ session, room }: { session: Session; room: RoomView }) {
  const { hands, upcoming } = room.floor;
  const chair = room.state.chair === session.seat.value;
  const purpose = currentPhase(room)?.purpose;
  return (
    <section class="order" aria-labelledby="order-title">
      {purpose && <p class="purpose">{purpose}</p>}
      <h2 id="order-title">{t('order-title')}</h2>
      {hands.length === 0 && upcoming.length === 0 && <p class="empty">{t('order-empty')}</p>}
      {hands.length > 0 && (
        <>
          <h3 id="order-hands">{t('order-hands')}</h3>
          <ol class="queue" data-testid="hands" aria-labelledby="order-hands">
            {hands.map((hand) => {
              const person = personAt(room, hand.seat);
              return (
                <li key={hand.seat} data-seat={hand.seat}>
                  <Icon name="hand" />
                  <span>
                    {person?.name}
                    {hand.remaining !== undefined && (
                      <small>{t('order-kept', { clock: formatClock(hand.remaining) })}</small>
                    )}
                  </span>
                  {chair && (
                    <button
                      class="link"
                      aria-label={t('give-to', { name: person?.name ?? '' })}
                      onClick={() => session.ask({ do: 'grant_floor', seat: hand.seat })}
                    >
                      {t('give')}
                    </button>
                  )}
                </li>
              );
            })}
          </ol>
        </>
      )}
      {upcoming.length > 0 && (
        <>
          <h3 id="order-round">{t('order-round')}</h3>
          <ol class="queue round-order" data-testid="upcoming" aria-labelledby="order-round">
            {upcoming.map((seat) => (
              <li key={seat} data-seat={seat} data-own={seat === session.seat.value}>
                <span>{personAt(room, seat)?.name}</span>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

/**
 * Each line with a key of its own. A place in the list would not do: the oldest lines go, and a reader
 * of the screen would hear every line again.
 */
export function keyed(chat: RoomView['chat']): [string, RoomView['chat'][number]][] {
  const times = new Map<string, number>();
  return chat.map((line) => {
    const moment = `${line.at}-${line.seat}`;
    const nth = times.get(moment) ?? 0;
    times.set(moment, nth + 1);
    return [`${moment}-${nth}`, line];
  });
}

function Chat({ session, room }: { session: Session; room: RoomView }) {
  const [text, setText] = useState('');
  const lines = useRef<HTMLOListElement>(null);
  useEffect(() => {
    lines.current?.scrollTo({ top: lines.current.scrollHeight });
  }, [room.chat.length]);
  const open = room.floor.chat_open;
  const send = (event: Event) => {
    event.preventDefault();
    const trimmed = text.trim();
    if (!trimmed) return;
    session.ask({ do: 'chat', text: trimmed });
    setText('');
  };
  return (
    <section class="chat" aria-labelledby="chat-title">
      <h2 id="chat-title">{t('chat-title')}</h2>
      <ol class="lines" ref={lines} aria-live="polite" data-testid="chat-lines">
        {keyed(room.chat).map(([key, line]) => (
          <li key={key} data-own={line.seat === session.seat.value}>
            <b>{personAt(room, line.seat)?.name}</b>
            <p>{line.text}</p>
          </li>
        ))}
      </ol>
      {!open && (
        <p class="fine" id="chat-closed">
          {t('chat-closed')}
        </p>
      )}
      <form onSubmit={send}>
        <input
          data-testid="chat-input"
          value={text}
          maxLength={2000}
          disabled={!open}
          aria-label={t('chat-label')}
          placeholder={open ? t('chat-placeholder') : ''}
          aria-describedby={open ? undefined : 'chat-closed'}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button class="round" aria-label={t('chat-send')} disabled={!open || !text.trim()}>
          <Icon name="next" />
        </button>
      </form>
    </section>
  );
}
