import { describe, expect, test } from 'vitest';
import { moment, sayings, type Saying } from '../src/state/announce.ts';
import type { RoomView } from '../src/wire/index.ts';
import { scene, type SceneName } from '../screens/scenes.ts';

const NOW = 1_000_000;

/** What is said on the way from one room and time to another. */
function said(from: [RoomView, number], to: [RoomView, number], seat: number): Saying[] {
  return sayings(moment(from[0], seat, from[1]), moment(to[0], seat, to[1]));
}
const room = (name: SceneName) => scene(name, 'fr', NOW);
const ids = (list: Saying[]) => list.map(({ id, urgent }) => (urgent ? `${id}!` : id));

test('coming in says nothing, and a moment like the last says nothing', () => {
  expect(sayings(null, moment(room('round'), 2, NOW))).toEqual([]);
  expect(said([room('round'), NOW], [room('round'), NOW + 200], 2)).toEqual([]);
});

describe('a turn', () => {
  const before = room('silence');
  test('that is mine interrupts, another’s does not', () => {
    expect(ids(said([before, NOW], [room('mine'), NOW], 2))).toContain('say-mine!');
    expect(said([before, NOW], [room('mine'), NOW], 3)).toContainEqual({
      urgent: false,
      id: 'floor-theirs',
      args: { name: 'Amine' },
    });
  });

  test('warns, asks to conclude, counts, and says that it was cut: to its speaker alone', () => {
    const turn = room('mine');
    const end = NOW + 73_000;
    const at = (from: number, to: number, seat = 2) => said([turn, end + from], [turn, end + to], seat);
    expect(at(-15_001, -15_000)).toEqual([{ urgent: true, id: 'say-warning', args: { seconds: 15 } }]);
    expect(at(-100, 0)).toEqual([{ urgent: true, id: 'say-grace', args: { seconds: 10 } }]);
    expect(at(1000, 2000)).toEqual([]);
    expect(at(4900, 5000)).toEqual([{ urgent: true, id: 'say-count', args: { seconds: 5 } }]);
    expect(ids(at(9900, 10_100))).toEqual(['say-over!']);
    expect(at(-15_001, -15_000, 3)).toEqual([]);
    const none = structuredClone(turn);
    delete none.floor.turn;
    expect(ids(said([turn, end], [none, end], 2))).toEqual(['say-cut!']);
  });
});

test('a phase is named as it begins, and warns once before it ends', () => {
  expect(said([room('holder'), NOW], [room('silence'), NOW], 2)).toContainEqual({
    urgent: false,
    id: 'say-phase',
    args: { phase: 'Réflexion' },
  });
  const open = room('silence');
  const end = NOW + 95_000;
  expect(ids(said([open, end - 60_001], [open, end - 60_000], 2))).toEqual(['say-phase-warning']);
  expect(said([open, end - 60_000], [open, end - 30_000], 2)).toEqual([]);
});

test('a vote that opens interrupts, one that closes does not', () => {
  const before = room('vote');
  delete before.votes.open;
  expect(ids(said([before, NOW], [room('vote'), NOW], 2))).toEqual(['say-vote!']);
  expect(ids(said([room('vote'), NOW], [room('result'), NOW], 2))).toEqual(['say-result']);
});

test('that the next phase begins by itself is said once', () => {
  const before = room('advance');
  delete before.phase.advance;
  expect(ids(said([before, NOW], [room('advance'), NOW], 2))).toEqual(['say-advance']);
  expect(said([room('advance'), NOW], [room('advance'), NOW + 1000], 2)).toEqual([]);
});
