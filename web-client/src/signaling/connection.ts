/** The hands of the signaling machine: one WebSocket, one timer. */
import type {
  Answer,
  ClientMessage,
  Command,
  Language,
  Missed,
  ServerMessage,
  Welcome,
} from '../wire/index.ts';
import { parseServerMessage } from '../wire/index.ts';
import type { Priority } from './backoff.ts';
import { initial, transition, type Credentials, type Effect, type Input, type Phase } from './machine.ts';

/** How often deadlines are looked at, in milliseconds: it bounds how late a retry or a ping leaves. */
const TICK = 100;

/**
 * From this attempt on the server is knocked at by a plain request before a WebSocket is tried: browsers
 * make WebSockets that failed often wait for seconds, and a server that is back must be found at once.
 */
const KNOCK_FROM = 3;
/** A knock is given up after this, in milliseconds. */
const KNOCK_LIMIT = 4000;
/**
 * What may wait in the socket before voices are dropped, in bytes: about half a second of one. A voice
 * that comes later than that is no conversation.
 */
const MOST_WAITING = 2048;

/** What the connection tells its owner. */
export interface Handlers {
  phase(phase: Phase): void;
  /** `mediaUntil`: when the server before ends this page's media, which it still carries; 0 if it does not. */
  welcome(welcome: Welcome, again: boolean, mediaUntil: number): void;
  /** `asleep`: the page slept as the connection was lost. */
  resumed(missed: Missed, asleep: boolean): void;
  message(message: ServerMessage): void;
  answered(command: Command, answer: Answer): void;
  /** A binary frame. */
  frame(data: ArrayBuffer): void;
}

/** A page's connection to the signaling service; it comes back by itself. */
export class Connection {
  #state;
  #socket: WebSocket | null = null;
  #knocking: AbortController | null = null;
  #timer: ReturnType<typeof setInterval>;
  /** The next attempt does not wait for the clock. */
  #due: ReturnType<typeof setTimeout> | undefined;
  #left = false;
  #disposed = false;
  readonly #url: string;
  readonly #handlers: Handlers;
  readonly #tick = () => this.#step({ type: 'tick', now: performance.now(), jitter: Math.random() });
  readonly #online = () => this.#step({ type: 'online', now: performance.now() });

  constructor(url: string, credentials: Credentials, handlers: Handlers) {
    this.#url = url;
    this.#handlers = handlers;
    this.#state = initial(credentials);
    this.#timer = setInterval(this.#tick, TICK);
    window.addEventListener('online', this.#online);
  }

  /** Opens the connection. */
  start(): void {
    this.#step({ type: 'start', now: performance.now() });
  }

  /** Asks the room for something; the answer comes to `answered`. */
  command(command: Command): void {
    this.#step({ type: 'command', command });
  }

  /** Says something that is worth saying only while connected. */
  say(message: ClientMessage): void {
    this.#step({ type: 'say', message });
  }

  /** Sends a voice packet, unless the connection lags behind. */
  frame(frame: Uint8Array): void {
    const socket = this.#socket;
    if (this.#state.phase.kind !== 'joined' || socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount <= MOST_WAITING) socket.send(frame as Uint8Array<ArrayBuffer>);
  }

  /** Something hints at a loss, or at its end: the server is asked at once. */
  suspect(): void {
    this.#step({ type: 'suspect', now: performance.now() });
  }

  /** How soon to come back after a loss that many share. */
  priority(priority: Priority): void {
    this.#step({ type: 'priority', priority });
  }

  /** Changes the language the person reads. */
  language(language: Language): void {
    this.#step({ type: 'language', language, now: performance.now() });
  }

  /** Leaves for good; without a connection, as soon as there is one to say so. The owner hears no more. */
  leave(): void {
    this.#left = true;
    this.#step({ type: 'leave' });
    this.#endIfOver();
  }

  /** Stops everything without a word. */
  dispose(): void {
    this.#disposed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#due);
    window.removeEventListener('online', this.#online);
    this.#closeSocket();
  }

  #step(input: Input): void {
    const before = this.#state.phase;
    const { state, effects } = transition(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    clearTimeout(this.#due);
    const { phase } = this.#state;
    if (phase.kind === 'waiting' && !this.#disposed)
      this.#due = setTimeout(this.#tick, Math.max(0, phase.retryAt - performance.now()));
    if (this.#left) return this.#endIfOver();
    if (phase.kind !== before.kind || phase.kind === 'waiting') this.#handlers.phase(phase);
  }

  #endIfOver(): void {
    if (this.#state.phase.kind === 'closed') this.dispose();
  }

  #perform(effect: Effect): void {
    if (this.#left && effect.do !== 'open' && effect.do !== 'close' && effect.do !== 'send') return;
    switch (effect.do) {
      case 'open':
        return this.#open();
      case 'close':
        return this.#closeSocket();
      case 'send':
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(effect.message));
        return;
      case 'welcome':
        return this.#handlers.welcome(effect.welcome, effect.again, effect.mediaUntil);
      case 'resumed':
        return this.#handlers.resumed(effect.missed, effect.asleep);
      case 'deliver':
        return this.#handlers.message(effect.message);
      case 'answered':
        return this.#handlers.answered(effect.command, effect.answer);
    }
  }

  #open(): void {
    this.#closeSocket();
    const { phase } = this.#state;
    if (phase.kind === 'connecting' && phase.attempt >= KNOCK_FROM) return void this.#knock();
    this.#connect();
  }

  /** Opens the socket once the server answers at all, whatever it says. */
  async #knock(): Promise<void> {
    const knock = new AbortController();
    this.#knocking = knock;
    const timer = setTimeout(() => knock.abort(), KNOCK_LIMIT);
    try {
      const door = this.#url.replace(/^ws/, 'http').replace(/\/ws$/, '/livez');
      await fetch(door, { cache: 'no-store', signal: knock.signal });
      if (this.#knocking === knock) this.#connect();
    } catch {
      if (this.#knocking === knock)
        this.#step({ type: 'socket_closed', now: performance.now(), jitter: Math.random() });
    } finally {
      clearTimeout(timer);
    }
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const current = (input: () => Input) => {
      if (this.#socket === socket) this.#step(input());
    };
    socket.onopen = () => current(() => ({ type: 'opened', now: performance.now() }));
    socket.onclose = () =>
      current(() => ({ type: 'socket_closed', now: performance.now(), jitter: Math.random() }));
    socket.onmessage = ({ data }: MessageEvent) => {
      if (data instanceof ArrayBuffer) {
        current(() => ({ type: 'frame', now: performance.now() }));
        if (this.#state.phase.kind === 'joined') this.#handlers.frame(data);
        return;
      }
      const message = typeof data === 'string' ? parseServerMessage(data) : null;
      if (message) {
        current(() => ({ type: 'message', now: performance.now(), message, jitter: Math.random() }));
      }
    };
  }

  #closeSocket(): void {
    this.#knocking?.abort();
    this.#knocking = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
