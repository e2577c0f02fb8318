/** Language, theme, sounds and devices, in a native popover. */
import { useState } from 'preact/hooks';
import { language, t } from '../i18n/index.ts';
import { listDevices, type Choice } from '../media/devices.ts';
import { saveChoice, type Theme } from '../state/memory.ts';
import type { Session } from '../state/session.ts';
import type { Language } from '../wire/index.ts';
import { Confirm } from './Dialog.tsx';
import { Icon } from './Icon.tsx';
import { sounds, theme } from './settings.ts';

const THEMES: Theme[] = ['system', 'light', 'dark'];
const LANGUAGES: [Language, string][] = [
  ['fr', 'Français'],
  ['en', 'English'],
];

export function SettingsMenu({ session }: { session?: Session }) {
  const [devices, setDevices] = useState<Awaited<ReturnType<typeof listDevices>> | null>(null);
  return (
    <>
      <button
        class="round quiet"
        popovertarget="settings"
        aria-label={t('settings')}
        title={t('settings')}
        data-testid="settings"
        onClick={() => session && void listDevices().then(setDevices)}
      >
        <Icon name="settings" />
      </button>
      <div id="settings" class="menu" popover="auto">
        <fieldset class="segments">
          <legend>{t('settings-language')}</legend>
          {LANGUAGES.map(([code, name]) => (
            <label key={code}>
              <input
                type="radio"
                name="language"
                checked={language.value === code}
                onChange={() => {
                  language.value = code;
                  session?.language(code);
                }}
              />
              <span lang={code}>{name}</span>
            </label>
          ))}
        </fieldset>
        <fieldset class="segments">
          <legend>{t('settings-theme')}</legend>
          {THEMES.map((option) => (
            <label key={option}>
              <input
                type="radio"
                name="theme"
                checked={theme.value === option}
                onChange={() => {
                  theme.value = option;
                }}
              />
              <span>{t(`theme-${option}`)}</span>
            </label>
          ))}
        </fieldset>
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked={sounds.value}
            onChange={() => {
              sounds.value = !sounds.value;
            }}
          />
          <span>{t('settings-sounds')}</span>
        </label>
        {session && devices && (
          <DeviceChoice
            choice={session.own.choice.value}
            devices={devices}
            onChoose={(choice) => void session.own.useDevices(choice)}
          />
        )}
        {session && <Network session={session} />}
        {session && <EndSession session={session} />}
      </div>
    </>
  );
}

/** How one's own media travel, and what a person can ask of it. */
function Network({ session }: { session: Session }) {
  const { carrier } = session.media.value;
  return (
    <div class="network">
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          data-testid="audio-only"
          checked={session.audioOnly.value}
          onChange={(event) => session.setAudioOnly(event.currentTarget.checked)}
        />
        <span>{t('settings-audio-only')}</span>
      </label>
      <div class="network-way">
        <span data-testid="carrier">{t(`carrier-${carrier}`)}</span>
        <button class="pill small" data-testid="reconnect-me" onClick={() => session.reconnect()}>
          {t('reconnect')}
        </button>
      </div>
    </div>
  );
}

/** The chair ends the session for everyone: asked twice, for it cannot be undone. */
function EndSession({ session }: { session: Session }) {
  const [asking, setAsking] = useState(false);
  if (session.room.value?.state.chair !== session.seat.value) return null;
  return (
    <>
      <button class="pill danger" data-testid="end-session" onClick={() => setAsking(true)}>
        {t('end-session')}
      </button>
      {asking && (
        <Confirm
          title={t('end-title')}
          text={t('end-text')}
          word={t('end-session')}
          testid="end-session-confirm"
          onConfirm={() => session.ask({ do: 'end_session' })}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

interface DeviceChoiceProps {
  choice: Choice;
  devices: Awaited<ReturnType<typeof listDevices>>;
  onChoose(choice: Choice): void;
}

/** Which microphone and which camera. */
export function DeviceChoice({ choice, devices, onChoose }: DeviceChoiceProps) {
  const choose = (change: Partial<Choice>) => {
    const next = { ...choice, ...change };
    saveChoice(next);
    onChoose(next);
  };
  const list = (label: string, all: MediaDeviceInfo[], value: string, set: (id: string) => void) => {
    const chosen = all.find(({ deviceId }) => deviceId === value) ?? all[0];
    return (
      <label class="field">
        <span>{label}</span>
        <select onChange={(event) => set(event.currentTarget.value)} disabled={all.length === 0}>
          {all.length === 0 && <option value="">{t('device-none')}</option>}
          {all.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId} selected={device === chosen}>
              {device.label || t('device-unnamed', { number: index + 1 })}
            </option>
          ))}
        </select>
      </label>
    );
  };
  return (
    <div class="devices">
      {list(t('device-microphone'), devices.microphones, choice.microphone, (microphone) =>
        choose({ microphone }),
      )}
      {list(t('device-camera'), devices.cameras, choice.camera, (camera) => choose({ camera }))}
    </div>
  );
}
