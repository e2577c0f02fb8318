/** A person at whatever browser: what can be asked of any page, through its lasting hooks alone. */
import { writeFileSync } from 'node:fs';
import type { ConsoleLine } from './browser.ts';
import { hearsExactly } from './hearing.ts';
import { type Heard, identifyAside, type Reference } from './identify.ts';
import { listen, type Scripted, type TileSound } from './listen.ts';
import type { Link } from './server.ts';
import { expectNow, until } from './until.ts';
import { rms, writeWav } from './wav.ts';

/** Long enough to tell a voice from eight others, short enough to fall into a turn. */
export const LISTEN_SECONDS = 2.5;

/** What a page negotiated since it was loaded. */
export interface Negotiated {
  readonly connections: number;
  readonly answers: number;
  /** When each offer was begun, in milliseconds since 1970. */
  readonly offers: readonly number[];
}

/** A script that keeps a page's peer connections, and counts what they negotiate. */
const COUNT_NEGOTIATIONS = `{
  const negotiated = (globalThis.negotiated = { connections: 0, answers: 0, offers: [] });
  globalThis.peerConnections = [];
  const { prototype } = RTCPeerConnection;
  const set = prototype.setRemoteDescription;
  prototype.setRemoteDescription = function (...given) {
    negotiated.answers++;
    return set.apply(this, given);
  };
  const offer = prototype.createOffer;
  prototype.createOffer = function (...given) {
    negotiated.offers.push(performance.timeOrigin + performance.now());
    return offer.apply(this, given);
  };
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given);
      negotiated.connections++;
      globalThis.peerConnections.push(this);
    }
  };
}\n`;

/** A way back that a page told the server of. */
export interface WayBack {
  readonly rung: string;
  readonly cause: string;
  readonly gap: number;
}

/** A script that notes the ways back that a page tells of. */
const NOTE_WAYS = `{
  const ways = (globalThis.ways = []);
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (given) {
    if (typeof given === 'string' && given.includes('"recovered"')) ways.push(JSON.parse(given));
    return send.call(this, given);
  };
}\n`;

/** One person and their page. */
export abstract class Someone {
  readonly link: Link;
  private readonly references: readonly Reference[];
  private lastHeard: readonly TileSound[] = [];
  /** Runs in each of their pages before anything else. */
  initScript = '';

  constructor(link: Link, references: readonly Reference[]) {
    this.link = link;
    this.references = references;
  }

  /** The page that is open. */
  abstract get page(): Scripted;

  /** What was written to the console of all their pages. */
  abstract get console(): readonly ConsoleLine[];

  /** Opens a browser and the link in it, and joins. */
  abstract join(): Promise<void>;

  /** Presses what has a hook. */
  abstract press(hook: string): Promise<void>;

  /** Closes their browser. */
  abstract close(): Promise<void>;

  /** A picture of what their page shows, PNG; nothing while none is open. */
  protected abstract screenshot(): Promise<Uint8Array | undefined>;

  /** All that runs in a page before anything else. */
  protected get scripts(): string {
    return COUNT_NEGOTIATIONS + NOTE_WAYS + this.initScript;
  }

  /** An attribute of what has a hook; nothing where it is not there. */
  attribute(hook: string, name: string): Promise<string | null> {
    return this.page.evaluate(
      ([of, its]) => document.querySelector(`[data-testid="${of}"]`)?.getAttribute(its) ?? null,
      [hook, name] as const,
    );
  }

  /** The words of what has a hook; none where it is not there. */
  words(hook: string): Promise<string> {
    return this.page.evaluate(
      (of) => document.querySelector<HTMLElement>(`[data-testid="${of}"]`)?.innerText.trim() ?? '',
      hook,
    );
  }

  /** The state of the connection, as the page's hook names it. */
  async connection(): Promise<string> {
    return (await this.attribute('connection-state', 'data-state')) ?? 'unnamed';
  }

  /** What carries their media, by the page's hook. */
  async carrier(): Promise<string> {
    return (await this.attribute('connection-state', 'data-carrier')) ?? 'unnamed';
  }

  /** Whether a switch of theirs (`mic`, `camera`, `hand`) is on. */
  async isOn(hook: string): Promise<boolean> {
    const pressed = await this.attribute(hook, 'aria-pressed');
    expectNow(pressed !== null, `there is no ${hook}`);
    return pressed === 'true';
  }

  /** Waits until the page shows the room and says that it is connected. */
  async isIn(seconds = 30): Promise<void> {
    await until(
      `${this.link.name} is in the room`,
      async () => {
        const state = await this.connection();
        expectNow(state === 'connected', `the connection is ${state}`);
        const own = await this.attribute(`tile-${this.link.seat}`, 'data-own');
        expectNow(own === 'true', 'no tile is there');
      },
      { seconds },
    );
  }

  /** Waits until media are carried so. */
  async isCarriedBy(carrier: string, seconds = 30): Promise<void> {
    await until(
      `${carrier} carries`,
      async () => {
        const now = await this.carrier();
        expectNow(now === carrier, `by ${now}`);
      },
      { seconds },
    );
  }

  /** Waits until the page says that it is not connected. */
  async saysThatItIsAway(): Promise<void> {
    await until(`${this.link.name}'s page says that it is away`, async () =>
      expectNow((await this.connection()) !== 'connected', 'connected'),
    );
  }

  /** What comes out of each other seat's tile. */
  async hears(seconds = LISTEN_SECONDS): Promise<Map<number, Heard>> {
    this.lastHeard = await listen(this.page, seconds);
    const heard = new Map<number, Heard>();
    for (const { seat, sound } of this.lastHeard) {
      if (seat !== this.link.seat) heard.set(seat, await identifyAside(sound, this.references));
    }
    return heard;
  }

  /** Waits until exactly `seats` are heard, each by their own voice, and the others are silent. */
  hearsExactly(seats: readonly number[], seconds?: number): Promise<void> {
    return hearsExactly(this, seats, seconds);
  }

  /** What was negotiated so far: the same later on means that the same transport goes on. */
  negotiated(): Promise<Negotiated> {
    return this.page.evaluate(() => (globalThis as unknown as { negotiated: Negotiated }).negotiated, null);
  }

  /** The ways back that the page has told the server of since it was loaded. */
  ways(): Promise<WayBack[]> {
    return this.page.evaluate(() => (globalThis as unknown as { ways: WayBack[] }).ways, null);
  }

  /** Saves what they last heard and what their page shows now, for a failure. */
  async snapshot(base: string): Promise<void> {
    for (const { seat, sound } of this.lastHeard) {
      if (rms(sound.samples) > 0) writeFileSync(`${base}-hears-${seat}.wav`, writeWav(sound));
    }
    const shown = await this.screenshot();
    if (shown === undefined) return;
    writeFileSync(`${base}.png`, shown);
    writeFileSync(`${base}.paths.json`, JSON.stringify(await this.page.evaluate(paths, null), null, 1));
  }
}

// What follows runs in the page, and is whole in itself.
/** What was negotiated, the ways back, and what the browser says of each connection and its paths. */
async function paths() {
  const { negotiated, ways, peerConnections } = globalThis as unknown as {
    negotiated: Negotiated;
    ways: WayBack[];
    peerConnections: RTCPeerConnection[];
  };
  const connections = peerConnections.map(async (connection) => {
    const { connectionState, iceConnectionState, signalingState } = connection;
    const stats = [...(await connection.getStats()).values()];
    const told = stats.filter(({ type }) => /transport|candidate/.test(type));
    return { connectionState, iceConnectionState, signalingState, told };
  });
  return { negotiated, ways, connections: await Promise.all(connections) };
}
