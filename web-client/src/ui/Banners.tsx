/** What everyone should know now: a drop, a pause, a room without a facilitator, an exercise. */
import type { ComponentChildren } from 'preact';
import { t } from '../i18n/index.ts';
import { banners, type Banner } from '../state/banners.ts';
import { currentPhase, nameAt, personAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import type { ClientDropChoice, RoomView, Seat } from '../wire/index.ts';
import { beat } from './clockwork.ts';
import { Countdown } from './Countdown.tsx';
import { Icon, type IconName } from './Icon.tsx';

export function Banners({ session }: { session: Session }) {
  // The kinds follow the clock: a drill has two parts, a signal fades.
  void beat.value;
  const room = session.room.value;
  if (!room) return null;
  const list = banners(room, session.seat.value, session.serverNow(), session.signal.value);
  return (
    <>
      <div class="banners">
        {list.map((banner) => (
          <One key={banner.kind} session={session} room={room} banner={banner} />
        ))}
      </div>
      {/* Said once each: the clocks beside them would be read out every second. */}
      <p class="sr" aria-live="polite">
        {list.map((banner) => titleOf(room, session.seat.value, banner)).join('. ')}
      </p>
    </>
  );
}

function titleOf(room: RoomView, seat: Seat, banner: Banner): string {
  switch (banner.kind) {
    case 'drill': {
      const you = banner.seat === seat ? '-you' : '';
      const title = t(`drill-${banner.part}${you}-title`, { name: nameAt(room, banner.seat) });
      return `${t('drill-word')} ${title}`;
    }
    case 'client_away':
    case 'speaker_away':
      return t('banner-away', { name: nameAt(room, banner.seat) });
    case 'chair_away':
      return t('banner-away', { name: nameAt(room, room.state.chair) });
    case 'client_gone':
      return t('banner-gone', { name: nameAt(room, banner.seat) });
    case 'everybody':
      return t('banner-everybody');
    case 'paused':
      return t('banner-paused');
    case 'in_writing':
      return t('banner-writing', { name: nameAt(room, banner.seat) });
    case 'autopilot':
      return t('banner-autopilot');
    case 'entering':
      return banner.after === undefined
        ? t('banner-entering')
        : t('banner-entering-after', { name: nameAt(room, banner.after) });
    case 'out_of_contract':
      return t(banner.seat === seat ? 'banner-contract-you' : 'banner-contract', {
        name: nameAt(room, banner.seat),
      });
  }
}

interface FrameProps {
  banner: Banner['kind'];
  icon: IconName;
  title: ComponentChildren;
  text?: ComponentChildren;
  clock?: ComponentChildren;
  children?: ComponentChildren;
}

function Frame({ banner, icon, title, text, clock, children }: FrameProps) {
  return (
    <section class="banner" data-kind={banner} data-testid={`banner-${banner}`}>
      <Icon name={icon} />
      <div class="banner-words">
        <h2>{title}</h2>
        {text && <p>{text}</p>}
      </div>
      {clock}
      {children && <div class="banner-actions">{children}</div>}
    </section>
  );
}

/** In the order in which a facilitator considers them. */
const CHOICES: ClientDropChoice[] = ['keep_waiting', 'in_writing', 'another_subject', 'reschedule'];

function One({ session, room, banner }: { session: Session; room: RoomView; banner: Banner }) {
  const seat = session.seat.value;
  const meanwhile = currentPhase(room)?.meanwhile;
  const title = titleOf(room, seat, banner);
  const until = (at: number) => <Countdown session={session} until={at} testid={`until-${banner.kind}`} />;
  switch (banner.kind) {
    case 'drill': {
      const name = nameAt(room, banner.seat);
      const part = banner.seat === seat ? `${banner.part}-you` : banner.part;
      return (
        <Frame
          banner="drill"
          icon="drill"
          title={
            <>
              <b class="exercise">{t('drill-word')}</b> {t(`drill-${part}-title`, { name })}
            </>
          }
          text={t(`drill-${part}-text`, { name })}
          clock={until(banner.until)}
        >
          {banner.ends && (
            <button
              class="pill small"
              data-testid="end-drill"
              onClick={() => session.ask({ do: 'end_drill' })}
            >
              {t('drill-end')}
            </button>
          )}
        </Frame>
      );
    }
    case 'client_away':
      return (
        <Frame
          banner="client_away"
          icon="away"
          title={title}
          text={meanwhile || t('banner-client-text')}
          clock={until(banner.until)}
        />
      );
    case 'client_gone': {
      const chair = nameAt(room, room.state.chair);
      return (
        <Frame
          banner="client_gone"
          icon="away"
          title={title}
          text={
            banner.choose
              ? t('banner-gone-choose')
              : chair
                ? t('banner-gone-wait', { name: chair })
                : meanwhile
          }
        >
          {banner.choose &&
            CHOICES.map((choice) => (
              <button
                key={choice}
                class="pill small choice"
                data-testid={`after-drop-${choice}`}
                onClick={() => session.ask({ do: 'after_client_drop', choice })}
              >
                <strong>{t(`drop-${choice}`)}</strong>
                <small>{t(`drop-${choice}-text`)}</small>
              </button>
            ))}
        </Frame>
      );
    }
    case 'everybody':
      return (
        <Frame
          banner="everybody"
          icon="away"
          title={title}
          text={t('banner-everybody-text')}
          clock={banner.until !== undefined && until(banner.until)}
        />
      );
    case 'paused':
      return <Frame banner="paused" icon="pause" title={title} text={t('banner-paused-text')} />;
    case 'in_writing':
      return <Frame banner="in_writing" icon="pen" title={title} text={t('banner-writing-text')} />;
    case 'autopilot':
      return (
        <Frame banner="autopilot" icon="away" title={title} text={t('banner-autopilot-text')}>
          {banner.mayWant && (
            <button
              class="pill small"
              data-testid="want-next"
              aria-pressed={banner.wanted}
              onClick={() => session.ask({ do: 'want_next', wanted: !banner.wanted })}
            >
              {banner.wanted && <Icon name="check" />}
              {t('want-next')}
              <b class="tally">{t('want-next-count', { count: banner.count, needed: banner.needed })}</b>
            </button>
          )}
          {banner.mayTake && <TakeChair session={session} />}
        </Frame>
      );
    case 'chair_away': {
      const heir = banner.heir === seat ? 'you' : banner.heir === undefined ? 'nobody' : 'other';
      return (
        <Frame
          banner="chair_away"
          icon="away"
          title={title}
          text={t(`banner-heir-${heir}`, { name: nameAt(room, banner.heir) })}
          clock={until(banner.until)}
        >
          {banner.mayTake && <TakeChair session={session} />}
        </Frame>
      );
    }
    case 'speaker_away': {
      // The template says what everyone does while the client is away, and names them as such: of anybody else,
      // and of the facilitator, without whom the step goes on, it would not be true.
      const client = personAt(room, banner.seat)?.role === 'client';
      return (
        <Frame
          banner="speaker_away"
          icon="away"
          title={title}
          text={(client && meanwhile) || t('banner-speaker-text')}
          clock={until(banner.until)}
        />
      );
    }
    case 'entering':
      return <Frame banner="entering" icon="sound" title={title} text={t('banner-entering-text')} />;
    case 'out_of_contract':
      return (
        <Frame
          banner="out_of_contract"
          icon="contract"
          title={title}
          text={
            room.phase.contract
              ? t('banner-contract-text', { contract: room.phase.contract })
              : t('banner-contract-none')
          }
        >
          <button
            class="round quiet"
            aria-label={t('close')}
            onClick={() => {
              session.signal.value = null;
            }}
          >
            <Icon name="close" />
          </button>
        </Frame>
      );
  }
}

export function TakeChair({ session }: { session: Session }) {
  return (
    <button class="pill small" data-testid="take-chair" onClick={() => session.ask({ do: 'take_chair' })}>
      {t('chair-take')}
    </button>
  );
}
