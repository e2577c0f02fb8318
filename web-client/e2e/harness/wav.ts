/** 16-bit mono PCM in WAV files, and the one resampler of the harness. */

/** Mono samples in -1..1 and how many of them make a second. */
export interface Pcm {
  readonly rate: number;
  readonly samples: Float32Array;
}

/** Reads a 16-bit PCM WAV file; channels are averaged. */
export function readWav(file: Uint8Array): Pcm {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const tag = (at: number) => String.fromCharCode(...file.subarray(at, at + 4));
  if (tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw new Error('not a WAV file');
  let rate = 0;
  let channels = 0;
  for (let at = 12; at + 8 <= file.byteLength;) {
    // A piped WAV has no true sizes: what is there is what counts.
    const size = Math.min(view.getUint32(at + 4, true), file.byteLength - at - 8);
    const body = at + 8;
    if (tag(at) === 'fmt ') {
      if (view.getUint16(body, true) !== 1 || view.getUint16(body + 14, true) !== 16) {
        throw new Error('only 16-bit PCM is read');
      }
      channels = view.getUint16(body + 2, true);
      rate = view.getUint32(body + 4, true);
    } else if (tag(at) === 'data') {
      if (channels === 0) throw new Error('the WAV file has samples before their format');
      const samples = new Float32Array(Math.floor(size / 2 / channels));
      for (let i = 0; i < samples.length; i++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += view.getInt16(body + 2 * (i * channels + c), true);
        samples[i] = sum / channels / 32_768;
      }
      return { rate, samples };
    }
    at = body + size + (size % 2);
  }
  throw new Error('the WAV file has no samples');
}

/** Writes mono samples as a 16-bit PCM WAV file. */
export function writeWav({ rate, samples }: Pcm): Uint8Array {
  const file = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(file.buffer);
  const tag = (at: number, text: string) => {
    for (let i = 0; i < text.length; i++) file[at + i] = text.charCodeAt(i);
  };
  tag(0, 'RIFF');
  view.setUint32(4, 36 + 2 * samples.length, true);
  tag(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  tag(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    view.setInt16(44 + 2 * i, Math.round(clipped * 32_767), true);
  });
  return file;
}

/**
 * Changes the rate by averaging what falls into each new sample, or by interpolating between old
 * ones. Crude, and the same for what is spoken and what is heard, which is all a comparison needs.
 */
export function resample({ rate, samples }: Pcm, to: number): Pcm {
  if (rate === to) return { rate, samples };
  const step = rate / to;
  const out = new Float32Array(Math.floor(samples.length / step));
  for (let i = 0; i < out.length; i++) {
    const from = i * step;
    if (step > 1) {
      const first = Math.floor(from);
      const last = Math.max(first + 1, Math.min(samples.length, Math.floor(from + step)));
      let sum = 0;
      for (let k = first; k < last; k++) sum += samples[k] ?? 0;
      out[i] = sum / (last - first);
    } else {
      const left = Math.floor(from);
      const part = from - left;
      out[i] = (samples[left] ?? 0) * (1 - part) + (samples[left + 1] ?? 0) * part;
    }
  }
  return { rate: to, samples: out };
}

/** The root mean square of samples; 0 for none. */
export function rms(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length);
}
