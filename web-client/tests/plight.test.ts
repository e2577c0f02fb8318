import { describe, expect, test } from 'vitest';
import { NO_CONDITION, type Condition } from '../src/media/controller.ts';
import { connectionWord, plightOf, SAID_AFTER, type Moment, type Plight } from '../src/state/plight.ts';
import { ESTIMATE_EVERY, NOTHING_AFTER, Reports } from '../src/state/reports.ts';
import type { ClientMessage } from '../src/wire/index.ts';
import { dialled } from '../src/ui/ConnectionState.tsx';

const UP: Condition = { ...NO_CONDITION, at: 'up', carrier: 'udp' };
const MENDING: Condition = { ...NO_CONDITION, at: 'connecting', mending: true };
const moment = (change: Partial<Moment>): Moment => ({
  phase: 'joined',
  condition: UP,
  online: true,
  asked: false,
  longAway: false,
  heard: false,
  troubledFor: 0,
  ...change,
});
const LONG = { troubledFor: SAID_AFTER };

describe('what is said above the circle', () => {
  test.each<[string, Partial<Moment>, Plight | null]>([
    ['nothing while all is well', {}, null],
    ['nothing while entering', { condition: { ...NO_CONDITION, at: 'connecting' }, ...LONG }, null],
    ['nothing of a short loss', { phase: 'waiting', condition: MENDING }, null],
    ['nothing of a short repair', { condition: MENDING, troubledFor: SAID_AFTER - 1 }, null],
    ['that sound goes on without signaling', { phase: 'connecting', heard: true, ...LONG }, 'wordless'],
    ['no more than the page knows of that', { phase: 'waiting', ...LONG }, 'listening'],
    ['that one comes back when both are lost', { phase: 'waiting', condition: MENDING, ...LONG }, 'away'],
    ['that sound comes back', { condition: MENDING, ...LONG }, 'mending'],
    [
      'at once that the machine has no network',
      { phase: 'waiting', condition: MENDING, online: false },
      'offline',
    ],
    ['nothing of a browser that only believes so', { online: false }, null],
    ['that no way was found', { condition: { ...MENDING, soundless: true }, ...LONG }, 'soundless'],
    [
      'that voices take the tunnel',
      { condition: { ...MENDING, mending: false, carrier: 'tunnel' } },
      'tunnel',
    ],
    ['that the network is weak', { condition: { ...UP, weak: true } }, 'weak'],
    [
      'what one asked for oneself before that',
      { condition: { ...UP, weak: true }, asked: true },
      'audio_only',
    ],
    [
      'that the page goes on trying after very long',
      { phase: 'waiting', condition: MENDING, longAway: true, ...LONG },
      'stopped',
    ],
  ])('%s', (_, change, plight) => {
    expect(plightOf(moment(change))).toBe(plight);
  });
});

test.each([
  ['idle', NO_CONDITION, false, 'joining'],
  ['connecting', NO_CONDITION, false, 'joining'],
  ['waiting', UP, true, 'reconnecting'],
  ['joined', NO_CONDITION, false, 'joining'],
  ['joined', MENDING, true, 'repairing'],
  ['joined', { ...MENDING, carrier: 'tunnel' }, true, 'connected'],
  ['joined', UP, true, 'connected'],
] as const)('%s with %o is one word', (phase, condition, known, word) => {
  expect(connectionWord(phase, condition, { room: known, wasUp: known, longAway: false })).toBe(word);
});

test.each(['connecting', 'waiting'] as const)('%s after very long is the same word', (phase) => {
  const known = { room: true, wasUp: true, longAway: true };
  expect(connectionWord(phase, MENDING, known)).toBe('stopped');
});

describe('the reports', () => {
  const made = () => {
    const said: ClientMessage[] = [];
    return { said, reports: new Reports((message) => said.push(message)) };
  };
  const back = { rung: 'ice_restart', cause: 'path_dead', took: 700, gap: 700 } as const;

  test('wait for a connection, and are told once', () => {
    const { said, reports } = made();
    reports.recovered(back);
    reports.tell(0);
    reports.tell(100);
    expect(said).toEqual([{ type: 'recovered', ...back }]);
  });

  test('tell last how the sound came back: that is what is kept of a drop', () => {
    const { said, reports } = made();
    reports.recovered(back);
    reports.recovered({ rung: 'resume', cause: 'signaling_lost', took: 4000, gap: 0 });
    reports.tell(0);
    expect(said.map((message) => 'rung' in message && message.rung)).toEqual(['resume', 'ice_restart']);
  });

  test('tell what can be sent, and not often', () => {
    const { said, reports } = made();
    reports.tell(0);
    for (let now = 0; now < 2 * ESTIMATE_EVERY; now += 1000) {
      reports.estimate(1_000_000.4);
      reports.tell(now);
    }
    reports.estimate(null);
    reports.tell(10 * ESTIMATE_EVERY);
    const estimate = { type: 'estimate', outgoing: 1_000_000 };
    expect(said.filter(({ type }) => type !== 'path')).toEqual([estimate, estimate]);
  });

  test('keep the latest of too many', () => {
    const { said, reports } = made();
    for (let gap = 0; gap < 100; gap++) reports.recovered({ ...back, gap });
    reports.tell(0);
    expect(said.map((message) => 'gap' in message && message.gap)).toEqual([96, 97, 98, 99]);
  });

  test('tell each change of the path, and a loss only when it lasts', () => {
    const { said, reports } = made();
    reports.path({ rung: 'udp', audio_only: false }, 0);
    reports.tell(0);
    reports.path({ rung: 'none', audio_only: false }, 1000);
    reports.tell(1000 + NOTHING_AFTER - 1);
    reports.path({ rung: 'udp', audio_only: false }, 2900);
    reports.tell(2900);
    expect(said).toEqual([{ type: 'path', rung: 'udp', audio_only: false }]);
    reports.path({ rung: 'none', audio_only: false }, 5000);
    reports.tell(5000 + NOTHING_AFTER);
    reports.path({ rung: 'tunnel', audio_only: false }, 8000);
    reports.tell(8000);
    reports.path({ rung: 'tunnel', audio_only: true }, 9000);
    reports.tell(9000);
    expect(said.slice(1)).toEqual([
      { type: 'path', rung: 'none', audio_only: false },
      { type: 'path', rung: 'tunnel', audio_only: false },
      { type: 'path', rung: 'tunnel', audio_only: true },
    ]);
    // Another connection knows nothing yet.
    reports.connected();
    reports.tell(9100);
    expect(said).toHaveLength(5);
  });
});

test.each([
  ['+33 1 23 45 67 89', '+33123456789'],
  ['01.23.45.67.89', '0123456789'],
  ['(020) 7946-0958', '02079460958'],
  ['Pont : 01 23 45 67 89, code 4242', null],
  ['demandez à Laura', null],
  ['1', null],
])('%s is dialled as %s', (line, number) => {
  expect(dialled(line)).toBe(number);
});
