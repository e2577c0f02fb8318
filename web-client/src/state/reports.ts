/** What the page tells the server of its ways: each once, and nothing twice in a row. */
import type { ClientMessage, PathReport, Recovered } from '../wire/index.ts';

/** A path that carries nothing is told after this, in milliseconds: most are mended sooner. */
export const NOTHING_AFTER = 2000;
/** From one word of what can be sent to the next, in milliseconds: more often would crowd out ways back. */
export const ESTIMATE_EVERY = 30_000;
/** Ways back that wait for a connection to be told by; the oldest are dropped. */
const MOST_WAITING = 4;

/** Keeps what is to be told until it can be. */
export class Reports {
  #waiting: Recovered[] = [];
  #path: PathReport = { rung: 'none', audio_only: false };
  #since = 0;
  #told: PathReport | null = null;
  #estimate: number | null = null;
  #estimateTold = -ESTIMATE_EVERY;
  readonly #say: (message: ClientMessage) => void;

  constructor(say: (message: ClientMessage) => void) {
    this.#say = say;
  }

  /** A way back worked. */
  recovered(recovered: Recovered): void {
    // Of one drop the last that is told is kept, and how the sound came back says more than that words
    // come again.
    const all = recovered.rung === 'resume' ? [recovered, ...this.#waiting] : [...this.#waiting, recovered];
    this.#waiting = all.slice(-MOST_WAITING);
  }

  /** How the media travel now. */
  path(path: PathReport, now: number): void {
    if (path.rung !== this.#path.rung) this.#since = now;
    this.#path = path;
  }

  /** What the browser believes that it can send, in bit/s; `null` where it does not say. */
  estimate(outgoing: number | null): void {
    this.#estimate = outgoing;
  }

  /** A connection that knows nothing of this page yet. */
  connected(): void {
    this.#told = null;
  }

  /** Tells what there is to tell; called while the page is connected. */
  tell(now: number): void {
    for (const recovered of this.#waiting) this.#say({ type: 'recovered', ...recovered });
    this.#waiting = [];
    if (this.#estimate !== null && now - this.#estimateTold >= ESTIMATE_EVERY) {
      this.#estimateTold = now;
      this.#say({ type: 'estimate', outgoing: Math.round(this.#estimate) });
    }
    const { rung, audio_only } = this.#path;
    if (rung === 'none' && now - this.#since < NOTHING_AFTER) return;
    if (this.#told?.rung === rung && this.#told.audio_only === audio_only) return;
    this.#told = this.#path;
    this.#say({ type: 'path', rung, audio_only });
  }
}
