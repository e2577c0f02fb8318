// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Condition } from '../src/media/controller.ts';
import { LONG_AWAY } from '../src/signaling/backoff.ts';
import { FLOOR_KEPT, SAID_AFTER } from '../src/state/plight.ts';
import { beat } from '../src/ui/clockwork.ts';
import { enter, FakeSocket, hook, page, session, welcome, withPage } from './stage.tsx';

withPage();

const condition = (change: Partial<Condition>) =>
  act(() => {
    session.media.value = { ...session.media.value, at: 'up', carrier: 'udp', ...change };
  });
const plight = () => hook('plight')?.getAttribute('data-kind') ?? null;
const views = (socket: FakeSocket) => socket.sent.filter((message) => message.type === 'view');

describe('voices only', () => {
  test('asked for, it gives every picture up, and brings them back as they were', () => {
    const { socket } = enter('holder', 2);
    condition({});
    act(() => session.views(new Map([[0, 'thumbnail'] as const, [1, 'large'] as const])));
    act(() => session.setAudioOnly(true));
    expect(plight()).toBe('audio_only');
    expect(hook('connection-state')?.dataset).toMatchObject({ state: 'connected', voices: 'true' });
    expect(views(socket).at(-1)?.seats).toEqual([
      { seat: 0, size: 'hidden' },
      { seat: 1, size: 'hidden' },
    ]);
    // What changes on the screen meanwhile is kept for later.
    act(() => session.views(new Map([[0, 'large'] as const])));
    expect(views(socket)).toHaveLength(2);
    act(() => hook('pictures')?.click());
    expect(plight()).toBeNull();
    expect(views(socket).at(-1)?.seats).toEqual([
      { seat: 0, size: 'large' },
      { seat: 1, size: 'large' },
    ]);
  });

  test('on a weak network a camera waits with it, and the room is told that it is off', async () => {
    const { socket } = enter('holder', 2);
    condition({});
    const track = { stop: vi.fn(), kind: 'video' } as unknown as MediaStreamTrack;
    const open = vi.fn(async () => ({ getVideoTracks: () => [track] }));
    vi.stubGlobal('navigator', { ...navigator, mediaDevices: { getUserMedia: open } });
    await act(() => session.setCamera(true));
    expect(socket.commands().at(-1)).toEqual({ do: 'set_camera', on: true });
    condition({ weak: true });
    await act(async () => undefined);
    expect(plight()).toBe('weak');
    expect(socket.commands().at(-1)).toEqual({ do: 'set_camera', on: false });
    expect(track.stop).toHaveBeenCalled();
    // Wanting it meanwhile opens nothing.
    await act(() => session.setCamera(true));
    expect(open).toHaveBeenCalledTimes(1);
    expect(page().textContent).toContain('as soon as the network allows');
    condition({ weak: false });
    await vi.waitFor(() => expect(socket.commands().at(-1)).toEqual({ do: 'set_camera', on: true }));
    expect(open).toHaveBeenCalledTimes(2);
  });
});

describe('a page that no sound reaches', () => {
  test('reads, writes, and knows whom to call', () => {
    const { socket, room } = enter('holder', 2);
    const lost = () => condition({ at: 'connecting', carrier: 'none', mending: true, soundless: true });
    lost();
    expect(plight()).toBe('soundless');
    expect(hook('telephone')).toBeNull();
    act(() => socket.onclose?.());
    const number = { telephone: '+33 1 23 45 67 89' };
    const next = FakeSocket.last;
    act(() => vi.waitFor(() => expect(FakeSocket.last).not.toBe(next)));
    return vi.waitFor(() => {
      const again = FakeSocket.last;
      expect(again).not.toBe(socket);
      act(() => again.onopen?.());
      welcome(again, room, 2, 0, number);
      lost();
      expect(hook('telephone')?.querySelector('a')?.getAttribute('href')).toBe('tel:+33123456789');
    });
  });
});

