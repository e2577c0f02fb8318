/**
 * A Firefox of its own for a person, driven by WebDriver BiDi: as much of it as the proofs need. Its
 * microphone says what it is given, for Firefox's own false one only hums.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import type { ConsoleLine } from './browser.ts';
import { killTree, stop } from './process.ts';
import { Soundcard } from './soundcard.ts';
import { expectNow, until } from './until.ts';
import { type Pcm, resample } from './wav.ts';

const EXECUTABLE = process.env['PALABRE_FIREFOX'] ?? '/usr/bin/firefox-esr';

const PREFERENCES: Readonly<Record<string, boolean | number | string>> = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'intl.accept_languages': 'fr',
  'remote.active-protocols': 1,
  'datareporting.policy.dataSubmissionEnabled': false,
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.aboutwelcome.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
};
/** Without it no TURN server on this machine is asked; a path to loopback it makes nowhere. */
const RELAYED = { 'media.peerconnection.ice.loopback': true };
/** A second is in so many samples of what its microphone says: enough for speech. */
const VOICE_RATE = 16_000;
const ANSWER_SECONDS = 30;

/** What BiDi answers, or tells. */
interface Message {
  readonly id?: number;
  readonly type: string;
  readonly method?: string;
  readonly result?: unknown;
  readonly params?: {
    readonly level?: string;
    readonly type?: string;
    readonly text?: string;
    readonly stackTrace?: {
      readonly callFrames: readonly {
        readonly functionName: string;
        readonly url: string;
        readonly lineNumber: number;
      }[];
    };
  };
}

/** A running Firefox with one page. */
export class Firefox {
  readonly console: ConsoleLine[] = [];
  private readonly child: ChildProcess;
  private readonly sound: Soundcard;
  private readonly profile: string;
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private context = '';
  private last = 0;

  private constructor(child: ChildProcess, sound: Soundcard, profile: string, socket: WebSocket) {
    this.child = child;
    this.sound = sound;
    this.profile = profile;
    this.socket = socket;
    socket.on('message', (data) => this.take(JSON.parse(String(data)) as Message));
  }

