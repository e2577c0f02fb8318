// @vitest-environment happy-dom
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { comesBack, COME_BACK_WITHIN, loadVisit, mark, saveVisit } from '../src/state/memory.ts';
import { problemText } from '../src/api.ts';
import { loudness } from '../src/media/audio.ts';
import { problemOf } from '../src/media/devices.ts';
import { Session } from '../src/state/session.ts';
import { route } from '../src/ui/App.tsx';
import { keyed } from '../src/ui/Chat.tsx';
import { Room } from '../src/ui/Room.tsx';
import { language } from '../src/i18n/index.ts';
import type { ClientMessage, ServerMessage } from '../src/wire/index.ts';
import { scene } from '../screens/scenes.ts';

/** A socket whose other end is the test. */
class FakeSocket {
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
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  commands() {
    return this.sent.flatMap((message) => (message.type === 'command' ? [message.command] : []));
  }
}

let root: HTMLElement;
let session: Session;

beforeEach(() => {
  vi.stubGlobal('WebSocket', FakeSocket);
  localStorage.clear();
  language.value = 'en';
  root = document.createElement('div');
  document.body.append(root);
});

afterEach(() => {
  session?.dispose();
  render(null, root);
  root.remove();
  vi.unstubAllGlobals();
});

function enter(name: Parameters<typeof scene>[0], seat: number, muted = false) {
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
    () => ({
      incoming: [],
      peer: {
        offer: async () => 'offer',
        answer: async () => undefined,
        send: async () => undefined,
        received: async () => 0,
        close: () => undefined,
      },
    }),
  );
  const socket = FakeSocket.last;
  act(() => render(<Room session={session} />, root));
  const room = scene(name, 'en', Date.now());
  act(() => {
    socket.onopen?.();
    socket.say({
      type: 'welcome',
      version: 2,
      seat,
      resume_token: 'r',
      seq: 1,
      now: Date.now(),
      last_command: 0,
      media: { slots: [] },
      room,
    });
  });
  return { socket, room };
}

const hook = (name: string) => root.querySelector<HTMLElement>(`[data-testid="${name}"]`);

test('a room shows the phase, the clocks, who holds the floor, and everyone', () => {
  const { room } = enter('holder', 2);
  expect(hook('phase-name')?.textContent).toBe('The client’s account');
  expect(Number(hook('phase-clock')?.dataset['seconds'])).toBeGreaterThan(395);
  expect(hook('turn-holder')?.textContent).toContain('Laura has the floor');
  expect(hook('turn-holder')?.dataset['seat']).toBe('1');
  expect(hook('turn-clock')?.dataset['seconds']).toMatch(/^25[12]$/);
  expect(room.people.map(({ seat }) => hook(`tile-${seat}`)?.dataset['name'])).toEqual(
    room.people.map(({ name }) => name),
  );
  expect(hook('connection-state')?.dataset['signaling']).toBe('joined');
});

test('the hand asks the server and shows what the server says', () => {
  const { socket, room } = enter('holder', 4);
  expect(hook('hand')?.getAttribute('aria-pressed')).toBe('false');
  act(() => hook('hand')?.click());
  expect(socket.commands()).toContainEqual({ do: 'request_floor' });
  expect(hook('hand')?.getAttribute('aria-pressed')).toBe('false');
  const hands = [...room.floor.hands, { seat: 4, since: Date.now() }];
  act(() => socket.say({ type: 'event', seq: 2, at: 0, event: { part: 'floor', ...room.floor, hands } }));
  expect(hook('hand')?.getAttribute('aria-pressed')).toBe('true');
});

test('only the chair sees what conducts', () => {
  enter('round', 2);
  expect(hook('next-phase')).toBeNull();
  expect(root.querySelector('[data-testid^="grant-"]')).toBeNull();
  session.dispose();
  render(null, root);
  const { socket } = enter('round', 0);
  act(() => hook('grant-3')?.click());
  act(() => hook('next-phase')?.click());
  expect(socket.commands()).toEqual(
    expect.arrayContaining([{ do: 'grant_floor', seat: 3 }, { do: 'next_phase' }]),
  );
});

test('a seat that was muted stays muted, however its link is opened', () => {
  const { socket, room } = enter('holder', 3, false);
  expect(room.people[3]?.muted).toBe(true);
  expect(session.muted.value).toBe(true);
  expect(socket.commands()).not.toContainEqual({ do: 'set_muted', muted: false });
  expect(session.heard.value).toBe(false);
});

test('a microphone is heard only under a right', () => {
  const { socket, room } = enter('holder', 2, false);
  expect(session.heard.value).toBe(false);
  const rights = room.floor.rights.map(([seat, right]): (typeof room.floor.rights)[number] => [
    seat,
    { ...right, audio: seat === 2 },
  ]);
  act(() => socket.say({ type: 'event', seq: 2, at: 0, event: { part: 'floor', ...room.floor, rights } }));
  expect(session.heard.value).toBe(true);
});

test('chat is closed while somebody holds the floor, and says so', () => {
  enter('holder', 2);
  const input = hook('chat-input') as HTMLInputElement;
  expect(input.disabled).toBe(true);
  expect(root.querySelector(`#${input.getAttribute('aria-describedby')}`)?.textContent).toContain(
    'listening',
  );
});

