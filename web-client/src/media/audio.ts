/** Sound that is not a person's: the level of one's own microphone, and the chimes. */
import { signal } from '@preact/signals';

let context: AudioContext | null = null;

/** The page's one audio context, made when first needed. */
function audioContext(): AudioContext {
  context ??= new AudioContext();
  if (context.state === 'suspended') void context.resume().catch(() => undefined);
  return context;
}

/** Follows the loudness of a track, 0 to 1; `stop` ends it. */
export function meter(track: MediaStreamTrack): { level: { readonly value: number }; stop: () => void } {
  const level = signal(0);
  const audio = audioContext();
  const source = audio.createMediaStreamSource(new MediaStream([track]));
  const analyser = audio.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    level.value = loudness(samples, level.value);
  }, 60);
  return {
    level,
    stop: () => {
      clearInterval(timer);
      source.disconnect();
    },
  };
}

/**
 * Loudness of a block on a scale that fits the ear: -60 dB is 0, -6 dB is 1. It rises at once and falls
 * slowly, as a needle does.
 */
export function loudness(samples: Float32Array, before: number): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / Math.max(samples.length, 1) + 1e-9);
  const now = Math.min(1, Math.max(0, (decibels + 60) / 54));
  return now >= before ? now : before * 0.85 + now * 0.15;
}

/** What a chime says. */
export type Chime = 'your_turn' | 'warning' | 'over';

const NOTES: Record<Chime, number[]> = {
  your_turn: [523.25, 783.99],
  warning: [659.25],
  over: [392, 329.63],
};

/** Plays a soft chime: a struck wooden bar, quiet enough not to cover a voice. */
export function chime(kind: Chime): void {
  try {
    const audio = audioContext();
    NOTES[kind].forEach((frequency, index) => {
      const start = audio.currentTime + index * 0.16;
      const gain = audio.createGain();
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(0.09, start + 0.012);
      gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.9);
      gain.connect(audio.destination);
      for (const [ratio, share] of [
        [1, 1],
        [3.98, 0.18],
      ] as const) {
        const bar = audio.createOscillator();
        const part = audio.createGain();
        part.gain.value = share;
        bar.frequency.value = frequency * ratio;
        bar.connect(part).connect(gain);
        bar.start(start);
        bar.stop(start + 1);
      }
    });
  } catch {
    // No sound device: the words on the screen say the same.
  }
}
