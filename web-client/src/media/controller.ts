/** The hands of the media machine: peers and tunnels come and go, what they send and receive stays. */
import type { MediaAnswer, MediaOffer, MediaPlan, Missed, NextIce, Recovered, Seat } from '../wire/index.ts';
import { readFrame } from './frames.ts';
import {
  carrierOf,
  initialMedia,
  soundless,
  type MediaEffect,
  type MediaInput,
  type MediaState,
} from './ladder.ts';
import { mediaTransition } from './machine.ts';
import { hiccup, observe, SAMPLE_AGAIN, SAMPLE_EVERY, suspect, type PathState } from './pathwatch.ts';
import type { Incoming, Outgoing, Peer, PeerFactory } from './peer.ts';
import type { CloseLook, Via } from './stats.ts';
import type { Tunnel, TunnelFactory } from './tunnel.ts';
import { fairWeather, lostBetween, SETTLES, weather, type Weather } from './weak.ts';

/** How often everything is looked at, in milliseconds: the judge of a weak network needs no more. */
const LOOK_CLOSELY_EVERY = 1000;

/** How the media fare, for the screen and for the server. */
export interface Condition {
  /** Where the peer connection stands, as the machine names it. */
  at: MediaState['stage']['at'];
  /** What carries voices now. */
  carrier: Via | 'tunnel' | 'none';
  /** A loss that is being mended, and not the first way in. */
  mending: boolean;
  /** Every way was tried: the person reads and writes. */
  soundless: boolean;
  /** The network carries sound and no pictures. */
  weak: boolean;
  /** The browser wants a gesture before the tunnel's voices sound. */
  asleep: boolean;
}

/** Before anything. */
export const NO_CONDITION: Condition = {
  at: 'off',
  carrier: 'none',
  mending: false,
  soundless: false,
  weak: false,
  asleep: false,
};

/** What the controller tells its owner. */
export interface MediaHandlers {
  offer(offer: MediaOffer): void;
  /** What is received now, all at once; it replaces what was before. */
  incoming(tracks: Incoming[]): void;
  condition(condition: Condition): void;
  /** Ask the server for the tunnel, or end it. */
  tunnel(on: boolean): void;
  /** A voice packet for the tunnel. */
  frame(frame: Uint8Array): void;
  recovered(recovered: Recovered): void;
  /** The path brings nothing any more: the signaling connection may be gone as well. */
  silent(): void;
}

/** What the media are made with: the browser's own in the product, fakes in tests. */
export interface MediaMeans {
  peer: PeerFactory;
  tunnel: TunnelFactory;
  /** Whether this browser can take part in a tunnel. */
  canTunnel: () => Promise<boolean>;
  now: () => number;
}

/** What brings a page into its room again; see the machine's `joined`. */
type WayBack = Omit<Extract<MediaInput, { type: 'joined' }>, 'type' | 'again'>;

/** A peer and what it receives. */
interface Carried {
  peer: Peer;
  incoming: Incoming[];
}

/** A peer that goes on beside its successor. */
interface Earlier extends Carried {
  path: PathState;
  /** All that is shown: its own, and the successor's voices. */
  shown: Incoming[];
  /** Whose voices flow by the successor. */
  flowing: Seat[];
}

/** A tunnel, which takes a moment to open. */
interface Opening {
  open: Tunnel | null;
}

/** Keeps media flowing for the room's whole life. */
export class MediaController {
  #state: MediaState = initialMedia(false);
  #path: PathState = { path: 'unknown' };
  #via: Via = 'udp';
  #weather: Weather = fairWeather(0);
  #closely: { at: number; look: CloseLook } | null = null;
  #peer: Carried | null = null;
  #before: Earlier | null = null;
  #tunnel: Opening | null = null;
  #shown: Incoming[] = [];
  #condition = NO_CONDITION;
  #plan: MediaPlan = { slots: [], ice_servers: [] };
  #answer = '';
  #sampling = false;
  #disposed = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #outgoing: Outgoing = { audio: null, camera: null, screen: null };
  readonly #means: MediaMeans;
  readonly #handlers: MediaHandlers;

