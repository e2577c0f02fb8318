/** Microphone, camera and screen of this machine, and why they cannot be had. */

/** Why a device could not be opened, as far as the browser says; the page words it. */
export type DeviceProblem = 'denied' | 'missing' | 'busy' | 'insecure' | 'unknown';

/** What a person chose, kept for the next time. */
export interface Choice {
  /** The device, `''` for the browser's own choice. */
  microphone: string;
  camera: string;
  /** Whether each is wanted at all. */
  audio: boolean;
  video: boolean;
}

/** The choice of somebody who has not chosen. */
export const DEFAULT_CHOICE: Choice = { microphone: '', camera: '', audio: true, video: true };

/** Names the reason a device could not be opened. */
export function problemOf(error: unknown): DeviceProblem {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    case 'TypeError':
      // `navigator.mediaDevices` is absent outside a secure context.
      return 'insecure';
    default:
      return 'unknown';
  }
}

const exactly = (deviceId: string) => (deviceId ? { deviceId: { ideal: deviceId } } : {});

/** Opens the microphone. */
export async function openMicrophone(deviceId: string): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { ...exactly(deviceId), echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  return first(stream.getAudioTracks());
}

/** Opens the camera. */
export async function openCamera(deviceId: string): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: {
      ...exactly(deviceId),
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 24, max: 30 },
    },
  });
  return first(stream.getVideoTracks());
}

/** Asks the person for a screen or a window to share. */
export async function openScreen(): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { frameRate: { max: 15 } },
    audio: false,
  });
  const track = first(stream.getVideoTracks());
  track.contentHint = 'detail';
  return track;
}

/** Whether this browser can share a screen (telephones cannot). */
export const canShareScreen = () => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

function first(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const [track] = tracks;
  if (!track) throw new DOMException('no track', 'NotFoundError');
  return track;
}

/** The devices there are, by kind. */
export async function listDevices(): Promise<{ microphones: MediaDeviceInfo[]; cameras: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return {
    microphones: all.filter((device) => device.kind === 'audioinput'),
    cameras: all.filter((device) => device.kind === 'videoinput'),
  };
}
