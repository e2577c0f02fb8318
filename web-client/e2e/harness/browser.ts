/**
 * A browser of its own for each person: own processes, own profile, own microphone and camera. It
 * is started by us rather than by the driver, so that it can be killed like a real one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser as Driver, chromium, type Page } from 'playwright-core';
import { killTree, signalTree, stop } from './process.ts';
import { expectNow, until } from './until.ts';

/** How a browser is set up. */
export interface BrowserSetup {
  /** The WAV file that its microphone plays in a loop. */
  readonly microphone?: string;
  /** The y4m file that its camera plays in a loop. */
  readonly camera?: string;
  /** Its profile; a fresh one, deleted at the end, without it. */
  readonly profile?: string;
  readonly language?: 'fr' | 'en';
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
  /** A certificate's key that it trusts although no authority signed it: base64 of SHA-256. */
  readonly trust?: string | undefined;
}

/** A line of the page's console, or an error that nothing caught. */
export interface ConsoleLine {
  readonly kind: 'log' | 'warning' | 'error' | 'uncaught';
  readonly text: string;
}

interface Profile {
  readonly path: string;
  /** Ours to delete at the end. */
  readonly temporary: boolean;
}

const EXECUTABLE = process.env.PALABRE_CHROMIUM ?? '/usr/bin/chromium';

/** A running browser with one page. */
export class Browser {
  readonly console: ConsoleLine[] = [];
  private alive = true;

  readonly page: Page;
  private readonly child: ChildProcess;
  private readonly driver: Driver;
  private readonly profile: Profile;

  private constructor(child: ChildProcess, driver: Driver, page: Page, profile: Profile) {
    this.child = child;
    this.driver = driver;
    this.page = page;
    this.profile = profile;
    page.on('console', (message) => {
      const type = message.type();
      const kind = type === 'error' || type === 'warning' ? type : 'log';
      this.console.push({ kind, text: `${message.text()} (${message.location().url})` });
    });
    page.on('pageerror', (error) =>
      this.console.push({ kind: 'uncaught', text: error.stack ?? error.message }),
    );
    page.on('crash', () => this.console.push({ kind: 'uncaught', text: 'the page crashed' }));
  }

  /** Starts a browser with an empty page. */
  static async start(setup: BrowserSetup = {}): Promise<Browser> {
    const temporary = setup.profile === undefined;
    const profile = setup.profile ?? mkdtempSync(join(tmpdir(), 'palabre-browser-'));
    const { language = 'fr', width = 1_280, height = 800 } = setup;
    const portFile = join(profile, 'DevToolsActivePort');
    // A killed browser leaves its own behind.
    rmSync(portFile, { force: true });
    for (const lock of ['SingletonLock', 'SingletonCookie', 'SingletonSocket'])
      rmSync(join(profile, lock), { force: true });
    const child = spawn(
      EXECUTABLE,
      [
        '--headless=new',
        '--no-sandbox',
        '--no-first-run',
        '--disable-gpu',
        '--disable-extensions',
        '--disable-breakpad',
        '--disable-component-update',
        '--disable-background-networking',
        '--disable-features=Translate,MediaRouter,OptimizationHints',
        '--password-store=basic',
        '--hide-crash-restore-bubble',
        // Several windows share one screen here; none of them is to be slowed for being covered.
        '--disable-background-timer-throttling',
        '--disable-backgrounding-occluded-windows',
        '--disable-renderer-backgrounding',
        '--use-fake-ui-for-media-stream',
        setup.camera === undefined
          ? '--use-fake-device-for-media-stream=fps=15'
          : '--use-fake-device-for-media-stream',
        ...(setup.camera === undefined ? [] : [`--use-file-for-fake-video-capture=${setup.camera}`]),
        ...(setup.microphone === undefined ? [] : [`--use-file-for-fake-audio-capture=${setup.microphone}`]),
        '--auto-select-desktop-capture-source=Entire screen',
        '--allow-loopback-in-peer-connection',
        ...(setup.trust === undefined ? [] : [`--ignore-certificate-errors-spki-list=${setup.trust}`]),
        `--lang=${language}`,
        `--accept-lang=${language}`,
        `--window-size=${width},${height}`,
        `--user-data-dir=${profile}`,
        '--remote-debugging-port=0',
        'about:blank',
      ],
      {
        stdio: 'ignore',
        env: {
          ...process.env,
          LANGUAGE: language,
          LANG: `${language}_${language === 'fr' ? 'FR' : 'GB'}.UTF-8`,
        },
      },
    );
    try {
      const endpoint = await until(
        'the browser listens',
        () => {
          expectNow(child.exitCode === null, `the browser ended with ${child.exitCode}`);
          expectNow(existsSync(portFile), 'no port yet');
          const [port, path] = readFileSync(portFile, 'utf8').trim().split('\n');
          expectNow(port !== undefined && path !== undefined, 'no path yet');
          return `ws://127.0.0.1:${port}${path}`;
        },
        { seconds: 40, everyMs: 50 },
      );
      const driver = await chromium.connectOverCDP(endpoint);
      const [context] = driver.contexts();
      if (context === undefined) throw new Error('a browser without a default context');
      const page = context.pages()[0] ?? (await context.newPage());
      await page.setViewportSize({ width, height });
      if (setup.scheme !== undefined) await page.emulateMedia({ colorScheme: setup.scheme });
      return new Browser(child, driver, page, { path: profile, temporary });
    } catch (error) {
      await killTree(child);
      if (temporary) rmSync(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends it as a crash or a dead battery does: nothing of it can say goodbye. */
  async kill(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    await killTree(this.child);
    await this.driver.close().catch(() => undefined);
    this.forgetProfile();
  }

  /** Stops all of it where it is, as a machine that falls asleep does. */
  freeze(): void {
    signalTree(this.child, 'SIGSTOP');
  }

  /** Lets it go on. */
  thaw(): void {
    signalTree(this.child, 'SIGCONT');
  }

  /** Closes it. */
  async close(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    await this.driver.close().catch(() => undefined);
    await stop(this.child);
    this.forgetProfile();
  }

  /** The process that everything of the browser descends from. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error('a browser without a process');
    return this.child.pid;
  }

  /** What should not be in its console. */
  errors(): ConsoleLine[] {
    return this.console.filter(({ kind }) => kind === 'error' || kind === 'uncaught');
  }

  private forgetProfile(): void {
    if (this.profile.temporary)
      rmSync(this.profile.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}
