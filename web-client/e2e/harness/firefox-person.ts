/** A person at a Firefox: what the proofs in it do, see and hear, through the page's hooks. */
import { writeFileSync } from 'node:fs';
import type { ConsoleLine } from './browser.ts';
import { Firefox } from './firefox.ts';
import { hearsExactly } from './hearing.ts';
import { type Heard, identify, type Reference } from './identify.ts';
import { listen } from './listen.ts';
import { COUNT_NEGOTIATIONS, LISTEN_SECONDS, type Negotiated, NOTE_WAYS, type WayBack } from './person.ts';
import type { Link } from './server.ts';
import { expectNow, until } from './until.ts';
import type { Pcm } from './wav.ts';

/** One person and their Firefox. */
export class FirefoxPerson {
  readonly link: Link;
  private readonly voice: Pcm;
  private readonly references: readonly Reference[];
  private browser: Firefox | undefined;
  /** Runs in the page before anything else. */
  initScript = '';

  constructor(link: Link, voice: Pcm, references: readonly Reference[]) {
    this.link = link;
    this.voice = voice;
    this.references = references;
  }

  /** The page that is open. */
  get page(): Firefox {
    if (this.browser === undefined) throw new Error(`${this.link.name} has no browser open`);
    return this.browser;
  }

  /** What was written to their console. */
  get console(): readonly ConsoleLine[] {
    return this.browser?.console ?? [];
  }

  /** Opens a browser and the link in it, and joins. */
  async join(): Promise<void> {
    this.browser = await Firefox.start(this.voice, COUNT_NEGOTIATIONS + NOTE_WAYS + this.initScript);
    await this.page.goto(this.link.url);
    await until('the page lets one join', () => this.click('join'));
    await this.isIn();
  }

  /** Closes it. */
  async close(): Promise<void> {
    await this.browser?.close();
    this.browser = undefined;
  }

  /** Presses what has a hook; fails while it is not there or cannot be pressed. */
  async click(hook: string): Promise<void> {
    const pressed = await this.page.evaluate((of) => {
      const button = document.querySelector<HTMLButtonElement>(`[data-testid="${of}"]`);
      if (button === null || button.disabled) return false;
      button.click();
      return true;
    }, hook);
    expectNow(pressed, `${hook} cannot be pressed`);
  }

  /** An attribute of what has a hook. */
  attribute(hook: string, name: string): Promise<string> {
    return this.page.evaluate(
      ([of, its]) => document.querySelector(`[data-testid="${of}"]`)?.getAttribute(its) ?? '',
      [hook, name] as const,
    );
  }

  /** The state of the connection, as the page's hook names it. */
  connection(): Promise<string> {
    return this.attribute('connection-state', 'data-state');
  }

  /** What carries their media, by the page's hook. */
  carrier(): Promise<string> {
    return this.attribute('connection-state', 'data-carrier');
  }

  /** Waits until the page says that it is connected. */
  async isIn(seconds = 30): Promise<void> {
    await until(
      `${this.link.name} is in the room`,
      async () => {
        const state = await this.connection();
        expectNow(state === 'connected', `the connection is ${state}`);
      },
      { seconds },
    );
  }

  /** What comes out of each other seat's tile. */
  async hears(seconds = LISTEN_SECONDS): Promise<Map<number, Heard>> {
    const tiles = (await listen(this.page, seconds)).filter(({ seat }) => seat !== this.link.seat);
    return new Map(tiles.map(({ seat, sound }) => [seat, identify(sound, this.references)]));
  }

  /** Waits until exactly `seats` are heard, each by their own voice, and the others are silent. */
  hearsExactly(seats: readonly number[], seconds?: number): Promise<void> {
    return hearsExactly(this, seats, seconds);
  }

  /** What was negotiated so far. */
  negotiated(): Promise<Negotiated> {
    return this.page.evaluate(() => (globalThis as unknown as { negotiated: Negotiated }).negotiated, null);
  }

  /** The ways back that the page has told the server of. */
  ways(): Promise<WayBack[]> {
    return this.page.evaluate(() => (globalThis as unknown as { ways: WayBack[] }).ways, null);
  }

  /** Saves what their page shows now, for a failure. */
  async snapshot(base: string): Promise<void> {
    if (this.browser !== undefined) writeFileSync(`${base}.png`, await this.browser.screenshot());
  }
}
