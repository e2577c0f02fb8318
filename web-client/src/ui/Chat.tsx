/** Writing to everyone, as long as nobody holds the floor. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { nameAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Icon } from './Icon.tsx';

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

export function Chat({ session, room }: { session: Session; room: RoomView }) {
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
            <b>{nameAt(room, line.seat)}</b>
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