  /**
   * Starts one with an empty page; `script` runs in each page before anything else. With an `exception` it
   * trusts a certificate that no authority signed: a line as Firefox keeps those that a person makes.
   */
  static async start(microphone: Pcm, script: string, exception?: string): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'palabre-firefox-'));
    const preferences = exception === undefined ? PREFERENCES : { ...PREFERENCES, ...RELAYED };
    const lines = Object.entries(preferences).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    if (exception !== undefined) writeFileSync(join(profile, 'cert_override.txt'), exception);
    const args = [
      '--headless',
      '--no-remote',
      '--profile',
      profile,
      '--remote-debugging-port=0',
      'about:blank',
    ];
    const sound = await Soundcard.start();
    const child = spawn(EXECUTABLE, args, { stdio: 'ignore', env: { ...process.env, ...sound.env } });
    try {
      const portFile = join(profile, 'WebDriverBiDiServer.json');
      const port = await until(
        'Firefox listens',
        () => {
          expectNow(child.exitCode === null, `it ended with ${child.exitCode}`);
          expectNow(existsSync(portFile), 'no port yet');
          return (JSON.parse(readFileSync(portFile, 'utf8')) as { ws_port: number }).ws_port;
        },
        { seconds: 40, everyMs: 50 },
      );
      const socket = new WebSocket(`ws://127.0.0.1:${port}/session`);
      await new Promise<void>((done, failed) => socket.once('open', done).once('error', failed));
      const firefox = new Firefox(child, sound, profile, socket);
      await firefox.call('session.new', { capabilities: {} });
      await firefox.call('session.subscribe', { events: ['log.entryAdded'] });
      const { contexts } = (await firefox.call('browsingContext.getTree', {})) as {
        contexts: { context: string }[];
      };
      firefox.context = contexts[0]?.context ?? '';
      const preload = `() => { (${speak.toString()})(${JSON.stringify(spoken(microphone))}); ${script} }`;
      await firefox.call('script.addPreloadScript', { functionDeclaration: preload });
      return firefox;
    } catch (error) {
      await killTree(child);
      await sound.close();
      rmSync(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /** Opens a page. */
  async goto(url: string): Promise<void> {
    await this.call('browsingContext.navigate', { context: this.context, url, wait: 'complete' });
  }

  /**
   * Runs a function that is whole in itself in the page, as if a person had just touched it: a browser plays
   * sound then. What goes in and comes out is JSON.
   */
  async evaluate<Given, Answer>(
    run: (given: Given) => Answer | Promise<Answer>,
    given: Given,
  ): Promise<Answer> {
    const answer = (await this.call('script.evaluate', {
      expression: `(async () => JSON.stringify((await (${run.toString()})(${JSON.stringify(given)})) ?? null))()`,
      target: { context: this.context },
      awaitPromise: true,
      userActivation: true,
    })) as { type: string; result?: { value: string }; exceptionDetails?: { text: string } };
    if (answer.result === undefined) throw new Error(answer.exceptionDetails?.text ?? answer.type);
    return JSON.parse(answer.result.value) as Answer;
  }

  /** A picture of the page, PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = (await this.call('browsingContext.captureScreenshot', { context: this.context })) as {
      data: string;
    };
    return Buffer.from(data, 'base64');
  }

  /** Closes it. */
  async close(): Promise<void> {
    this.socket.terminate();
    await stop(this.child);
    await this.sound.close();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  private call(method: string, params: object): Promise<unknown> {
    const id = ++this.last;
    return new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`no answer to ${method}`)), 1_000 * ANSWER_SECONDS);
      this.waiting.set(id, (message) => {
        clearTimeout(late);
        if (message.type === 'error') failed(new Error(`${method}: ${JSON.stringify(message)}`));
        else done(message.result);
      });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  private take({ id, params, ...message }: Message): void {
    if (id !== undefined) {
      this.waiting.get(id)?.({ id, ...message });
      this.waiting.delete(id);
    } else if (message.method === 'log.entryAdded') {
      // What Firefox says by itself comes as errors of scripts do: a proof names what it expects of both.
      const kind = params?.level === 'error' ? 'error' : params?.level === 'warn' ? 'warning' : 'log';
      const frames = params?.stackTrace?.callFrames ?? [];
      const at = frames.map(
        ({ functionName, url, lineNumber }) => ` at ${functionName} ${url}:${lineNumber}`,
      );
      this.console.push({ kind, text: `${params?.text}${at.join('')}` });
    }
  }
}

/** What is said, as base64 of 16-bit samples. */
function spoken(voice: Pcm): { rate: number; samples: string } {
  const words = Int16Array.from(resample(voice, VOICE_RATE).samples, (sample) => sample * 32_767);
  return { rate: VOICE_RATE, samples: Buffer.from(words.buffer).toString('base64') };
}

// What follows runs in the page, and is whole in itself.
function speak(given: { rate: number; samples: string }): void {
  const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  // No secure page, no microphone.
  if (ask === undefined) return;
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    for (const hum of stream.getAudioTracks()) {
      const context = new AudioContext();
      const bytes = Uint8Array.from(atob(given.samples), (letter) => letter.charCodeAt(0));
      const words = new Int16Array(bytes.buffer);
      const buffer = context.createBuffer(1, words.length, given.rate);
      buffer.copyToChannel(
        Float32Array.from(words, (word) => word / 32_768),
        0,
      );
      const loop = context.createBufferSource();
      loop.buffer = buffer;
      loop.loop = true;
      const out = context.createMediaStreamDestination();
      loop.connect(out);
      loop.start();
      // Before the first touch a browser plays nothing, and a context that nobody holds may be forgotten.
      const wake = setInterval(() => {
        if (context.state === 'running') clearInterval(wake);
        else void context.resume();
      }, 100);
      stream.removeTrack(hum);
      hum.stop();
      for (const voice of out.stream.getAudioTracks()) stream.addTrack(voice);
    }
    return stream;
  };
}
