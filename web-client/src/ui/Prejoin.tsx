/** Before entering: is the camera right, is the microphone alive, and in plain words what to do if not. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { meter } from '../media/audio.ts';
import {
  listDevices,
  openCamera,
  openMicrophone,
  problemOf,
  type Choice,
  type DeviceProblem,
} from '../media/devices.ts';
import { loadChoice, saveChoice } from '../state/memory.ts';
import { Icon, Mark } from './Icon.tsx';
import { Media } from './Media.tsx';
import { DeviceChoice, SettingsMenu } from './SettingsMenu.tsx';

/** What the check leaves for the room. */
export interface Ready {
  choice: Choice;
  tracks: { audio: MediaStreamTrack | null; video: MediaStreamTrack | null };
}

type Opened = { track: MediaStreamTrack | null; problem: DeviceProblem | null; opening: boolean };
const CLOSED: Opened = { track: null, problem: null, opening: false };

/** Opens a device while it is wanted, and says what is in the way. */
function useDevice(
  wanted: boolean,
  id: string,
  open: (id: string) => Promise<MediaStreamTrack>,
  kept: { current: boolean },
) {
  const [opened, setOpened] = useState<Opened>(CLOSED);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!wanted) {
      setOpened(CLOSED);
      return;
    }
    let live = true;
    let mine: MediaStreamTrack | null = null;
    setOpened({ ...CLOSED, opening: true });
    open(id).then(
      (track) => {
        mine = track;
        if (live) setOpened({ track, problem: null, opening: false });
        else track.stop();
      },
      (error: unknown) => {
        if (live) setOpened({ track: null, problem: problemOf(error), opening: false });
      },
    );
    return () => {
      live = false;
      // A track that goes into the room is the room's to stop.
      if (!kept.current) mine?.stop();
    };
  }, [wanted, id, attempt]);
  return { ...opened, again: () => setAttempt(attempt + 1) };
}

export function Prejoin({ onJoin }: { onJoin(ready: Ready): void }) {
  const [choice, setChoice] = useState(loadChoice);
  const [devices, setDevices] = useState<Awaited<ReturnType<typeof listDevices>>>({
    microphones: [],
    cameras: [],
  });
  const kept = useRef(false);
  const microphone = useDevice(choice.audio, choice.microphone, openMicrophone, kept);
  const camera = useDevice(choice.video, choice.camera, openCamera, kept);

  useEffect(() => {
    // Names of devices are known once one was opened.
    const refresh = () => void listDevices().then(setDevices);
    refresh();
    navigator.mediaDevices?.addEventListener?.('devicechange', refresh);
    return () => navigator.mediaDevices?.removeEventListener?.('devicechange', refresh);
  }, [microphone.track, camera.track]);

  const change = (next: Choice) => {
    saveChoice(next);
    setChoice(next);
  };
  const listening = !microphone.track && !microphone.opening;
  const join = () => {
    kept.current = true;
    onJoin({ choice, tracks: { audio: microphone.track, video: camera.track } });
  };

  return (
    <main class="prejoin">
      <div class="corner">
        <SettingsMenu />
      </div>
      <section class="mirror">
        <div class="face" data-on={camera.track !== null}>
          {camera.track ? (
            <Media kind="video" track={camera.track} muted class="shows" />
          ) : (
            <span class="mirror-off">
              <Icon name="cameraOff" />
              {t(camera.opening ? 'check-opening' : choice.video ? 'check-no-camera' : 'check-camera-off')}
            </span>
          )}
        </div>
        <MeterRing track={microphone.track} />
        <div class="mirror-bar">
          <button
            class="round"
            data-testid="check-mic"
            data-off={!choice.audio}
            aria-pressed={choice.audio}
            aria-label={t(choice.audio ? 'mic-off' : 'mic-on')}
            onClick={() => change({ ...choice, audio: !choice.audio })}
          >
            <Icon name={choice.audio ? 'mic' : 'micOff'} />
          </button>
          <button
            class="round"
            data-testid="check-camera"
            data-off={!choice.video}
            aria-pressed={choice.video}
            aria-label={t(choice.video ? 'camera-off' : 'camera-on')}
            onClick={() => change({ ...choice, video: !choice.video })}
          >
            <Icon name={choice.video ? 'camera' : 'cameraOff'} />
          </button>
        </div>
      </section>
      <section class="check">
        <p class="brand">
          <Mark /> Palabre
        </p>
        <h1>{t('check-title')}</h1>
        <p class="lead">{t('check-lead')}</p>
        {microphone.problem && (
          <Problem device="microphone" problem={microphone.problem} again={microphone.again} />
        )}
        {camera.problem && <Problem device="camera" problem={camera.problem} again={camera.again} />}
        <DeviceChoice choice={choice} devices={devices} onChoose={change} />
        <button
          class="pill sun large"
          data-testid="join"
          disabled={microphone.opening || camera.opening}
          onClick={join}
        >
          {t(microphone.opening || camera.opening ? 'check-opening' : listening ? 'join-listening' : 'join')}
        </button>
        <p class="fine">{t(listening ? 'join-listening-note' : 'join-note')}</p>
      </section>
    </main>
  );
}

function Problem({
  device,
  problem,
  again,
}: {
  device: 'microphone' | 'camera';
  problem: DeviceProblem;
  again(): void;
}) {
  return (
    <div class="problem" role="alert" data-testid={`problem-${device}`}>
      <p>
        <strong>{t(`problem-${problem}`, { device: t(`device-${device}`) })}</strong>{' '}
        {t(`problem-${problem}-help`)}
      </p>
      <button class="link" onClick={again}>
        {t('problem-again')}
      </button>
    </div>
  );
}

/** The microphone's level as a ring around one's own face: speak, and it answers. */
function MeterRing({ track }: { track: MediaStreamTrack | null }) {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    if (!track) {
      setLevel(0);
      return;
    }
    const needle = meter(track);
    const timer = setInterval(() => setLevel(needle.level.value), 60);
    return () => {
      clearInterval(timer);
      needle.stop();
    };
  }, [track]);
  return (
    <div
      class="meter"
      role="meter"
      aria-label={t('check-level')}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(level * 100)}
      data-testid="mic-level"
      style={{ '--level': level.toFixed(3) }}
    />
  );
}
