// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { describe, expect, test, vi } from 'vitest';
import type { Condition } from '../src/media/controller.ts';
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
