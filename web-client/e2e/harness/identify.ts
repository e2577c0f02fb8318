/**
 * Tells who is heard: the captured sound is compared with every speaker's loop, at every delay, by
 * the shape of its spectrum over time. Gain, delay and a voice codec's noise change that little;
 * another speaker's words do not have it.
 */
import { setImmediate as pause } from 'node:timers/promises';
import { type Pcm, resample, rms } from './wav.ts';

/** What was heard. */
export type Heard =
  | { readonly kind: 'silence'; readonly rms: number }
  | { readonly kind: 'speaker'; readonly name: string; readonly score: number; readonly next: number }
  /** Sound, of nobody in particular. */
  | { readonly kind: 'unclear'; readonly rms: number; readonly scores: ReadonlyMap<string, number> };

/** A speaker's loop, ready to be compared with. */
export interface Reference {
  readonly name: string;
  readonly frames: Frames;
}

interface Frames {
  /** Each frame's mean power, as a share of the whole's. */
  readonly energy: Float32Array;
  /** `BANDS` logarithmic band energies for each frame. */
  readonly bands: Float32Array;
}

/** The rate at which sound is compared; speech is told apart well below it. */
export const RATE = 8_000;
/** Frames that are compared at one delay: 0.5 s. */
const PIECE = 25;
/** Frames that the delay may move from one piece to the next: 0.16 s. */
const SLIP = 8;
const FRAME = 256;
const HOP = 160;
const BANDS = 14;
const EDGES = melEdges();
/** A frame with less of the mean power than this (-20 dB) is a pause. */
const PAUSE_ENERGY = 0.01;
/** Quieter than this is silence: -54 dBFS, when speech is made at -20. */
const SILENCE_RMS = 0.002;
/**
 * A true match scores 0.9 and more, 0.8 through a browser's microphone processing, 0.67 when a starved
 * receiver stretches a good part of it; it is 0.24 ahead or more. A stranger reaches 0.6, but is not
 * ahead of other strangers (the unit tests try all of it).
 */
const SURE = 0.6;
const AHEAD = 0.18;

/** Prepares a speaker's loop. */
export function reference(name: string, loop: Pcm): Reference {
  const { samples } = resample(loop, RATE);
  // The loop's end runs into its beginning.
  const joined = new Float32Array(samples.length + FRAME);
  joined.set(samples);
  joined.set(samples.subarray(0, FRAME), samples.length);
  return { name, frames: frames(joined) };
}

/** Tells who is heard in a captured piece of sound, two seconds or more of it. */
export function identify(sound: Pcm, references: readonly Reference[]): Heard {
  const { samples } = resample(sound, RATE);
  const loudness = rms(samples);
  if (loudness < SILENCE_RMS) return { kind: 'silence', rms: loudness };
  const heard = frames(samples);
  return verdict(
    loudness,
    new Map(references.map(({ name, frames: loop }) => [name, similarity(heard, loop)])),
  );
}

/**
 * The same, with a pause after each speaker: what this process carries meanwhile between page and server must not
 * wait until all are compared, or the page takes the silence for a broken network.
 */
export async function identifyAside(sound: Pcm, references: readonly Reference[]): Promise<Heard> {
  const { samples } = resample(sound, RATE);
  const loudness = rms(samples);
  if (loudness < SILENCE_RMS) return { kind: 'silence', rms: loudness };
  const heard = frames(samples);
  const scores = new Map<string, number>();
  for (const { name, frames: loop } of references) {
    await pause();
    scores.set(name, similarity(heard, loop));
  }
  return verdict(loudness, scores);
}

function verdict(loudness: number, scores: ReadonlyMap<string, number>): Heard {
  const [best, second] = [...scores].sort(([, a], [, b]) => b - a);
  if (best !== undefined && best[1] >= SURE && best[1] - (second?.[1] ?? 0) >= AHEAD) {
    return { kind: 'speaker', name: best[0], score: best[1], next: second?.[1] ?? 0 };
  }
  return { kind: 'unclear', rms: loudness, scores };
}

/** `heard` in a few words, for failures. */
export function inWords(heard: Heard): string {
  switch (heard.kind) {
    case 'silence':
      return 'silence';
    case 'speaker':
      return heard.name;
    case 'unclear': {
      const scores = [...heard.scores].map(([name, score]) => `${name} ${score.toFixed(2)}`);
      return `unclear (rms ${heard.rms.toFixed(4)}; ${scores.join(', ')})`;
    }
  }
}

/**
 * How well `heard` follows `loop`, -1..1: piece by piece, each at the delay of the piece before it or
 * a little off, because a receiver short of packets stretches and skips. Only frames in which something
 * is heard count: pauses are alike in everybody's speech.
 */
