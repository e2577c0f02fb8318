/** A person at a Firefox. */
import type { ConsoleLine } from './browser.ts';
import { Firefox } from './firefox.ts';
import type { Reference } from './identify.ts';
import type { Link } from './server.ts';
import { Someone } from './someone.ts';
import { expectNow, until } from './until.ts';
import type { Pcm } from './wav.ts';

/** One person and their Firefox. */
export class FirefoxPerson extends Someone {
  private readonly voice: Pcm;
  private readonly exception: string | undefined;
  private browser: Firefox | undefined;

  constructor(link: Link, voice: Pcm, references: readonly Reference[], exception?: string) {
    super(link, references);
    this.voice = voice;
    this.exception = exception;
  }

  get page(): Firefox {
    if (this.browser === undefined) throw new Error(`${this.link.name} has no browser open`);
    return this.browser;
  }

  get console(): readonly ConsoleLine[] {
    return this.browser?.console ?? [];
  }

  async join(): Promise<void> {
    this.browser = await Firefox.start(this.voice, this.scripts, this.exception);
    await this.page.goto(this.link.url);
    await this.press('join');
    await this.isIn();
  }

  async close(): Promise<void> {
    await this.browser?.close();
    this.browser = undefined;
  }

  /** Presses what has a hook, once it is there and can be pressed. */
  async press(hook: string): Promise<void> {
    await until(`${hook} can be pressed`, async () => {
      const pressed = await this.page.evaluate((of) => {
        const button = document.querySelector<HTMLButtonElement>(`[data-testid="${of}"]`);
        if (button === null || button.disabled) return false;
        button.click();
        return true;
      }, hook);
      expectNow(pressed, 'not yet');
    });
  }

  protected async screenshot(): Promise<Uint8Array | undefined> {
    return this.browser?.screenshot();
  }
}
