/** The connection in words: one under the clock, and a sentence above the circle when it matters. */
import { t } from '../i18n/index.ts';
import { connectionWord, type Plight as PlightKind } from '../state/plight.ts';
import type { Session } from '../state/session.ts';
import { beat } from './clockwork.ts';
import { Icon, type IconName } from './Icon.tsx';

/** One word for both connections: the worse of the two. */
export const wordOf = (session: Session) =>
  connectionWord(session.phase.value.kind, session.media.value, {
    room: session.room.value !== null,
    wasUp: session.wasUp.value,
    longAway: session.longAway(),
  });

export function ConnectionState({ session }: { session: Session }) {
  void beat.value;
  const word = wordOf(session);
  const { at, carrier, soundless } = session.media.value;
  const voices = word === 'connected' && (carrier === 'tunnel' || session.voiceOnly.value);
  return (
    <p
      class="connection"
      role="status"
      data-testid="connection-state"
      data-state={word}
      data-signaling={session.phase.value.kind}
      data-media={at}
      data-carrier={carrier}
      data-voices={voices}
    >
      <i aria-hidden="true" />
      <span>
        {voices
          ? t('connection-voices')
          : soundless && (word === 'repairing' || word === 'joining')
            ? t('connection-soundless')
            : t(`connection-${word}`)}
      </span>
      {word === 'stopped' && (
        <button class="link" onClick={() => session.comeBack()}>
          {t('connection-retry')}
        </button>
      )}
    </p>
  );
}

const ICONS: Record<PlightKind, IconName> = {
  offline: 'network',
  away: 'network',
  stopped: 'network',
  wordless: 'sound',
  listening: 'sound',
  mending: 'network',
  soundless: 'pen',
  tunnel: 'sound',
  weak: 'cameraOff',
  audio_only: 'cameraOff',
};

/** What is the matter with one's own connection, and that there is nothing to do about it. */
export function Plight({ session }: { session: Session }) {
  void beat.value;
  const plight = session.plight();
  if (!plight) return null;
  // Whatever the reason is that no sound comes for so long.
  const telephone = session.media.value.soundless ? session.telephone.value : '';
  return (
    <section class="banner plight" data-kind={plight} data-testid="plight">
      <Icon name={ICONS[plight]} />
      <div class="banner-words" role="status">
        <h2>{t(`plight-${plight}-title`)}</h2>
        <p>{t(`plight-${plight}-text`)}</p>
        {telephone && <Telephone line={telephone} />}
      </div>
      {plight === 'audio_only' && (
        <div class="banner-actions">
          <button class="pill small" data-testid="pictures" onClick={() => session.setAudioOnly(false)}>
            {t('pictures-again')}
          </button>
        </div>
      )}
      {plight === 'soundless' && (
        <div class="banner-actions">
          <button class="pill small" data-testid="reconnect" onClick={() => session.reconnect()}>
            {t('reconnect')}
          </button>
        </div>
      )}
    </section>
  );
}

/** A number as one dials it, or nothing: an organiser may have written anything. */
export function dialled(line: string): string | null {
  const number = line.replace(/[\s().\u00a0\u202f-]/g, '');
  return /^\+?\d{3,20}$/.test(number) ? number : null;
}

function Telephone({ line }: { line: string }) {
  const number = dialled(line);
  return (
    <>
      <p>{t('plight-telephone')}</p>
      <p class="telephone" data-testid="telephone">
        <Icon name="phone" />
        {number ? <a href={`tel:${number}`}>{line}</a> : <span>{line}</span>}
      </p>
    </>
  );
}
