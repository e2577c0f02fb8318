/** The hands of the media machine: peers come and go, what they send and receive stays. */
import type { MediaAnswer, MediaOffer, MediaPlan } from '../wire/index.ts';
import { initialMedia, mediaTransition, type MediaInput, type MediaState, type Stage } from './machine.ts';
import { observe, SAMPLE_EVERY, type PathState } from './pathwatch.ts';
import type { Incoming, Outgoing, Peer, PeerFactory } from './peer.ts';

/** What the controller tells its owner. */
export interface MediaHandlers {
  offer(offer: MediaOffer): void;
  /** A new peer's tracks, all at once; they replace the ones before. */
  incoming(tracks: Incoming[]): void;
  stage(stage: Stage): void;
}

/** Keeps media flowing for the room's whole life. */
export class MediaController {
  #state: MediaState = initialMedia;
  #path: PathState = { path: 'unknown' };
  #peer: Peer | null = null;
  #plan: MediaPlan = { slots: [] };
  #answer = '';
  #sampling = false;
  #timer: ReturnType<typeof setInterval>;
  readonly #outgoing: Outgoing = { audio: null, camera: null, screen: null };
  readonly #factory: PeerFactory;
  readonly #handlers: MediaHandlers;
  readonly #now: () => number;

  constructor(factory: PeerFactory, handlers: MediaHandlers, now: () => number = () => performance.now()) {
    this.#factory = factory;
    this.#handlers = handlers;
    this.#now = now;
    this.#timer = setInterval(() => void this.sample(), SAMPLE_EVERY);
  }

  /** The room is joined; `again` when it was joined before by this page. */
  joined(plan: MediaPlan, again: boolean): void {
    this.#plan = plan;
    this.#step({ type: 'joined', again });
  }

  resumed(mediaAlive: boolean): void {
    this.#step({ type: 'resumed', mediaAlive });
  }

  signalingLost(): void {
    this.#step({ type: 'signaling_lost' });
  }

  answered(answer: MediaAnswer): void {
    this.#answer = answer.sdp;
    this.#step({ type: 'answered', generation: answer.generation });
  }

  refused(generation: number): void {
    this.#step({ type: 'refused', generation });
  }

  lost(): void {
    this.#step({ type: 'media_lost' });
  }

  /** Changes what is sent; a later peer sends it too. */
  async send(kind: keyof Outgoing, track: MediaStreamTrack | null): Promise<void> {
    this.#outgoing[kind] = track;
    await this.#peer?.send(kind, track);
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#peer?.close();
    this.#peer = null;
  }

  /** Looks at the path and at the deadlines. */
  async sample(): Promise<void> {
    if (this.#sampling) return;
    this.#sampling = true;
    const peer = this.#peer;
    try {
      const received = (await peer?.received()) ?? 0;
      if (peer === this.#peer) {
        const before = this.#path;
        this.#path = observe(before, received, this.#now());
        if (
          this.#path.path === 'alive' &&
          this.#path.heardAt !== ('heardAt' in before ? before.heardAt : -1)
        ) {
          this.#step({ type: 'path_alive' });
        }
        if (this.#path.path === 'dead') this.#step({ type: 'path_dead' });
      }
    } catch {
      // A peer that was closed meanwhile has no statistics.
    } finally {
      this.#sampling = false;
    }
    this.#step({ type: 'tick' });
  }

  #step(input: MediaInput): void {
    const before = this.#state.stage;
    const { state, effects } = mediaTransition(this.#state, input, this.#now(), Math.random());
    this.#state = state;
    for (const effect of effects) {
      if (effect.do === 'offer') void this.#offer(effect.way === 'fresh', effect.generation);
      else void this.#apply();
    }
    if (state.stage !== before) this.#handlers.stage(state.stage);
  }

  async #offer(fresh: boolean, generation: number): Promise<void> {
    if (fresh || !this.#peer) {
      this.#peer?.close();
      this.#path = { path: 'unknown' };
      const made = this.#factory(this.#plan, { ...this.#outgoing }, () => {
        if (this.#peer === made.peer) this.#step({ type: 'failed' });
      });
      this.#peer = made.peer;
      this.#handlers.incoming(made.incoming);
    }
    const peer = this.#peer;
    try {
      const sdp = await peer.offer(!fresh);
      if (peer === this.#peer && generation === this.#state.generation)
        this.#handlers.offer({ generation, sdp });
    } catch {
      if (peer === this.#peer) this.#step({ type: 'failed' });
    }
  }

  async #apply(): Promise<void> {
    const peer = this.#peer;
    try {
      await peer?.answer(this.#answer);
      if (peer === this.#peer) this.#step({ type: 'answer_applied' });
    } catch {
      if (peer === this.#peer) this.#step({ type: 'failed' });
    }
  }
}
