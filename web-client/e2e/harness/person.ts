/** A person at their browser: what they do, see and hear, through the page's lasting hooks alone. */
import { writeFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { Browser, type BrowserSetup, type ConsoleLine } from './browser.ts';
import { hearsExactly } from './hearing.ts';
import { type Heard, identify, type Reference } from './identify.ts';
import { listen, type TilePicture, type TileSound, watch } from './listen.ts';
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
export const COUNT_NEGOTIATIONS = `{
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
export const NOTE_WAYS = `{
  const ways = (globalThis.ways = []);
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (given) {
    if (typeof given === 'string' && given.includes('"recovered"')) ways.push(JSON.parse(given));
    return send.call(this, given);
  };
}\n`;

/** One person and the browser they use at the moment. */
export class Person {
  readonly link: Link;
  private readonly setup: BrowserSetup;
  private readonly references: readonly Reference[];
  private readonly earlier: ConsoleLine[] = [];
  private browser: Browser | undefined;
  private lastHeard: readonly TileSound[] = [];
  /** Runs in each of their pages before anything else. */
  initScript = '';

  constructor(link: Link, setup: BrowserSetup, references: readonly Reference[]) {
    this.link = link;
    this.setup = setup;
    this.references = references;
  }

  /** The page that is open. */
  get page(): Page {
    if (this.browser === undefined) throw new Error(`${this.link.name} has no browser open`);
    return this.browser.page;
  }

  /** What was written to the console of all their pages. */
  get console(): readonly ConsoleLine[] {
    return [...this.earlier, ...(this.browser?.console ?? [])];
  }

  /** Opens a browser and the link in it, and joins. */
  async join(): Promise<void> {
    await this.openLink();
    await this.enter();
  }

  /** Opens a browser and the link in it. */
  async openLink(): Promise<void> {
    this.browser = await Browser.start(this.setup);
    await this.page.addInitScript(COUNT_NEGOTIATIONS + NOTE_WAYS + this.initScript);
    await this.page.goto(this.link.url);
  }

  /** Joins from the page that a link opens, and waits until they are in. */
  async enter(): Promise<void> {
    await this.on('join').click({ timeout: 20_000 });
    await this.isIn();
  }

  /** Opens the link again after a loss; says whether the page came back with no click. */
  async comeBack(): Promise<'by itself' | 'asked'> {
    await this.openLink();
    const join = this.on('join');
    const way = await until(`${this.link.name} comes back or is asked`, async () => {
      if (await join.isVisible()) return 'asked' as const;
      expectNow(await this.on('connection-state').isVisible(), 'neither yet');
      return 'by itself' as const;
    });
    if (way === 'asked') await join.click({ timeout: 20_000 });
    await this.isIn();
    return way;
  }

  /** Waits until the page shows the room and says that it is connected. */
  async isIn(seconds = 30): Promise<void> {
    await until(
      `${this.link.name} is in the room`,
      async () => {
        const state = await this.connection();
        expectNow(state === 'connected', `the connection is ${state}`);
        expectNow((await this.tiles().count()) > 0, 'no tile is there');
      },
      { seconds },
    );
  }

  /** Kills their browser as a crash does. */
  async kill(): Promise<void> {
    this.remember();
    await this.browser?.kill();
    this.browser = undefined;
  }

  /** Closes their browser. */
  async close(): Promise<void> {
    this.remember();
    await this.browser?.close();
    this.browser = undefined;
  }

  /** The element with a test hook. */
  on(hook: string): Locator {
    return this.page.getByTestId(hook);
  }

  /** Everybody's tiles. */
  tiles(): Locator {
    return this.page.locator('[data-testid^="tile-"]');
  }

  /** The state of the connection, as the page's hook names it. */
  async connection(): Promise<string> {
    return (await this.on('connection-state').getAttribute('data-state', { timeout: 1_000 })) ?? 'unnamed';
  }

  /** The phase's name on the screen. */
  async phase(): Promise<string> {
    return (await this.on('phase-name').innerText({ timeout: 2_000 })).trim();
  }

  /** The seat that holds the floor by the page, if one does. */
  async holder(): Promise<number | undefined> {
    const holder = this.on('turn-holder');
    if ((await holder.count()) === 0) return undefined;
    const seat = await holder.first().getAttribute('data-seat', { timeout: 2_000 });
    return seat === null || seat === '' ? undefined : Number(seat);
  }

  /** As the facilitator: has a seat hold the floor, which may be its turn already. */
  async give(seat: number): Promise<void> {
    await until(
      `seat ${seat} has the floor`,
      async () => {
        if ((await this.holder()) === seat) return;
        await this.on(`grant-${seat}`).click({ timeout: 2_000 });
        await until('it has', async () => expectNow((await this.holder()) === seat, 'not yet'), {
          seconds: 3,
        });
      },
      { seconds: 20 },
    );
  }

  /** Seconds on a clock, `phase-clock` or `turn-clock`. */
  async clock(hook: 'phase-clock' | 'turn-clock'): Promise<number> {
    const seconds = await this.on(hook).first().getAttribute('data-seconds', { timeout: 2_000 });
    expectNow(seconds !== null, `${hook} carries no seconds`);
    return Number(seconds);
  }

  /** The seats in a list of the panel, in its order. */
  queue(hook: 'hands' | 'upcoming'): Promise<number[]> {
    return this.on(hook)
      .locator('[data-seat]')
      .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-seat'))));
  }

  /** Whether a switch of theirs (`mic`, `camera`, `hand`) is on. */
  async isOn(hook: string): Promise<boolean> {
    return (await this.on(hook).getAttribute('aria-pressed', { timeout: 2_000 })) === 'true';
  }

  /** What comes out of each other seat's tile. */
  async hears(seconds = LISTEN_SECONDS): Promise<Map<number, Heard>> {
    const tiles = await listen(this.page, seconds);
    this.lastHeard = tiles;
    return new Map(
      tiles
        .filter(({ seat }) => seat !== this.link.seat)
        .map(({ seat, sound }) => [seat, identify(sound, this.references)]),
    );
  }

  /** Waits until exactly `seats` are heard, each by their own voice, and the others are silent. */
  hearsExactly(seats: readonly number[], seconds?: number): Promise<void> {
    return hearsExactly(this, seats, seconds);
  }

  /** What each other seat's tile shows. */
  async sees(seconds = 1.5): Promise<TilePicture[]> {
    return (await watch(this.page, seconds)).filter(({ seat }) => seat !== this.link.seat);
  }

  /** How many lines of chat read exactly `text`. */
  lines(text: string): Promise<number> {
    return this.on('chat-lines').locator('li p').getByText(text, { exact: true }).count();
  }

  /** What was negotiated so far: the same later on means that the same transport goes on. */
  negotiated(): Promise<Negotiated> {
    return this.page.evaluate(() => (globalThis as unknown as { negotiated: Negotiated }).negotiated);
  }

  /** The ways back that the page has told the server of since it was loaded. */
  ways(): Promise<WayBack[]> {
    return this.page.evaluate(() => [...(globalThis as unknown as { ways: WayBack[] }).ways]);
  }

  /** What carries their media, by the page's hook. */
  async carrier(): Promise<string> {
    return (await this.on('connection-state').getAttribute('data-carrier', { timeout: 1_000 })) ?? 'unnamed';
  }

  /** Begins to note to whom the floor passes; what is given back reads the list so far, each change once. */
  async noteHolders(): Promise<() => Promise<number[]>> {
    await this.page.evaluate(() => {
      const noted: number[] = [];
      const holder = () =>
        document.querySelector('[data-testid="turn-holder"]')?.getAttribute('data-seat') ?? '';
      let last = holder();
      const look = () => {
        const now = holder();
        if (now !== '' && now !== last) noted.push(Number(now));
        last = now;
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
      (globalThis as unknown as { noted: number[] }).noted = noted;
    });
    return () => this.page.evaluate(() => [...(globalThis as unknown as { noted: number[] }).noted]);
  }

  /** Saves what they last heard and what their page shows now, for a failure. */
  async snapshot(base: string): Promise<void> {
    for (const { seat, sound } of this.lastHeard) {
      if (rms(sound.samples) > 0) writeFileSync(`${base}-hears-${seat}.wav`, writeWav(sound));
    }
    if (this.browser === undefined) return;
    await this.page.screenshot({ path: `${base}.png`, timeout: 5_000 });
  }

  private remember(): void {
    this.earlier.push(...(this.browser?.console ?? []));
  }
}
