// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, test } from 'vitest';
import { comesBack, COME_BACK_WITHIN, loadVisit, mark, saveVisit } from '../src/state/memory.ts';
import { problemOf as refusalOf } from '../src/api.ts';
import { loudness } from '../src/media/audio.ts';
import { problemOf } from '../src/media/devices.ts';
import { route } from '../src/ui/App.tsx';
import { keyed } from '../src/ui/Chat.tsx';
import { clear, enter, hook, page, session, withPage } from './stage.tsx';

withPage();

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
  expect(page().querySelector('[data-testid^="grant-"]')).toBeNull();
  clear();
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
  expect(session.own.muted.value).toBe(true);
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
  expect(page().querySelector(`#${input.getAttribute('aria-describedby')}`)?.textContent).toContain(
    'listening',
  );
});

test('somebody who dropped keeps a place that everyone sees counted down', () => {
  enter('away', 2);
  expect(hook('tile-7')?.dataset['presence']).toBe('away');
  expect(hook('tile-7')?.textContent).toMatch(/seat kept 0:1\d/);
});

test('a lost connection is said in words, and a final reason has its own screen', () => {
  const { socket } = enter('open', 2);
  act(() => socket.onclose?.());
  expect(hook('connection-state')?.dataset['state']).toBe('reconnecting');
  expect(hook('connection-state')?.textContent).toContain('Reconnecting');
  clear();
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
  expect(page().querySelector('.toast')?.textContent).toContain('Not in this step.');
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
  ['{"error":"template: there is no `x`"}', { problem: 'template: there is no `x`' }],
  [
    '{"error":"template_text: `scribe` has no turn","line":26}',
    { problem: '`scribe` has no turn', line: 26 },
  ],
  ['plain words', { problem: 'plain words' }],
  ['{}', { problem: '422' }],
  ['', { problem: '422' }],
])('a refusal of the server is shown: %s', (body, problem) => {
  expect(refusalOf(body, 422)).toEqual(problem);
});

test('the button that gives the floor has a short label beside its whole name', () => {
  enter('pair', 3);
  const button = page().querySelector('[data-testid=yield]');
  expect(button?.getAttribute('aria-label')).toBe('Give the floor to Laura');
  expect(button?.querySelector('.long')?.textContent).toBe('Give the floor to Laura');
  expect(button?.querySelector('.short')?.textContent).toBe('To Laura');
});

test('hands and the rest of the round each have their heading', () => {
  enter('round', 0);
  const list = page().querySelector('[data-testid=upcoming]');
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
