/** A page in a room, whose server is the test. */
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, vi } from 'vitest';
import { language } from '../src/i18n/index.ts';
import type { MediaMeans } from '../src/media/controller.ts';
import { Session } from '../src/state/session.ts';
import { Room } from '../src/ui/Room.tsx';
import type { ClientMessage, RoomView, ServerMessage, Welcome } from '../src/wire/index.ts';
import { personal, scene, type SceneName } from '../screens/scenes.ts';

// What this document does not know, and browsers do.
HTMLElement.prototype.hidePopover ??= () => undefined;
HTMLDialogElement.prototype.showModal ??= function show(this: HTMLDialogElement) {
  this.open = true;
};

/** A socket whose other end is the test. */
export class FakeSocket {
  static readonly OPEN = 1;
  static last: FakeSocket;
  readyState = 1;
  sent: ClientMessage[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  constructor() {
    FakeSocket.last = this;
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }
  close() {
    this.readyState = 3;
  }
  say(message: ServerMessage) {
    act(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }
  commands() {
    return this.sent.flatMap((message) => (message.type === 'command' ? [message.command] : []));
  }
  /** Answers the last command. */
  answer(code?: Parameters<typeof refused>[0]) {
    const asked = this.sent.findLast((message) => message.type === 'command');
    const id = asked?.type === 'command' ? asked.id : 0;
    this.say({ type: 'answer', id, answer: code ? refused(code) : { result: 'done' } });
  }
}

const refused = (code: import('../src/wire/index.ts').Refusal) => ({ result: 'refused' as const, code });

const SILENCE = { received: 0, via: 'udp' as const };

/** Media that never carry anything. */
export const STILL: MediaMeans = {
  peer: () => ({
    incoming: [],
    peer: {
      offer: async () => 'offer',
      answer: async () => undefined,
      restart: async () => undefined,
      send: async () => undefined,
      voices: () => [],
      look: async () => SILENCE,
      lookClosely: async () => ({ ...SILENCE, outgoing: null, sound: { received: 0, lost: 0 } }),
      close: () => undefined,
    },
  }),
  tunnel: async () => {
    throw new Error('no tunnel here');
  },
  canTunnel: async () => false,
  now: () => performance.now(),
};

let root: HTMLElement;
export let session: Session;

/** An element of the page by its lasting hook. */
export const hook = (name: string) => root.querySelector<HTMLElement>(`[data-testid="${name}"]`);
export const page = () => root;
export const click = (name: string) => act(() => hook(name)?.click());

/** Types into a field as a person does. */
export function type(name: string, text: string) {
  const field = hook(name) as HTMLInputElement | HTMLTextAreaElement;
  act(() => {
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

/** Sets every test of a file up with a page of its own. */
export function withPage() {
  beforeEach(() => {
    vi.stubGlobal('WebSocket', FakeSocket);
    localStorage.clear();
    language.value = 'en';
    root = document.createElement('div');
    document.body.append(root);
  });
  afterEach(() => {
    clear();
    root.remove();
    vi.unstubAllGlobals();
  });
}

/** Closes the page. */
export function clear() {
  session?.dispose();
  render(null, root);
}

/** Enters the room of a scene in a seat; `change` makes it another one first. */
export function enter(name: SceneName, seat: number, muted = false, change?: (room: RoomView) => void) {
  session = new Session(
    {
      url: 'ws://test/ws',
      token: 'link',
      language: 'en',
      choice: { microphone: '', camera: '', audio: true, video: false },
      tracks: { audio: null, video: null },
      muted,
      camera: false,
    },
    STILL,
  );
  const socket = FakeSocket.last;
  act(() => render(<Room session={session} />, root));
  const room = scene(name, 'en', Date.now());
  change?.(room);
  act(() => socket.onopen?.());
  welcome(socket, room, seat);
  socket.say({ type: 'personal', ...personal(name, 'en', seat, Date.now()) });
  return { socket, room };
}

/** The server's welcome, the first or after a loss that could not be resumed. */
export function welcome(
  socket: FakeSocket,
  room: RoomView,
  seat: number,
  lastCommand = 0,
  more: Partial<Welcome> = {},
) {
  socket.say({
    type: 'welcome',
    version: 3,
    seat,
    resume_token: 'r',
    seq: 1,
    now: Date.now(),
    last_command: lastCommand,
    media: { slots: [], ice_servers: [] },
    room,
    ...more,
  });
}
