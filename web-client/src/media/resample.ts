/** Samples at another rate: for browsers whose audio context runs at the sound card's own. */

/** Linear, and continuous from block to block: enough for a voice between rates that are near. */
export class Resampler {
  readonly #step: number;
  #last = 0;
  /** Where the next sample is taken, in samples of the coming block; from -1, the last one's end. */
  #at = 0;

  constructor(from: number, to: number) {
    this.#step = from / to;
  }

  block(samples: Float32Array): Float32Array {
    if (this.#step === 1 || samples.length === 0) return samples;
    const count = Math.max(0, Math.ceil((samples.length - 1 - this.#at) / this.#step));
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const at = this.#at + i * this.#step;
      const before = Math.floor(at);
      const a = before < 0 ? this.#last : (samples[before] ?? 0);
      out[i] = a + ((samples[before + 1] ?? a) - a) * (at - before);
    }
    this.#at += count * this.#step - samples.length;
    this.#last = samples[samples.length - 1] ?? 0;
    return out;
  }
}