function similarity(heard: Frames, loop: Frames): number {
  const delays = loop.energy.length;
  const [own, other] = [centred(heard), centred(loop)];
  let before = new Float64Array(delays);
  let voiced = 0;
  for (let from = 0; from + PIECE <= heard.energy.length; from += PIECE) {
    const piece = range(from, from + PIECE).filter((frame) => (heard.energy[frame] ?? 0) > PAUSE_ENERGY);
    voiced += piece.length;
    const now = new Float64Array(delays);
    for (let delay = 0; delay < delays; delay++) {
      let best = -Infinity;
      for (let slip = -SLIP; slip <= SLIP; slip++) {
        best = Math.max(best, before[(delay + slip + delays) % delays] ?? 0);
      }
      now[delay] = best + piece.length * cosine(own, other, piece, delay, delays);
    }
    before = now;
  }
  return voiced === 0 ? 0 : Math.max(...before) / voiced;
}

/** The cosine of the bands of some frames with those `delay` later in a loop of `rows` frames. */
function cosine(
  own: Float32Array,
  loop: Float32Array,
  which: readonly number[],
  delay: number,
  rows: number,
) {
  let [product, ownPower, loopPower] = [0, 0, 0];
  for (const frame of which) {
    const at = ((frame + delay) % rows) * BANDS;
    for (let band = 0; band < BANDS; band++) {
      const [a, b] = [own[frame * BANDS + band] ?? 0, loop[at + band] ?? 0];
      product += a * b;
      ownPower += a * a;
      loopPower += b * b;
    }
  }
  return product / Math.sqrt(ownPower * loopPower || 1);
}

/** The bands of frames, each without its mean over the frames that are no pauses. */
function centred({ energy, bands }: Frames): Float32Array {
  const means = new Float64Array(BANDS);
  const voiced = range(0, energy.length).filter((frame) => (energy[frame] ?? 0) > PAUSE_ENERGY);
  for (const frame of voiced) {
    for (let band = 0; band < BANDS; band++) {
      means[band] = (means[band] ?? 0) + (bands[frame * BANDS + band] ?? 0) / voiced.length;
    }
  }
  return bands.map((value, i) => value - (means[i % BANDS] ?? 0));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function frames(samples: Float32Array): Frames {
  const count = Math.max(0, Math.floor((samples.length - FRAME) / HOP) + 1);
  const loudness = rms(samples) || 1;
  const energy = new Float32Array(count);
  const bands = new Float32Array(count * BANDS);
  const re = new Float64Array(FRAME);
  const im = new Float64Array(FRAME);
  for (let frame = 0; frame < count; frame++) {
    for (let i = 0; i < FRAME; i++) {
      const sample = (samples[frame * HOP + i] ?? 0) / loudness;
      energy[frame] = (energy[frame] ?? 0) + (sample * sample) / FRAME;
      const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME);
      re[i] = sample * hann;
      im[i] = 0;
    }
    fft(re, im);
    for (let band = 0; band < BANDS; band++) {
      let energy = 0;
      for (let bin = EDGES[band] ?? 0; bin < (EDGES[band + 1] ?? 0); bin++) {
        energy += (re[bin] ?? 0) ** 2 + (im[bin] ?? 0) ** 2;
      }
      // The floor keeps a codec's noise in pauses from counting as much as speech.
      bands[frame * BANDS + band] = Math.log(energy + 1);
    }
  }
  return { energy, bands };
}

function melEdges(): number[] {
  const mel = (hz: number) => 1_127 * Math.log(1 + hz / 700);
  const hz = (m: number) => 700 * (Math.exp(m / 1_127) - 1);
  const [low, high] = [mel(120), mel(3_800)];
  const edges: number[] = [];
  for (let band = 0; band <= BANDS; band++) {
    const bin = Math.round((hz(low + ((high - low) * band) / BANDS) * FRAME) / RATE);
    edges.push(Math.max(bin, (edges.at(-1) ?? 0) + 1));
  }
  return edges;
}

/** In-place radix-2 transform of `FRAME` points. */
function fft(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j] ?? 0, re[i] ?? 0];
      [im[i], im[j]] = [im[j] ?? 0, im[i] ?? 0];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < size / 2; k++) {
        const [wr, wi] = [Math.cos(angle * k), Math.sin(angle * k)];
        const [a, b] = [start + k, start + k + size / 2];
        const [br, bi] = [re[b] ?? 0, im[b] ?? 0];
        const [tr, ti] = [br * wr - bi * wi, br * wi + bi * wr];
        re[b] = (re[a] ?? 0) - tr;
        im[b] = (im[a] ?? 0) - ti;
        re[a] = (re[a] ?? 0) + tr;
        im[a] = (im[a] ?? 0) + ti;
      }
    }
  }
}
