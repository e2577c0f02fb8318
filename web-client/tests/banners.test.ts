import { describe, expect, test } from 'vitest';
import { banners, SIGNAL_LIFE } from '../src/state/banners.ts';
import { scene, type SceneName } from '../screens/scenes.ts';

const NOW = 1_000_000;
const shown = (name: SceneName, seat: number, now = NOW) => banners(scene(name, 'fr', NOW), seat, now);

test('an ordinary turn says nothing above the circle', () => {
  expect(shown('round', 2)).toEqual([]);
  expect(shown('lobby', 0)).toEqual([]);
});

describe('the client drops', () => {
  test('the place is counted down to everyone alike', () => {
    const until = NOW + 102_000;
    for (const seat of [0, 3]) {
      expect(shown('client-away', seat)).toEqual([{ kind: 'client_away', seat: 1, until }]);
    }
  });

  test('after that only the chair chooses', () => {
    expect(shown('client-gone', 0)).toEqual([{ kind: 'client_gone', seat: 1, choose: true }]);
    expect(shown('client-gone', 3)).toEqual([{ kind: 'client_gone', seat: 1, choose: false }]);
  });

  test('going on in writing stays said', () => {
    expect(shown('writing', 3)).toEqual([{ kind: 'in_writing', seat: 1 }]);
  });
});

describe('the facilitator drops', () => {
  test('everyone sees until when, and who takes over', () => {
    expect(shown('chair-away', 3)).toEqual([
      { kind: 'chair_away', until: NOW + 12_000, heir: 3, mayTake: false },
    ]);
  });

  test('without anybody the group leads itself on, and the facilitator may come back', () => {
    expect(shown('autopilot', 3)).toEqual([
      { kind: 'autopilot', count: 2, needed: 4, wanted: true, mayWant: true, mayTake: false },
    ]);
    expect(shown('autopilot', 0)).toMatchObject([{ wanted: false, mayTake: true }]);
    const room = scene('autopilot', 'fr', NOW);
    room.people[4]!.role = 'observer';
    expect(banners(room, 4, NOW)).toMatchObject([{ mayWant: false }]);
  });
});

test('a speaker’s place is kept; when it is the client’s, the phase’s pause says so once', () => {
  expect(shown('away', 2)).toEqual([{ kind: 'speaker_away', seat: 7, until: NOW + 16_000 }]);
  const room = scene('away', 'fr', NOW);
  room.state.pause = { reason: 'for_client', seat: 7, until: NOW + 100_000 };
  expect(banners(room, 2, NOW).map(({ kind }) => kind)).toEqual(['client_away']);
});

test('whoever comes late is told when they enter', () => {
  expect(shown('entering', 4)).toEqual([{ kind: 'entering', after: 7 }]);
  expect(shown('entering', 3)).toEqual([]);
});

test('a drill has its loss and its return, and ends by the chair alone', () => {
  const room = scene('drill', 'fr', NOW);
  const drill = { seat: 1, since: NOW, back_at: NOW + 10_000, until: NOW + 20_000 };
  room.state.drill = drill;
  const one = (seat: number, now: number) => banners(room, seat, now)[0];
  expect(one(0, NOW)).toEqual({
    kind: 'drill',
    seat: 1,
    part: 'lost',
    until: drill.back_at,
    ends: true,
  });
  expect(one(3, NOW + 10_000)).toEqual({
    kind: 'drill',
    seat: 1,
    part: 'back',
    until: drill.until,
    ends: false,
  });
});

test('« hors contrat » is shown for a while, then it has been heard', () => {
  const room = scene('round', 'fr', NOW);
  const signal = { seat: 1, at: NOW };
  expect(banners(room, 3, NOW + SIGNAL_LIFE - 1, signal)).toEqual([{ kind: 'out_of_contract', seat: 1 }]);
  expect(banners(room, 3, NOW + SIGNAL_LIFE, signal)).toEqual([]);
});

test('after the end nothing is waited for', () => {
  const room = scene('client-away', 'fr', NOW);
  room.phase.stage = { stage: 'ended' };
  expect(banners(room, 0, NOW)).toEqual([]);
});
