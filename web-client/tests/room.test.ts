import { describe, expect, test } from 'vitest';
import { CHAT_LINES, noticeOf, reduce } from '../src/state/room.ts';
import { floorChoices, floorWord, initials, onStage } from '../src/state/derive.ts';
import type { RoomEvent, RoomView } from '../src/wire/index.ts';
import { parseServerMessage } from '../src/wire/index.ts';
import { golden, goldenNames, serverGolden, welcome } from './golden.ts';

const room = (): RoomView => structuredClone(welcome().room);
const event = (name: string) => serverGolden(name, 'event');

describe('events of the golden files', () => {
  const eventNames = goldenNames.filter((name) => name.startsWith('server.event.'));

  test('there is one for every part of the room', () => {
    const parts = new Set(eventNames.map((name) => event(name).event.part));
    const known: RoomEvent['part'][] = [
      'person',
      'phase',
      'floor',
      'state',
      'votes',
      'entry',
      'entry_removed',
      'chat',
      'cannot_hear',
      'out_of_contract',
    ];
    expect([...parts].sort()).toEqual(known.sort());
  });

  test.each(eventNames)('%s replaces its part and nothing else', (name) => {
    const before = room();
    const { event: change } = event(name);
    const after = reduce(before, event(name));
    const { part, ...value } = change;
    const changed = Object.keys(before).filter(
      (key) => after[key as keyof RoomView] !== before[key as keyof RoomView],
    );
    switch (part) {
      case 'person':
        expect(changed).toEqual(['people']);
        expect(after.people).toContainEqual(value);
        expect(after.people.map(({ seat }) => seat)).toEqual(
          [...new Set([...before.people.map(({ seat }) => seat), (value as { seat: number }).seat])].sort(
            (a, b) => a - b,
          ),
        );
        break;
      case 'entry':
        expect(changed).toEqual(['entries']);
        expect(after.entries).toContainEqual(value);
        expect(after.entries).toHaveLength(before.entries.length);
        break;
      case 'entry_removed':
        expect(changed).toEqual(['entries']);
        expect(after.entries).toEqual([]);
        break;
      case 'chat':
        expect(changed).toEqual(['chat']);
        expect(after.chat.at(-1)).toEqual(value);
        break;
      case 'cannot_hear':
        expect(changed).toEqual([]);
        expect(noticeOf(change)).toEqual({ kind: part, ...value });
        break;
      case 'out_of_contract':
        expect(changed).toEqual([]);
        expect(noticeOf(change)).toBeNull();
        break;
      default:
        expect(changed).toEqual([part]);
        expect(after[part]).toEqual(value);
    }
  });

  test('chat is bounded', () => {
    let view = room();
    for (let i = 0; i < CHAT_LINES + 5; i++) view = reduce(view, event('server.event.chat'));
    expect(view.chat).toHaveLength(CHAT_LINES);
  });
});

test.each(goldenNames.filter((name) => name.startsWith('server.')))('%s is a message', (name) => {
  expect(parseServerMessage(JSON.stringify(golden(name)))).toEqual(golden(name));
});

test.each(['', '{', '[]', 'null', '"hello"', '{"type":7}', '{"kind":"welcome"}'])(
  '%s is no message',
  (text) => {
    expect(parseServerMessage(text)).toBeNull();
  },
);

describe('what a person can do about the floor', () => {
  const running = (change: Partial<RoomView['floor']>): RoomView => {
    const view = room();
    return {
      ...view,
      phase: { ...view.phase, stage: { stage: 'running', index: 0 } },
      floor: {
        policy: 'queue',
        firmness: 'enforce',
        takes_requests: true,
        rights: [],
        hands: [],
        upcoming: [],
        circle: [],
        groups: [],
        chat_open: false,
        ...change,
      },
    };
  };
  const turn = { turn_id: 1, seat: 1, part: 'speak' as const, warning: 15_000, grace: 10_000 };

  test('a hand can be raised, and lowered where it stands in the order', () => {
    expect(floorChoices(running({}), 2)).toMatchObject({ hand: 'raise', place: null, release: false });
    const hands = [
      { seat: 4, since: 1 },
      { seat: 2, since: 2 },
    ];
    expect(floorChoices(running({ hands }), 2)).toMatchObject({ hand: 'lower', place: 2 });
    expect(floorChoices(running({ takes_requests: false }), 2).hand).toBe('off');
  });

  test('the holder can end the turn, and pass it in a round', () => {
    expect(floorChoices(running({ turn }), 1)).toMatchObject({ hand: 'off', release: true, pass: false });
    expect(floorChoices(running({ turn, policy: 'round_robin' }), 1)).toMatchObject({
      release: true,
      pass: true,
    });
    expect(floorChoices(running({ turn, policy: 'round_robin' }), 2)).toMatchObject({
      release: false,
      pass: false,
    });
  });

  test('in a pair the word is given to the other', () => {
    const pair = { turn: { ...turn, partner: 3 }, policy: 'pair' as const };
    expect(floorChoices(running(pair), 1).yieldTo).toBe(3);
    expect(floorChoices(running(pair), 3).yieldTo).toBeNull();
    expect(onStage(running(pair))).toEqual([1, 3]);
  });

  test.each([
    [running({ turn }), 1, 'mine'],
    [running({ turn }), 2, 'theirs'],
    [running({ policy: 'open' }), 1, 'open'],
    [running({ policy: 'silence' }), 1, 'silence'],
    [running({ policy: 'round_robin', upcoming: [2] }), 1, 'round_waiting'],
    [running({}), 1, 'free'],
  ] as const)('the floor has a word for it (%#)', (view, seat, word) => {
    expect(floorWord(view, seat)).toBe(word);
  });
});

test.each([
  ['Laura', 'L'],
  ['Jean-Baptiste', 'JB'],
  ['élise d’Aubigné', 'ÉA'],
  ['Ana Maria Lopez', 'AL'],
  ['😀 Zoé', '😀Z'],
])('%s is %s', (name, letters) => {
  expect(initials(name)).toBe(letters);
});
