/** The two ends of the tunnel on the audio thread: a microphone in packets' lengths, and a voice played. */
import { Playout } from './playout.ts';

// What an AudioWorkletGlobalScope has, which the library of a document's types leaves out.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

/** Cuts a microphone into packets of 20 ms. */
class Cutter extends AudioWorkletProcessor {
  #packet = new Float32Array(sampleRate / 50);
  #at = 0;

  process([input]: Float32Array[][]): boolean {
    const channels = input ?? [];
    const [first] = channels;
    if (!first) return true;
    for (let i = 0; i < first.length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i] ?? 0;
      this.#packet[this.#at++] = sum / channels.length;
      if (this.#at === this.#packet.length) {
        this.port.postMessage(this.#packet, [this.#packet.buffer]);
        this.#packet = new Float32Array(sampleRate / 50);
        this.#at = 0;
      }
    }
    return true;
  }
}

/** Plays what it is sent. */
class Player extends AudioWorkletProcessor {
  readonly #playout = new Playout(sampleRate);

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<Float32Array>) => this.#playout.push(data);
  }

  process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
    const [out] = output ?? [];
    if (out) this.#playout.pull(out);
    return true;
  }
}

registerProcessor('palabre-cutter', Cutter);
registerProcessor('palabre-player', Player);