test('somebody who dropped keeps a place that everyone sees counted down', () => {
  enter('away', 2);
  expect(hook('tile-7')?.dataset['presence']).toBe('away');
  expect(hook('tile-7')?.textContent).toMatch(/reconnecting, seat kept 0:1\d/);
});

test('a lost connection is said in words, and a final reason has its own screen', () => {
  const { socket } = enter('open', 2);
  act(() => socket.onclose?.());
  expect(hook('connection-state')?.dataset['state']).toBe('reconnecting');
  expect(hook('connection-state')?.textContent).toContain('Reconnecting');
  session.dispose();
  render(null, root);
  const second = enter('open', 2);
  act(() => second.socket.say({ type: 'closing', reason: 'taken_over' }));
  expect(hook('message')?.dataset['kind']).toBe('taken_over');
  expect(loadVisit('link').at).toBe(0);
});

test('a refusal is worded', () => {
  const { socket } = enter('holder', 2);
  act(() => hook('hand')?.click());
  const asked = socket.sent.findLast((message) => message.type === 'command');
  act(() =>
    socket.say({
      type: 'answer',
      id: asked?.type === 'command' ? asked.id : 0,
      answer: { result: 'refused', code: 'not_in_this_phase' },
    }),
  );
  expect(root.querySelector('.toast')?.textContent).toContain('Not in this step.');
});

test('leaving says so and does not come back by itself', () => {
  const { socket } = enter('open', 2);
  expect(comesBack(loadVisit('link'), Date.now())).toBe(true);
  act(() => hook('leave')?.click());
  expect(socket.sent.at(-1)).toEqual({ type: 'leave' });
  expect(comesBack(loadVisit('link'), Date.now())).toBe(false);
  expect(hook('left')).not.toBeNull();
});

test('a visit is remembered by a mark that does not hold the link', () => {
  saveVisit('secret-token', { at: 1000, muted: true, camera: false });
  expect(JSON.stringify({ ...localStorage })).not.toContain('secret-token');
  expect(comesBack(loadVisit('secret-token'), 1000 + COME_BACK_WITHIN - 1)).toBe(true);
  expect(comesBack(loadVisit('secret-token'), 1000 + COME_BACK_WITHIN)).toBe(false);
  expect(mark('a')).not.toBe(mark('b'));
});

test.each([
  ['/', '', { page: 'home' }],
  ['/r/demo-room', '#abc.def', { page: 'room', token: 'abc.def' }],
  ['/r/demo-room', '', { page: 'no_token' }],
  ['/r/DEMO', '#abc', { page: 'not_found' }],
  ['/elsewhere', '', { page: 'not_found' }],
])('%s%s leads somewhere', (path, hash, page) => {
  expect(route(path, hash)).toEqual(page);
});

test.each([
  ['NotAllowedError', 'denied'],
  ['NotFoundError', 'missing'],
  ['OverconstrainedError', 'missing'],
  ['NotReadableError', 'busy'],
  ['TypeError', 'insecure'],
  ['Other', 'unknown'],
])('%s is explained as %s', (name, problem) => {
  expect(problemOf(Object.assign(new Error(), { name }))).toBe(problem);
});

test('a voice moves the needle, silence lets it fall', () => {
  const voice = Float32Array.from({ length: 256 }, (_, i) => 0.3 * Math.sin(i / 4));
  const loud = loudness(voice, 0);
  expect(loud).toBeGreaterThan(0.7);
  const after = loudness(new Float32Array(256), loud);
  expect(after).toBeLessThan(loud);
  expect(after).toBeGreaterThan(0);
});

test.each([
  ['{"detail":"no such template"}', 'no such template'],
  ['plain words', 'plain words'],
  ['{}', '422'],
  ['', '422'],
])('a refusal of the server is shown: %s', (body, text) => {
  expect(problemText(body, 422)).toBe(text);
});

test('the button that gives the floor has a short label beside its whole name', () => {
  enter('pair', 3);
  const button = root.querySelector('[data-testid=yield]');
  expect(button?.getAttribute('aria-label')).toBe('Give the floor to Laura');
  expect(button?.querySelector('.long')?.textContent).toBe('Give the floor to Laura');
  expect(button?.querySelector('.short')?.textContent).toBe('To Laura');
});

test('hands and the rest of the round each have their heading', () => {
  enter('round', 0);
  const list = root.querySelector('[data-testid=upcoming]');
  const heading = document.getElementById(list?.getAttribute('aria-labelledby') ?? '');
  expect(heading?.tagName).toBe('H3');
  expect(heading?.textContent).toBe('In this round');
});

test('lines of one moment have keys of their own, which stay when older lines go', () => {
  const line = (at: number, text: string) => ({ at, seat: 1, text });
  const chat = [line(1, 'first'), line(2, 'again'), line(2, 'again'), line(3, 'last')];
  const keys = keyed(chat).map(([key]) => key);
  expect(new Set(keys).size).toBe(4);
  expect(keyed(chat.slice(1)).map(([key]) => key)).toEqual(keys.slice(1));
});
