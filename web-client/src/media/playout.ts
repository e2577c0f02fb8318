/**
 * A voice's samples between their arrival, in bursts, and their playing, at a steady pace. The signaling
 * connection loses nothing and reorders nothing, but it comes late in bursts: so much is kept in hand as
 * lateness has proved necessary, and what piles up beyond it is skipped.
 */

/** Kept in hand to begin with, in milliseconds: three packets. Lower breaks up, higher delays. */
export const LEAST_IN_HAND = 60;
/** The most that is ever kept in hand, in milliseconds: beyond it people interrupt each other. */
export const MOST_IN_HAND = 300;
/** How much more than is meant may pile up before it is skipped, in milliseconds. */
export const SLACK = 160;
/** Each time a voice ran dry, so much more is kept in hand, in milliseconds. */
const MORE = 40;
/** After so much playing without running dry, a little less is kept in hand, in milliseconds. */
const CALM = 10_000;
/** A voice that begins or breaks off is faded over so many samples: a step is heard as a click. */
const FADE = 96;

export class Playout {
  readonly #rate: number;
  #chunks: Float32Array[] = [];
  #held = 0;
  #playing = false;
  #inHand = LEAST_IN_HAND;
  #calm = 0;

  /** For samples at `rate` a second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** What is held now, in milliseconds. */
  get held(): number {
    return (this.#held * 1000) / this.#rate;
  }

  /** What is meant to be held, in milliseconds. */
  get inHand(): number {
    return this.#inHand;
  }

  push(samples: Float32Array): void {
    this.#chunks.push(samples);
    this.#held += samples.length;
    if (this.held > this.#inHand + SLACK) this.#drop(this.#held - this.#samples(this.#inHand));
  }

  /** Fills `out`, with silence where nothing is held. */
  pull(out: Float32Array): void {
    const begins = !this.#playing && this.held >= this.#inHand;
    if (!this.#playing && !begins) {
      out.fill(0);
      return;
    }
    this.#playing = true;
    const given = this.#take(out);
    if (begins) fade(out, 0, Math.min(FADE, given), 0, 1);
    this.#calm += (given * 1000) / this.#rate;
    if (given < out.length || this.#held === 0) {
      out.fill(0, given);
      fade(out, Math.max(0, given - FADE), given, 1, 0);
      this.#playing = false;
      this.#calm = 0;
      this.#inHand = Math.min(MOST_IN_HAND, this.#inHand + MORE);
    } else if (this.#calm >= CALM) {
      this.#calm = 0;
      this.#inHand = Math.max(LEAST_IN_HAND, this.#inHand - MORE / 4);
    }
  }

  #samples(millis: number): number {
    return Math.round((millis * this.#rate) / 1000);
  }

  #take(out: Float32Array): number {
    let at = 0;
    while (at < out.length) {
      const [first] = this.#chunks;
      if (!first) break;
      const part = first.subarray(0, out.length - at);
      out.set(part, at);
      at += part.length;
      this.#shift(part.length);
    }
    return at;
  }

  #drop(count: number): void {
    while (count > 0) {
      const gone = Math.min(count, this.#chunks[0]?.length ?? count);
      this.#shift(gone);
      count -= gone;
    }
  }

  #shift(count: number): void {
    const [first] = this.#chunks;
    if (!first) return;
    this.#held -= count;
    if (count >= first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
  }
}

function fade(out: Float32Array, start: number, end: number, from: number, to: number): void {
  for (let at = start; at < end; at++) {
    out[at] = (out[at] ?? 0) * (from + ((to - from) * (at - start)) / (end - start));
  }
}
