/** A sound card that nobody hears: without one Firefox runs no Web Audio, where Chromium makes do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killTree } from './process.ts';
import { expectNow, until } from './until.ts';

/** A sound server (PulseAudio) of our own, with a sink that leads nowhere. */
export class Soundcard {
  private readonly child: ChildProcess;
  private readonly folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.child = child;
    this.folder = folder;
  }

  /** Starts one. */
  static async start(): Promise<Soundcard> {
    const folder = mkdtempSync(join(tmpdir(), 'palabre-sound-'));
    const socket = join(folder, 'socket');
    const child = spawn(
      'pulseaudio',
      [
        ...['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disallow-exit'],
        '--load=module-null-sink rate=48000',
        `--load=module-native-protocol-unix socket=${socket} auth-anonymous=1`,
      ],
      { stdio: 'ignore', env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder } },
    );
    const card = new Soundcard(child, folder);
    try {
      await until('the sound server listens', () => {
        expectNow(child.exitCode === null, `it ended with ${child.exitCode}`);
        expectNow(existsSync(socket), 'not yet');
      });
    } catch (error) {
      await card.close();
      throw error;
    }
    return card;
  }

  /** What a program is told of it. */
  get env(): Readonly<Record<string, string>> {
    return { PULSE_SERVER: `unix:${join(this.folder, 'socket')}` };
  }

  /** Ends it. */
  async close(): Promise<void> {
    await killTree(this.child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
