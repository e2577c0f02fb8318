/** The bar below: one's own devices, one's own part in the floor, and the way out. */
import { useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { canShareScreen } from '../media/devices.ts';
import { currentPhase, floorChoices, nameAt, personAt, rightsOf } from '../state/derive.ts';
import { hasToWrite } from '../state/record.ts';
import type { Session } from '../state/session.ts';
import type { RoomView, Seat } from '../wire/index.ts';
import { Help } from './Help.tsx';
import { Icon } from './Icon.tsx';
import { Round } from './Round.tsx';

interface Props {
  session: Session;
  panelOpen: boolean;
  onPanel(): void;
}

export function Controls({ session, panelOpen, onPanel }: Props) {
  const room = session.room.value;
  if (!room) return null;
  const muted = session.own.muted.value;
  const camera = session.own.camera.value;
  const sharing = session.own.sharing.value;
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
          onClick={() => void session.own.setMuted(!muted)}
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
            onClick={() => void session.own.setScreen(!sharing)}
          />
        )}
      </div>
      <FloorActions session={session} />
      <div class="bar-side end">
        <Help session={session} />
        <Round
          icon="chat"
          label={t('panel-toggle')}
          testid="panel"
          pressed={panelOpen}
          onClick={onPanel}
          class={`panel-toggle ${!panelOpen && hasToWrite(room, session.seat.value) ? 'marked' : ''}`}
        />
        <Round icon="leave" label={t('leave')} testid="leave" onClick={() => session.leave()} class="out" />
      </div>
    </footer>
  );
}

function FloorActions({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room) return null;
  const seat = session.seat.value;
  const choices = floorChoices(room, seat);
  const running = room.phase.stage.stage === 'running';
  const busy = session.busy.value;
  const name = nameAt(room, choices.yieldTo ?? undefined);
  const leaves =
    running &&
    !choices.release &&
    currentPhase(room)?.out_of_contract === true &&
    personAt(room, seat)?.role === 'client';
  const asks = choices.mayAsk.length > 0;
  const circle = choices.circle === 'none' ? null : CIRCLE[choices.circle];
  const main = choices.yieldTo === null && !asks;
  return (
    <div class="floor">
      {asks && <Ask session={session} room={room} seats={choices.mayAsk} />}
      {choices.yieldTo !== null && (
        <button
          class="pill sun"
          data-testid="yield"
          aria-label={t('floor-yield', { name })}
          aria-busy={busy.has('yield_floor')}
          onClick={() => session.ask({ do: 'yield_floor' })}
        >
          <Icon name="give" />
          <span class="long">{t('floor-yield', { name })}</span>
          <span class="short" aria-hidden="true">
            {t('floor-yield-short', { name })}
          </span>
        </button>
      )}
      {choices.release && (
        <button
          class={main ? 'pill sun' : 'pill'}
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
      {circle ? (
        <button
          class="pill"
          data-testid={circle.testid}
          data-hand="off"
          aria-pressed={false}
          aria-busy={busy.has(circle.do)}
          onClick={() => session.ask({ do: circle.do })}
        >
          <Icon name={circle.icon} />
          <span>{t(`circle-${choices.circle}`)}</span>
        </button>
      ) : (
        running &&
        !choices.release &&
        room.floor.policy !== 'breakout' && (
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
        )
      )}
      {leaves && (
        <button
          class="pill"
          data-testid="out-of-contract"
          title={t('out-of-contract-help')}
          aria-busy={busy.has('out_of_contract')}
          onClick={() => session.ask({ do: 'out_of_contract' })}
        >
          <Icon name="contract" />
          <span>{t('out-of-contract')}</span>
        </button>
      )}
    </div>
  );
}

/** What can be done about a seat in the circle. */
const CIRCLE = {
  join: { do: 'request_floor', testid: 'hand', icon: 'join' },
  wait: { do: 'request_floor', testid: 'hand', icon: 'hand' },
  leave: { do: 'release_floor', testid: 'release', icon: 'done' },
} as const;

/** Whom to ask: the asker chooses, and the answer is theirs whom they name. */
function Ask({ session, room, seats }: { session: Session; room: RoomView; seats: Seat[] }) {
  const sheet = useRef<HTMLDivElement>(null);
  return (
    <>
      <button class="pill sun" popovertarget="ask" data-testid="ask">
        <Icon name="give" />
        <span>{t('floor-ask')}</span>
      </button>
      <div id="ask" class="sheet" popover="auto" ref={sheet} role="dialog" aria-label={t('floor-ask-whom')}>
        <h2>{t('floor-ask-whom')}</h2>
        <ul class="choices">
          {seats.map((seat) => (
            <li key={seat}>
              <button
                class="pill"
                data-testid={`ask-${seat}`}
                onClick={() => {
                  sheet.current?.hidePopover();
                  session.ask({ do: 'yield_floor', to: seat });
                }}
              >
                {nameAt(room, seat)}
              </button>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
