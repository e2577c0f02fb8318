/** A person at their Chromium: what they do, see and hear, through the page's lasting hooks alone. */
import type { Locator, Page } from 'playwright-core';
import { Browser, type BrowserSetup, type ConsoleLine } from './browser.ts';
import type { Reference } from './identify.ts';
import { type TilePicture, watch } from './listen.ts';
import type { Link } from './server.ts';
import { Someone } from './someone.ts';
import { expectNow, until } from './until.ts';

/** One person and the browser they use at the moment. */
export class Person extends Someone {
  private readonly setup: BrowserSetup;
  private readonly earlier: ConsoleLine[] = [];
  private browser: Browser | undefined;

  constructor(link: Link, setup: BrowserSetup, references: readonly Reference[]) {
    super(link, references);
    this.setup = setup;
  }

  get page(): Page {
    if (this.browser === undefined) throw new Error(`${this.link.name} has no browser open`);
    return this.browser.page;
  }

  get console(): readonly ConsoleLine[] {
    return [...this.earlier, ...(this.browser?.console ?? [])];
  }

  async join(): Promise<void> {
    await this.openLink();
    await this.enter();
  }

  /** Opens a browser and the link in it. */
  async openLink(): Promise<void> {
    this.browser = await Browser.start(this.setup);
    await this.page.addInitScript(this.scripts);
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

  /** Kills their browser as a crash does. */
  async kill(): Promise<void> {
    this.remember();
    await this.browser?.kill();
    this.browser = undefined;
  }

  /** Their machine falls asleep. */
  fallAsleep(): void {
    this.browser?.freeze();
  }

  /** It wakes up. */
  wake(): void {
    this.browser?.thaw();
  }

  async close(): Promise<void> {
    this.browser?.thaw();
    this.remember();
    await this.browser?.close();
    this.browser = undefined;
  }

  async press(hook: string): Promise<void> {
    await this.on(hook).click();
  }

  /** The element with a test hook. */
  on(hook: string): Locator {
    return this.page.getByTestId(hook);
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

  /** What each other seat's tile shows. */
  async sees(seconds = 1.5): Promise<TilePicture[]> {
    return (await watch(this.page, seconds)).filter(({ seat }) => seat !== this.link.seat);
  }

  /** How many lines of chat read exactly `text`. */
  lines(text: string): Promise<number> {
    return this.on('chat-lines').locator('li p').getByText(text, { exact: true }).count();
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

  protected async screenshot(): Promise<Uint8Array | undefined> {
    return this.browser?.page.screenshot({ timeout: 5_000 });
  }

  private remember(): void {
    this.earlier.push(...(this.browser?.console ?? []));
  }
}