  constructor(means: MediaMeans, handlers: MediaHandlers) {
    this.#means = means;
    this.#handlers = handlers;
    this.#timer = setInterval(() => void this.sample(), SAMPLE_EVERY);
    void means.canTunnel().then((tunnels) => {
      this.#state = { ...this.#state, tunnels };
    });
  }

  /** The room is joined; `again` when it was joined before by this page. */
  joined(plan: MediaPlan, again: boolean, back: WayBack = {}): void {
    this.#plan = plan;
    this.step({ type: 'joined', again, ...back });
  }

  /** The place in the room is taken again; `slept`: it was lost while the page did not run. */
  resumed({ media_alive, next_ice }: Missed, slept: boolean): void {
    const ahead = next_ice ? { ahead: next_ice } : {};
    this.step({ type: 'resumed', mediaAlive: media_alive, slept, ...ahead });
  }

  answered({ sdp, generation, next_ice }: MediaAnswer): void {
    this.#answer = sdp;
    this.step({ type: 'answered', generation, ...(next_ice ? { ahead: next_ice } : {}) });
  }

  nextIce({ ufrag, password }: NextIce): void {
    this.step({ type: 'next_ice', ahead: { ufrag, password } });
  }

  /** Another network, or one again: what hints at a loss is looked into sooner. */
  networkChanged(): void {
    this.#path = suspect(this.#path, this.#means.now());
    this.step({ type: 'network_changed' });
  }

  /** A binary frame of the signaling connection. */
  frame(data: ArrayBuffer): void {
    const voice = readFrame(data);
    if (voice) this.#tunnel?.open?.take(voice);
  }

  /** Changes what is sent; a later peer sends it too. */
  async send(kind: keyof Outgoing, track: MediaStreamTrack | null): Promise<void> {
    this.#outgoing[kind] = track;
    if (kind === 'audio') this.#tunnel?.open?.send(track);
    const rests = kind !== 'audio' && this.#state.before.at === 'leaving';
    const before = rests ? null : this.#before?.peer.send(kind, track);
    await this.#peer?.peer.send(kind, track);
    if (before) await before;
  }

  /**
   * What the browser believes that it can send, in bit/s, once a camera has let it measure; `null` where it does
   * not say.
   */
  estimate(): number | null {
    const { stage } = this.#state;
    const settled = stage.at === 'up' && this.#means.now() - stage.since >= SETTLES;
    return settled && this.#outgoing.camera ? (this.#closely?.look.outgoing ?? null) : null;
  }

  dispose(): void {
    this.#disposed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    this.#closeTunnel();
    this.#closePeer();
  }

