/**
 * The two ends of the tunnel on the audio thread: a microphone in packets' lengths, and a voice played.
 * Outside of it samples come at Opus's rate, inside at the context's.
 */
import { Playout } from './playout.ts';
import { Resampler } from './resample.ts';

// What an AudioWorkletGlobalScope has, which the library of a document's types leaves out.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

/** Opus's own clock. */
const RATE = 48_000;
/** One packet, in samples: 20 ms. */
const PACKET = RATE / 50;

/** Cuts a microphone into packets. */
class Cutter extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(sampleRate, RATE);
  #packet = new Float32Array(PACKET);
  #at = 0;

  process([input]: Float32Array[][]): boolean {
    const channels = input ?? [];
    const [first] = channels;
    if (!first) return true;
    const mixed = first.map(
      (_, i) => channels.reduce((sum, channel) => sum + (channel[i] ?? 0), 0) / channels.length,
    );
    for (const sample of this.#resampler.block(mixed)) {
      this.#packet[this.#at++] = sample;
      if (this.#at < PACKET) continue;
      this.port.postMessage(this.#packet, [this.#packet.buffer]);
      this.#packet = new Float32Array(PACKET);
      this.#at = 0;
    }
    return true;
  }
}

/** Plays what it is sent. */
class Player extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(RATE, sampleRate);
  readonly #playout = new Playout(sampleRate);

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<Float32Array>) =>
      this.#playout.push(this.#resampler.block(data));
  }

  process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
    const [out] = output ?? [];
    if (out) this.#playout.pull(out);
    return true;
  }
}

registerProcessor('palabre-cutter', Cutter);
registerProcessor('palabre-player', Player);