describe('a page that lost the server', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());
  const number = () => hook('telephone')?.textContent ?? null;
  const said = () => [plight(), hook('plight')?.textContent?.includes('You are still heard')];
  const pass = (millis: number) => {
    vi.advanceTimersByTime(millis);
    act(() => void beat.value++);
  };
  /** Without signaling for `millis`. */
  const lose = (millis: number, change: Partial<Condition>) => {
    condition(change);
    const lostAt = performance.now();
    act(() => {
      session.telephone.value = '+33 1 23 45 67 89';
      session.phase.value = { kind: 'waiting', attempt: 4, lostAt, retryAt: Infinity, place: null };
    });
    pass(millis);
  };
  const NOTHING = { at: 'connecting', carrier: 'none', mending: true } as const;

  test('and its sound knows whom to call once it is not back soon', () => {
    enter('holder', 2);
    lose(SAID_AFTER, NOTHING);
    expect([plight(), number()]).toEqual(['away', null]);
    condition({ ...NOTHING, soundless: true });
    expect([plight(), number()]).toEqual(['away', '+33 1 23 45 67 89']);
    expect(hook('plight')?.textContent).toContain('join the others by telephone');
  });

  test('as the machine lost its network knows it as well', () => {
    enter('holder', 2);
    lose(SAID_AFTER, { ...NOTHING, soundless: true });
    act(() => {
      session.online.value = false;
    });
    expect([plight(), number()]).toEqual(['offline', '+33 1 23 45 67 89']);
  });

  test('for very long still knows it, tries by itself, and at once when it is asked to', () => {
    enter('holder', 2);
    lose(LONG_AWAY, { ...NOTHING, soundless: true });
    expect([plight(), number()]).toEqual(['stopped', '+33 1 23 45 67 89']);
    expect(hook('plight')?.textContent).toContain('goes on trying by itself');
    expect(hook('connection-state')?.dataset['state']).toBe('stopped');
    const again = vi.spyOn(session, 'comeBack');
    act(() => hook('connection-state')?.querySelector('button')?.click());
    expect(again).toHaveBeenCalled();
  });

  test('alone hears the others, and is heard as long as its turn lasts by the clock', () => {
    enter('mine', 2, false, (room) => {
      room.floor.turn!.clock = { clock: 'running', deadline: Date.now() + 20_000 };
      room.floor.turn!.grace = 10_000;
    });
    lose(SAID_AFTER, {});
    expect(said()).toEqual(['wordless', true]);
    expect(number()).toBeNull();
    // A microphone that is closed meanwhile says nothing.
    act(() => {
      session.own.muted.value = true;
    });
    expect(said()).toEqual(['listening', false]);
    act(() => {
      session.own.muted.value = false;
    });
    expect(said()).toEqual(['wordless', true]);
    pass(27_000);
    expect(said()).toEqual(['wordless', true]);
    pass(3_000);
    expect(said()).toEqual(['listening', false]);
  });

  test('alone is heard for no longer than the server keeps a floor', () => {
    enter('mine', 2);
    lose(FLOOR_KEPT - 1, {});
    expect(said()).toEqual(['wordless', true]);
    pass(1);
    expect(said()).toEqual(['listening', false]);
  });

  test('alone, and had no right to speak, is not told that it is heard', () => {
    enter('mine', 3);
    lose(SAID_AFTER, {});
    expect(plight()).toBe('listening');
    expect(hook('plight')?.textContent).toContain('You still hear the others');
  });
});

test('the seat is taken back from the page that took it, with one press', () => {
  const { socket } = enter('holder', 2, true);
  const reload = vi.fn();
  vi.stubGlobal('location', { ...location, reload });
  socket.say({ type: 'closing', reason: 'taken_over' });
  expect(page().textContent).toContain('Your seat is open elsewhere');
  act(() => hook('take-back')?.click());
  expect(reload).toHaveBeenCalled();
  expect(JSON.stringify({ ...localStorage })).toContain('muted');
});

test('the facilitator reads why somebody dropped, and how they came back', () => {
  enter('round', 0);
  act(() => hook('tab-conduct')?.click());
  expect(hook('drops')?.textContent).toContain('network interrupted · new path');
});