  /** Looks at the path and at the deadlines. */
  async sample(): Promise<void> {
    if (this.#sampling || this.#disposed) return;
    this.#sampling = true;
    const [peer, before] = [this.#peer, this.#before];
    try {
      if (peer) await this.#look(peer.peer);
      if (before && before === this.#before) await this.#lookBefore(before);
    } catch {
      // A peer that was closed meanwhile has no statistics.
    } finally {
      this.#sampling = false;
    }
    this.#changeVoices();
    this.step({ type: 'tick' });
    if (this.#path.path === 'alive' && this.#path.silentLooks > 0) this.#lookAgain();
  }

  /** Nothing new came: the next look is not as far. */
  #lookAgain(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.sample(), SAMPLE_AGAIN);
  }

  /** Something happened to the media. */
  step(input: MediaInput): void {
    if (this.#disposed) return;
    const { state, effects } = mediaTransition(this.#state, input, this.#means.now());
    const was = this.#state;
    this.#state = state;
    if (state.stage.at === 'up' && was.stage.at !== 'up' && was.trouble) {
      this.#weather = { ...fairWeather(this.#means.now()), wait: this.#weather.wait };
    }
    for (const effect of effects) this.#perform(effect);
    if (state.tunnel.at === 'closed' && was.tunnel.at !== 'closed') this.#closeTunnel();
    if (state.stage.at === 'off' && was.stage.at !== 'off') this.#closePeer();
    if (state.before.at === 'leaving' && was.before.at !== 'leaving') this.#restPictures();
    if (state.before.at === 'none') this.#endBefore();
    this.#show();
    this.#tell();
  }

  /** What goes on beside its successor. */
  async #lookBefore(before: Earlier): Promise<void> {
    // A restart brings paths that only a closer look knows.
    const restarting = this.#state.before.at === 'restarting';
    const look = restarting ? await before.peer.lookClosely() : await before.peer.look();
    if (before !== this.#before) return;
    const was = before.path;
    const path = observe(was, look.received, this.#means.now());
    before.path = path;
    if (path.path === was.path) return;
    if (path.path === 'alive') this.step({ type: 'before_alive', via: look.via });
    if (path.path === 'dead') this.step({ type: 'before_dead', heardAt: path.heardAt });
  }

  async #look(peer: Peer): Promise<void> {
    const now = this.#means.now();
    const closely = !this.#closely || now - this.#closely.at >= LOOK_CLOSELY_EVERY;
    const look = closely ? await peer.lookClosely() : await peer.look();
    if (peer !== this.#peer?.peer) return;
    const before = this.#path;
    const seen = this.#means.now();
    this.#path = observe(before, look.received, seen);
    if (closely) this.#judge(look as CloseLook, seen);
    if (this.#path.path === 'alive' && this.#path.heardAt === seen) {
      this.#via = look.via;
      const gap = hiccup(before, this.#path);
      if (gap !== null) this.step({ type: 'hiccup', gap });
      this.step({ type: 'path_alive', via: this.#via });
    }
    if (this.#path.path === 'dead' && before.path !== 'dead') {
      const { heardAt, slept } = this.#path;
      this.step({ type: 'path_dead', heardAt, slept });
      this.#handlers.silent();
    }
  }

  /** Whether the network is weak, by what came and what could go in the last second. */
  #judge(look: CloseLook, now: number): void {
    const before = this.#closely;
    this.#closely = { at: now, look };
    if (!before || this.#state.stage.at !== 'up') return;
    const outgoing = this.#outgoing.camera ? look.outgoing : null;
    const was = this.#weather;
    const lost = lostBetween(before.look.sound, look.sound);
    this.#weather = weather(was, { outgoing, lost }, now);
    if (was.mode === 'sound' || this.#weather.mode === 'whole') return;
    // Pictures give way to voices, which were bad for so long, and never away.
    const took = Math.round(now - (was.badSince ?? now));
    this.#handlers.recovered({ rung: 'audio_only', cause: 'weak_network', took, gap: 0 });
  }

  #perform(effect: MediaEffect): void {
    switch (effect.do) {
      case 'offer':
        if (effect.beside) this.#keep();
        return void this.#offer(effect.way === 'fresh', effect.generation);
      case 'return':
        return this.#return();
      case 'restart':
        return void this.#try(async (peer) => {
          await peer.restart(effect.credentials);
          return { type: 'answer_applied' };
        });
      case 'apply':
        return void this.#try(async (peer) => {
          await peer.answer(this.#answer);
          return { type: 'answer_applied' };
        });
      case 'tunnel':
        if (effect.on) this.#openTunnel();
        return this.#handlers.tunnel(effect.on);
      case 'recovered': {
        const { rung, cause, took, gap } = effect;
        return this.#handlers.recovered({ rung, cause, took, gap });
      }
    }
  }

  /** Does something with the peer there is; a failure is one of that peer alone. */
  async #try(act: (peer: Peer) => Promise<MediaInput | null>): Promise<void> {
    const peer = this.#peer?.peer;
    if (!peer) return;
    let input: MediaInput | null;
    try {
      input = await act(peer);
    } catch {
      input = { type: 'failed' };
    }
    if (input && peer === this.#peer?.peer) this.step(input);
  }

  async #offer(fresh: boolean, generation: number): Promise<void> {
    if (fresh || !this.#peer) this.#newPeer();
    await this.#try(async (peer) => {
      const sdp = await peer.offer(!fresh);
      if (peer === this.#peer?.peer && generation === this.#state.generation)
        this.#handlers.offer({ generation, sdp });
      return null;
    });
  }

  /** What there is goes on beside what comes. */
  #keep(): void {
    this.#endBefore();
    if (this.#peer) this.#before = { ...this.#peer, path: this.#path, shown: [], flowing: [] };
    this.#peer = null;
  }

  /** What was kept is what there is again. */
  #return(): void {
    if (!this.#before) return;
    this.#peer?.peer.close();
    this.#peer = this.#before;
    this.#path = this.#before.path;
    this.#closely = null;
    this.#before = null;
  }

  #endBefore(): void {
    this.#before?.peer.close();
    this.#before = null;
  }

  #newPeer(): void {
    this.#peer?.peer.close();
    this.#path = { path: 'unknown' };
    this.#closely = null;
    const made = this.#means.peer(this.#plan, { ...this.#outgoing }, () => {
      if (this.#peer?.peer === made.peer) this.step({ type: 'failed' });
    });
    this.#peer = made;
    if (this.#before) {
      const voices = made.incoming.filter(({ kind }) => kind === 'audio');
      this.#before.shown = [...this.#before.incoming, ...voices];
    }
    this.#show();
  }

  /** A peer that leaves goes on with the voice alone: to code each picture twice takes what the voices need. */
  #restPictures(): void {
    for (const kind of ['camera', 'screen'] as const)
      void this.#before?.peer.send(kind, null).catch(() => undefined);
  }

  /**
   * A voice that has flowed by the successor since the last look ends in the peer before: one server sends
   * each packet by one of them alone, and two, while one takes over from the other, by both.
   */
  #changeVoices(): void {
    const [before, peer] = [this.#before, this.#peer];
    if (!before || !peer) return;
    const over = before.flowing;
    before.flowing = peer.peer.voices();
    const ends = (each: Incoming) =>
      each.kind === 'audio' && over.includes(each.seat) && before.incoming.includes(each);
    if (before.shown.some(ends)) before.shown = before.shown.filter((each) => !ends(each));
  }

  #closePeer(): void {
    this.#endBefore();
    this.#peer?.peer.close();
    this.#peer = null;
  }

