/** The bar below: one's own devices, one's own part in the floor, and the way out. */
import { t } from '../i18n/index.ts';
import { canShareScreen } from '../media/devices.ts';
import { floorChoices, personAt, rightsOf } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import { Icon, type IconName } from './Icon.tsx';

interface RoundProps {
  icon: IconName;
  label: string;
  testid: string;
  pressed?: boolean;
  off?: boolean;
  disabled?: boolean;
  onClick(): void;
  class?: string;
}

function Round({ icon, label, testid, pressed, off, disabled, onClick, ...rest }: RoundProps) {
  return (
    <button
      class={`round ${rest.class ?? ''}`}
      data-testid={testid}
      data-off={off}
      aria-pressed={pressed}
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface Props {
  session: Session;
  panelOpen: boolean;
  onPanel(): void;
}

export function Controls({ session, panelOpen, onPanel }: Props) {
  const room = session.room.value;
  if (!room) return null;
  const muted = session.muted.value;
  const camera = session.camera.value;
  const sharing = session.sharing.value;
  const rights = rightsOf(room, session.seat.value);
  return (
    <footer class="bar">
      <div class="bar-side">
        <Round
          icon={muted ? 'micOff' : 'mic'}
          label={t(muted ? 'mic-on' : 'mic-off')}
          testid="mic"
          pressed={!muted}
          off={muted}
          class={session.heard.value ? 'heard' : ''}
          onClick={() => void session.setMuted(!muted)}
        />
        <Round
          icon={camera ? 'camera' : 'cameraOff'}
          label={t(camera ? 'camera-off' : 'camera-on')}
          testid="camera"
          pressed={camera}
          off={!camera}
          onClick={() => void session.setCamera(!camera)}
        />
        {canShareScreen() && (
          <Round
            icon="screen"
            label={t(sharing ? 'screen-stop' : rights.screen ? 'screen-share' : 'screen-not-now')}
            testid="screen"
            pressed={sharing}
            disabled={!sharing && !rights.screen}
            onClick={() => void session.setScreen(!sharing)}
          />
        )}
      </div>
      <FloorActions session={session} />
      <div class="bar-side end">
        <Round
          icon="ear"
          label={t('cannot-hear')}
          testid="cannot-hear"
          onClick={() => session.ask({ do: 'cannot_hear' })}
        />
        <Round
          icon="chat"
          label={t('panel-toggle')}
          testid="panel"
          pressed={panelOpen}
          onClick={onPanel}
          class="panel-toggle"
        />
        <Round icon="leave" label={t('leave')} testid="leave" onClick={() => session.leave()} class="out" />
      </div>
    </footer>
  );
}

function FloorActions({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room) return null;
  const choices = floorChoices(room, session.seat.value);
  const running = room.phase.stage.stage === 'running';
  const busy = session.busy.value;
  const me = personAt(room, session.seat.value);
  const partner = choices.yieldTo === null ? undefined : personAt(room, choices.yieldTo);
  const leaves =
    running &&
    me?.role === 'client' &&
    room.floor.policy !== 'open' &&
    !choices.release &&
    currentIsConsultation(room);
  return (
    <div class="floor">
      {choices.yieldTo !== null && (
        <button
          class="pill sun"
          data-testid="yield"
          aria-label={t('floor-yield', { name: partner?.name ?? '' })}
          aria-busy={busy.has('yield_floor')}
          onClick={() => session.ask({ do: 'yield_floor' })}
        >
          <Icon name="give" />
          <span class="long">{t('floor-yield', { name: partner?.name ?? '' })}</span>
          <span class="short" aria-hidden="true">
            {t('floor-yield-short', { name: partner?.name ?? '' })}
          </span>
        </button>
      )}
      {choices.release && (
        <button
          class={choices.yieldTo === null ? 'pill sun' : 'pill'}
          data-testid="release"
          aria-busy={busy.has('release_floor')}
          onClick={() => session.ask({ do: 'release_floor' })}
        >
          <Icon name="done" />
          <span>{t('floor-release')}</span>
        </button>
      )}
      {choices.pass && (
        <button
          class="pill"
          data-testid="pass"
          aria-busy={busy.has('pass')}
          onClick={() => session.ask({ do: 'pass' })}
        >
          <Icon name="skip" />
          <span>{t('floor-pass')}</span>
        </button>
      )}
      {!choices.release && running && (choices.hand !== 'off' || choices.yieldTo === null) && (
        <button
          class="pill"
          data-testid="hand"
          data-hand={choices.hand}
          aria-pressed={choices.hand === 'lower'}
          aria-busy={busy.has('request_floor') || busy.has('cancel_request')}
          disabled={choices.hand === 'off'}
          title={choices.hand === 'off' ? t('hand-not-now') : undefined}
          onClick={() => session.ask({ do: choices.hand === 'lower' ? 'cancel_request' : 'request_floor' })}
        >
          <Icon name="hand" />
          <span>
            {choices.hand === 'lower' ? t('hand-lower', { place: choices.place ?? 1 }) : t('hand-raise')}
          </span>
        </button>
      )}
      {leaves && (
        <button
          class="pill quiet"
          data-testid="out-of-contract"
          onClick={() => session.ask({ do: 'out_of_contract' })}
        >
          <span>{t('out-of-contract')}</span>
        </button>
      )}
    </div>
  );
}

function currentIsConsultation(room: NonNullable<Session['room']['value']>): boolean {
  return room.phase.stage.stage === 'running' && room.phases[room.phase.stage.index]?.id === 'consultation';
}
