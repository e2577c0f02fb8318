/** The room: header, circle, panel, bar; and the words that come and go. */
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { nameAt } from '../state/derive.ts';
import type { Session, Toast } from '../state/session.ts';
import { Announcer } from './Announcer.tsx';
import { Banners } from './Banners.tsx';
import { Cockpit } from './Cockpit.tsx';
import { Plight } from './ConnectionState.tsx';
import { Contract } from './Contract.tsx';
import { Controls } from './Controls.tsx';
import { Ended } from './Ended.tsx';
import { Fate } from './Export.tsx';
import { Groups } from './Groups.tsx';
import { Header } from './Header.tsx';
import { Icon } from './Icon.tsx';
import { Panel } from './Panel.tsx';
import { Print } from './Print.tsx';
import { Joining, Message } from './Screens.tsx';
import { Stage } from './Stage.tsx';
import { Vote } from './Vote.tsx';
import { Chimes } from './chimes.ts';

export function Room({ session }: { session: Session }) {
  const [panelOpen, setPanelOpen] = useState(() => window.matchMedia('(min-width: 1080px)').matches);
  useWakeLock();
  const phase = session.phase.value;
  const room = session.room.value;
  if (phase.kind === 'closed') {
    if (phase.reason === 'left' || phase.reason === 'session_ended')
      return <Ended session={session} reason={phase.reason} />;
    return (
      <Message
        kind={phase.reason}
        {...(phase.reason === 'taken_over' ? { onReturn: () => session.takeBack() } : {})}
      />
    );
  }
  if (!room) return <Joining session={session} />;
  if (room.phase.stage.stage === 'ended') return <Ended session={session} reason="session_ended" />;
  return (
    <div
      class="room"
      data-panel={panelOpen}
      data-mine={room.floor.turn?.seat === session.seat.value}
      data-drill={room.state.drill !== undefined}
    >
      <Chimes session={session} />
      <Header session={session} />
      <div class="news">
        <Plight session={session} />
        <Banners session={session} />
        <Vote session={session} />
        <Groups session={session} />
        <Fate session={session} room={room} />
        <Contract session={session} />
      </div>
      <Stage session={session} />
      <Cockpit session={session} />
      <Panel session={session} open={panelOpen} onClose={() => setPanelOpen(false)} />
      <Controls session={session} panelOpen={panelOpen} onPanel={() => setPanelOpen(!panelOpen)} />
      <Toasts session={session} />
      {session.needsGesture.value && <HearButton session={session} />}
      <Announcer session={session} />
      <Print session={session} />
    </div>
  );
}

/** A telephone does not fall asleep in the middle of somebody's turn. */
function useWakeLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    const hold = () => {
      if (document.visibilityState !== 'visible') return;
      // Refused on a low battery: then the telephone knows better.
      navigator.wakeLock?.request('screen').then(
        (held) => {
          lock = held;
        },
        () => undefined,
      );
    };
    hold();
    document.addEventListener('visibilitychange', hold);
    return () => {
      document.removeEventListener('visibilitychange', hold);
      void lock?.release();
    };
  }, []);
}

function Toasts({ session }: { session: Session }) {
  return (
    <div class="toasts" role="status">
      {session.toasts.value.map((toast) => (
        <p key={toast.id} class="toast" data-kind={toast.kind}>
          <span>{words(session, toast)}</span>
          <button class="round quiet" aria-label={t('close')} onClick={() => session.dismiss(toast.id)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  );
}

function words(session: Session, toast: Toast): string {
  const room = session.room.value;
  const name = (seat: number) => (room ? nameAt(room, seat) : '');
  switch (toast.kind) {
    case 'notice':
      return t(`notice-${toast.notice.kind}`, { name: name(toast.notice.seat) });
    case 'help':
      return t('help-arrived', { name: name(toast.seat), text: toast.text });
    case 'said':
      return t(toast.word);
    case 'refused':
      return t(`refusal-${toast.code}`);
    case 'device':
      return t(`problem-${toast.problem}`, { device: t(`device-${toast.device}`) });
  }
}

/** After coming back by itself a page may be silent until it is touched: browsers want a gesture. */
function HearButton({ session }: { session: Session }) {
  return (
    <button
      class="pill sun hear"
      data-testid="hear"
      onClick={() => {
        for (const media of document.querySelectorAll<HTMLMediaElement>('audio')) {
          void media.play().catch(() => undefined);
        }
        session.needsGesture.value = false;
      }}
    >
      <Icon name="sound" />
      {t('hear')}
    </button>
  );
}