  #openTunnel(): void {
    this.#closeTunnel();
    const tunnel: Opening = { open: null };
    this.#tunnel = tunnel;
    const write = (frame: Uint8Array) => {
      const { at } = this.#state.tunnel;
      if (this.#tunnel === tunnel && (at === 'open' || at === 'ending')) this.#handlers.frame(frame);
    };
    void this.#means.tunnel(this.#plan, this.#outgoing.audio, write).then(
      (open) => {
        if (this.#tunnel !== tunnel) return open.close();
        tunnel.open = open;
        // The microphone may have been opened, or changed, meanwhile.
        open.send(this.#outgoing.audio);
        this.#show();
      },
      () => {
        if (this.#tunnel === tunnel) this.step({ type: 'tunnel_failed' });
      },
    );
  }

  #closeTunnel(): void {
    this.#tunnel?.open?.close();
    this.#tunnel = null;
  }

  /** Shows what carries: the tunnel's voices while it is open, else what the peer receives. */
  #show(): void {
    const { at } = this.#state.tunnel;
    const voices = (at === 'open' || at === 'ending') && this.#tunnel?.open?.incoming;
    const incoming = voices || (this.#before?.shown ?? this.#peer?.incoming ?? []);
    if (incoming === this.#shown) return;
    this.#shown = incoming;
    this.#handlers.incoming(incoming);
  }

  #tell(): void {
    const { stage, tunnel, trouble } = this.#state;
    const carrier = carrierOf(this.#state);
    const tunnelled = tunnel.at === 'open' || tunnel.at === 'ending';
    const next: Condition = {
      at: stage.at,
      carrier,
      mending: trouble !== null && trouble.cause !== null && carrier === 'none',
      soundless: soundless(this.#state, this.#means.now()),
      weak: stage.at === 'up' && this.#weather.mode === 'sound',
      asleep: tunnelled && this.#tunnel?.open?.awake() === false,
    };
    const same = (Object.keys(next) as (keyof Condition)[]).every(
      (key) => next[key] === this.#condition[key],
    );
    if (same) return;
    this.#condition = next;
    this.#handlers.condition(next);
  }
}
