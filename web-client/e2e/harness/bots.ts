/** The load test's bots: people without a browser, driven line by line (`loadtest/README.md`). */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ended, stop } from './process.ts';
import { binary, type Room } from './server.ts';
import { expectNow, pause, until } from './until.ts';

/** What a bot found so far, as far as the proofs ask. */
export interface Report {
  readonly seat: number;
  readonly online: boolean;
  readonly connected: boolean;
  readonly stage: string | null;
  readonly holder: number | null;
  /** Who holds the chair. */
  readonly chair: number | null;
  readonly hands: readonly number[];
  readonly may_speak: readonly number[];
  readonly sent: number;
  readonly received: number;
  readonly leaks: Readonly<Record<string, number>>;
  readonly slots: readonly {
    readonly seat: number | null;
    readonly kind: 'audio' | 'video' | 'screen';
    readonly received: number;
    readonly frames?: number;
    readonly heard?: { readonly what: string; readonly seat?: number };
  }[];
  readonly troubles: readonly string[];
}

type Line = Readonly<Record<string, unknown>> & { readonly event: string; readonly seat?: number };

const READY_SECONDS = 40;
const ANSWER_SECONDS = 15;
const ATTACK_SECONDS = 40;

/** Some bots in one process. */
export class Bots {
  readonly seats: readonly number[];
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly lines: Line[] = [];
  private written = '';

  private constructor(child: ChildProcess, folder: string, seats: readonly number[]) {
    this.child = child;
    this.folder = folder;
    this.seats = seats;
    child.stderr?.on('data', (text: Buffer) => (this.written += text.toString()));
    // A bot process that ends is noticed by what waits for its lines.
    child.stdin?.on('error', () => undefined);
    if (child.stdout === null) throw new Error('bots without output');
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if (line.event !== 'report') this.written += `< ${text}\n`;
      this.lines.push(line);
    });
  }

  /** Starts a bot in each seat, and waits until all are in with their media. */
  static async start(room: Room, seats: readonly number[], more: readonly string[] = []): Promise<Bots> {
    const folder = mkdtempSync(join(tmpdir(), 'palabre-bots-'));
    const file = join(folder, 'room.json');
    writeFileSync(file, JSON.stringify(room));
    const child = spawn(
      binary('palabre-loadtest', 'PALABRE_LOADTEST_BIN'),
      ['bots', '--links', file, '--seats', seats.join(','), '--control', ...more],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    const bots = new Bots(child, folder, seats);
    try {
      for (const seat of seats) {
        await bots.line(0, `bot ${seat} to be connected`, READY_SECONDS, (line) => {
          return line.seat === seat && line.event === 'connected';
        });
      }
    } catch (error) {
      await bots.close();
      throw error;
    }
    return bots;
  }

  /** What they wrote, and what was written to them. */
  get log(): string {
    return this.written;
  }

  /** Tells a bot, or all, to do something of the bots' own. */
  tell(line: object): void {
    this.written += `> ${JSON.stringify(line)}\n`;
    this.child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  /** Has a bot ask the room for something, which the room must grant. */
  async command(
    seat: number,
    command: { readonly do: string; readonly [field: string]: unknown },
  ): Promise<void> {
    const from = this.lines.length;
    const { seat: to, ...rest } = command;
    this.tell({ ...rest, seat, ...(to === undefined ? {} : { to }) });
    const answer = await this.line(
      from,
      `an answer to ${command.do} of bot ${seat}`,
      ANSWER_SECONDS,
      (line) => {
        return (
          line.event === 'error' ||
          (line.seat === seat && line.event === 'answer' && line['command'] === command.do)
        );
      },
    );
    if (answer['result'] !== 'done') throw new Error(`bot ${seat}, ${command.do}: ${JSON.stringify(answer)}`);
  }

  /** Has a hostile bot attack, waits until it is over, and gives how much was sent so far that nobody may receive. */
  async attack(seat: number, how: string): Promise<number> {
    const from = this.lines.length;
    this.tell({ seat, do: 'attack', how });
    const over = await this.line(from, `the end of ${how}`, ATTACK_SECONDS, (line) => {
      return (
        line.event === 'error' || (line.seat === seat && line.event === 'attacked' && line['how'] === how)
      );
    });
    const findings = over['findings'];
    if (!Array.isArray(findings) || findings.length > 0) throw new Error(`${how}: ${JSON.stringify(over)}`);
    return Number(over['forbidden_sent']);
  }

  /** What a bot found so far. */
  async report(seat: number): Promise<Report> {
    const from = this.lines.length;
    this.child.stdin?.write(`${JSON.stringify({ seat, do: 'report' })}\n`);
    const line = await this.line(from, `a report of bot ${seat}`, ANSWER_SECONDS, (one) => {
      return one.seat === seat && one.event === 'report';
    });
    return line as unknown as Report;
  }

  /** The packets that reached a bot and should not have, by what gave them away. */
  async leaks(): Promise<Record<string, number>> {
    const sum: Record<string, number> = {};
    for (const seat of this.seats) {
      for (const [kind, count] of Object.entries((await this.report(seat)).leaks)) {
        sum[kind] = (sum[kind] ?? 0) + count;
      }
    }
    return sum;
  }

  /** Waits until a bot hears exactly `seats`, each by their own voice. */
  async hearsExactly(seat: number, seats: readonly number[], seconds = 25): Promise<void> {
    const wanted = seats.filter((other) => other !== seat);
    await until(
      `bot ${seat} hears exactly ${wanted.join(', ') || 'nobody'}`,
      async () => {
        const { slots } = await this.report(seat);
        const sounds = slots.filter(({ kind }) => kind === 'audio');
        const wrong = wanted
          .filter(
            (other) =>
              !sounds.some(
                ({ seat: of, heard }) => of === other && heard?.what === 'voice' && heard.seat === other,
              ),
          )
          .map((other) => `${other}: ${JSON.stringify(sounds.find(({ seat: of }) => of === other)?.heard)}`);
        for (const { seat: of, heard } of sounds) {
          const quiet = heard === undefined || heard.what === 'nothing' || heard.what === 'silence';
          if (of !== null && !wanted.includes(of) && !quiet) wrong.push(`${of}: ${JSON.stringify(heard)}`);
        }
        expectNow(wrong.length === 0, wrong.join('; '));
      },
      { seconds, everyMs: 300 },
    );
  }

  /** Ends them: they leave the room. */
  async close(): Promise<void> {
    this.child.stdin?.end();
    await Promise.race([ended(this.child), pause(2_000)]);
    await stop(this.child);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The first line from the `from`th on that is `wanted`. */
  private line(from: number, what: string, seconds: number, wanted: (line: Line) => boolean): Promise<Line> {
    return until(
      what,
      () => {
        const found = this.lines.slice(from).find(wanted);
        if (found !== undefined) return found;
        const over = this.child.exitCode ?? this.child.signalCode;
        expectNow(over === null, `the bots ended (${over})`);
        throw new Error(this.written.slice(-1_000));
      },
      { seconds, everyMs: 20 },
    );
  }
}
