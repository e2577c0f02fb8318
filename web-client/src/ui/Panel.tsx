/** Beside the circle: the order of speech and chat, the record, private notes, and what conducts. */
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { phaseIndex } from '../state/derive.ts';
import { hasToWrite } from '../state/record.ts';
import type { Session } from '../state/session.ts';
import type { RoomView } from '../wire/index.ts';
import { Chat } from './Chat.tsx';
import { Conduct } from './Conduct.tsx';
import { Icon } from './Icon.tsx';
import { NotesPad } from './NotesPad.tsx';
import { Order } from './Order.tsx';
import { Record } from './Record.tsx';

type Tab = 'floor' | 'record' | 'notes' | 'conduct';

interface Props {
  session: Session;
  open: boolean;
  onClose(): void;
}

/**
 * The tab a moment is about, if it is about one: where everyone writes, the writing is at hand. Whoever
 * conducts has their own tab to keep.
 */
export function tabOf(room: RoomView, seat: number): Tab | null {
  if (room.floor.policy !== 'silence' || room.state.chair === seat) return null;
  return hasToWrite(room, seat) ? 'record' : 'notes';
}

export function Panel({ session, open, onClose }: Props) {
  const [{ tab, chosen }, setTab] = useState<{ tab: Tab; chosen: boolean }>({ tab: 'floor', chosen: false });
  const room = session.room.value;
  const seat = session.seat.value;
  const phase = room ? (phaseIndex(room) ?? -1) : -1;
  const policy = room?.floor.policy;
  useEffect(() => {
    if (!room) return;
    // Whoever is writing is not taken away from it.
    if (document.activeElement?.matches('.panel input, .panel textarea')) return;
    const about = tabOf(room, seat);
    if (about) setTab({ tab: about, chosen: false });
    else if (!chosen) setTab({ tab: 'floor', chosen: false });
  }, [phase, policy]);
  if (!room) return null;
  const chair = room.state.chair === seat;
  const tabs: Tab[] = chair ? ['floor', 'record', 'notes', 'conduct'] : ['floor', 'record', 'notes'];
  const shown = tabs.includes(tab) ? tab : 'floor';
  const help = session.personal.value?.chair?.help.length ?? 0;
  const marks: { [of in Tab]?: boolean } = { record: hasToWrite(room, seat), conduct: help > 0 };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const to = tabs[(tabs.indexOf(shown) + step + tabs.length) % tabs.length] ?? 'floor';
    setTab({ tab: to, chosen: true });
    document.getElementById(`tab-${to}`)?.focus();
  };
  return (
    <aside class="panel" data-open={open} aria-label={t('panel')}>
      <div class="tabs" role="tablist" aria-label={t('panel')} onKeyDown={onKeyDown}>
        {tabs.map((of) => (
          <button
            key={of}
            id={`tab-${of}`}
            role="tab"
            data-testid={`tab-${of}`}
            data-mark={marks[of] && of !== shown}
            aria-selected={of === shown}
            aria-controls={`panel-${of}`}
            tabIndex={of === shown ? 0 : -1}
            onClick={() => setTab({ tab: of, chosen: true })}
          >
            {t(`tab-${of}`)}
          </button>
        ))}
        <button class="round quiet panel-close" aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {tabs.map((of) => (
        <div
          key={of}
          id={`panel-${of}`}
          class="tab-body"
          data-tab={of}
          role="tabpanel"
          aria-labelledby={`tab-${of}`}
          hidden={of !== shown}
        >
          {of === 'floor' && (
            <>
              <Order session={session} room={room} />
              <Chat session={session} room={room} />
            </>
          )}
          {of === 'record' && <Record session={session} room={room} />}
          {of === 'notes' && <NotesPad session={session} />}
          {of === 'conduct' && <Conduct session={session} room={room} />}
        </div>
      ))}
    </aside>
  );
}
