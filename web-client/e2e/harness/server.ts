/** The palabre binary, on ports and a data folder of its own. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort, freePorts } from './ports.ts';
import { ended, killTree, leftBehind, lives, type Process, processTree, stop } from './process.ts';
import { expectNow, until } from './until.ts';

/** The parts people play. */
export type Role = 'facilitator' | 'co_facilitator' | 'client' | 'consultant' | 'scribe' | 'observer';

/** A room to make. */
export interface RoomOrder {
  readonly template: string;
  readonly language?: 'fr' | 'en';
  /** How much faster than written its clocks run. */
  readonly speed?: number;
  /** What people call when their media cannot be had. */
  readonly telephone?: string;
  readonly people: readonly { readonly name: string; readonly role: Role; readonly expert?: boolean }[];
}

/** A person's way in. */
export interface Link {
  readonly name: string;
  readonly role: Role;
  readonly seat: number;
  readonly url: string;
}

/** What the server says of a room it made. */
export interface Room {
  readonly room: string;
  /** In the order of its people. */
  readonly links: readonly Link[];
}

/** A program of this repository: `variable`, or where cargo puts it. */
export function binary(name: string, variable: string): string {
  const target = process.env['CARGO_TARGET_DIR'] ?? join(import.meta.dirname, '../../../target');
  const path = process.env[variable] ?? join(resolve(target), 'debug', name);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it, or name it in ${variable}`);
  return path;
}

/** The operator's own listener is so far above the one for pages. */
const PRIVATE_ABOVE = 1_000;

/** How a server is set up. */
export interface ServerSetup {
  /** Seconds after which it ends by itself: nothing outlives a run that was itself killed. */
  readonly exitAfter?: number;
  /** The address of its media: loopback, which Firefox does not reach, if none is given. */
  readonly mediaAddress?: string;
  /** More flags. */
  readonly args?: readonly string[] | undefined;
}

/** A server that can be killed and started again as the same one. */
export class Server {
  readonly httpPort: number;
  readonly mediaPort: number;
  private readonly data = mkdtempSync(join(tmpdir(), 'palabre-data-'));
  private readonly logFile = `${this.data}.log`;
  private readonly setup: ServerSetup;
  private child: Process | undefined;

  private constructor(httpPort: number, mediaPort: number, setup: ServerSetup) {
    this.httpPort = httpPort;
    this.mediaPort = mediaPort;
    this.setup = setup;
  }

  /** Starts one on free ports. */
  static async start(setup: ServerSetup = {}): Promise<Server> {
    // The media of a server that takes over are one port further.
    const [http, [media]] = [await freePort(), await freePorts(2)];
    const server = new Server(http, media, setup);
    try {
      await server.launch();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Where it is reached. */
  get origin(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  /** What it logged so far, over all its lives. */
  get log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** The files of its data, its log included, in which some bytes can be read as `text`. */
  filesWith(text: string): string[] {
    const files = readdirSync(this.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return [...files, this.logFile].filter((file) => existsSync(file) && readFileSync(file).includes(text));
  }

  /** Its process. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('the server is not running');
    return this.child.pid;
  }

  /** Whether its process lives. */
  get running(): boolean {
    return this.child !== undefined && lives(this.child);
  }

  /** Ends it with SIGKILL. */
  async kill(): Promise<void> {
    if (this.child !== undefined) await killTree(this.child);
  }

  /** Starts it, or starts it again on the same ports and data. */
  async launch(): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const media = `${this.setup.mediaAddress ?? '127.0.0.1'}:${this.mediaPort}`;
    const child = spawn(
      binary('palabre', 'PALABRE_BIN'),
      [
        'serve',
        ...['--http', `127.0.0.1:${this.httpPort}`],
        ...['--media', media],
        ...['--data', this.data],
        ...['--exit-after', String(this.setup.exitAfter ?? 600)],
        ...['--shards', '1'],
        '--no-demo',
        ...(this.setup.args ?? []),
      ],
      { stdio: ['ignore', log, log], env: { ...process.env, RUST_BACKTRACE: '1' } },
    );
    closeSync(log);
    this.child = child;
    await until(
      'the server is ready',
      async () => {
        expectNow(child.exitCode === null, `it ended with ${child.exitCode}:\n${this.log}`);
        const answer = await fetch(`${this.origin}/readyz`);
        expectNow(answer.ok, `it answers ${answer.status}`);
      },
      { everyMs: 50 },
    );
  }

  /**
   * Has a new process take over from this one, as an upgrade does, with no room waiting for a better moment.
   * It is over when the process before has ended by itself: the code it ended with.
   */
  async upgrade(): Promise<number | null> {
    const before = this.child;
    const answer = await fetch(`http://127.0.0.1:${this.httpPort + PRIVATE_ABOVE}/drain`, {
      method: 'POST',
      body: JSON.stringify({ within_seconds: 0 }),
    });
    if (before === undefined || answer.status !== 202)
      throw new Error(`no upgrade: ${answer.status} ${await answer.text()}`);
    const [, successor] = processTree(this.pid);
    if (successor === undefined) throw new Error('nobody takes over');
    await ended(before);
    this.child = leftBehind(successor);
    return before.exitCode;
  }

  /** The value of a metric, by its name and labels as they are written; nothing when it was never counted. */
  async metric(name: string): Promise<number | undefined> {
    const answer = await fetch(`http://127.0.0.1:${this.httpPort + PRIVATE_ABOVE}/metrics`);
    const line = (await answer.text()).split('\n').find((line) => line.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** Makes a room. */
  async makeRoom(order: RoomOrder): Promise<Room> {
    const answer = await fetch(`${this.origin}/api/rooms`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ language: 'fr', ...order }),
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`no room: ${answer.status} ${text}`);
    return JSON.parse(text) as Room;
  }

  /** Stops it and forgets its data. */
  async close(): Promise<void> {
    if (this.child !== undefined) await stop(this.child);
    rmSync(this.data, { recursive: true, force: true });
    rmSync(this.logFile, { force: true });
  }
}
