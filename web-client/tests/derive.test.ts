import { describe, expect, test } from 'vitest';
import {
  chairHeir,
  floorChoices,
  floorWord,
  given,
  givesFloor,
  groupOf,
  isStillHeard,
  mayTakeChair,
  needsClient,
  nextSpeaker,
  setAside,
} from '../src/state/derive.ts';
import { scene, type SceneName } from '../screens/scenes.ts';

const room = (name: SceneName) => scene(name, 'fr', 1_000_000);

describe('who is next', () => {
  test('a question is followed by its answer', () => {
    expect(nextSpeaker(room('pair'))).toBe(1);
  });

  test('a turn that a drop cut short comes before the round, and the round before hands', () => {
    const view = room('round');
    expect(nextSpeaker(view)).toBe(3);
    view.floor.hands = [{ seat: 5, since: 1, remaining: 20_000 }];
    expect(nextSpeaker(view)).toBe(5);
    view.floor.hands = [{ seat: 6, since: 1 }];
    view.floor.upcoming = [];
    expect(nextSpeaker(view)).toBe(6);
  });

  test('where the facilitator picks, nobody is next', () => {
    const view = room('holder');
    view.floor.policy = 'chair_queue';
    view.floor.hands = [{ seat: 6, since: 1 }];
    expect(nextSpeaker(view)).toBeUndefined();
  });
});

describe('a pair', () => {
  test('only whoever holds the floor gives it over', () => {
    expect(floorChoices(room('pair'), 3).yieldTo).toBe(1);
    expect(floorChoices(room('pair'), 1).yieldTo).toBeNull();
  });

  test('where nobody is to answer yet, the asker chooses among all who are here and speak', () => {
    const view = room('ask');
    view.people[4]!.presence = { presence: 'away', since: 1 };
    view.people[5]!.role = 'observer';
    expect(floorChoices(view, 3).mayAsk).toEqual([0, 1, 2, 6, 7]);
    expect(floorChoices(view, 3).yieldTo).toBeNull();
    expect(floorChoices(view, 2).mayAsk).toEqual([]);
    expect(floorChoices(room('pair'), 3).mayAsk).toEqual([]);
  });
});

describe('whoever hears no more of the room is still heard', () => {
  const NOW = 1_000_000;

  test('until their turn is cut, by its clock', () => {
    const view = room('mine');
    const { clock, grace } = view.floor.turn!;
    if (clock?.clock !== 'running') throw new Error('the clock stands');
    const cut = clock.deadline + grace;
    expect(isStillHeard(view, 2, cut - 1)).toBe(true);
    expect(isStillHeard(view, 2, cut)).toBe(false);
    view.floor.turn!.clock = { clock: 'paused', remaining: 1 };
    expect(isStillHeard(view, 2, cut)).toBe(true);
    delete view.floor.turn!.clock;
    expect(isStillHeard(view, 2, cut)).toBe(true);
  });

  test('if they had the right, and the server knew their microphone open', () => {
    expect(isStillHeard(room('mine'), 3, NOW)).toBe(false);
    const view = room('mine');
    view.people[2]!.muted = true;
    expect(isStillHeard(view, 2, NOW)).toBe(false);
  });

  test('until the floor or the phase ends by itself, whoever has a turn', () => {
    const view = room('open');
    expect(isStillHeard(view, 2, NOW)).toBe(true);
    view.phase.advance = { at: NOW + 5000 };
    expect(isStillHeard(view, 2, NOW + 4999)).toBe(true);
    expect(isStillHeard(view, 2, NOW + 5000)).toBe(false);
    delete view.phase.advance;
    view.floor.step_clock = { clock: 'running', deadline: NOW + 1000 };
    expect(isStillHeard(view, 2, NOW + 999)).toBe(true);
    expect(isStillHeard(view, 2, NOW + 1000)).toBe(false);
  });
});

describe('a circle', () => {
  test('a free seat is taken, a full circle is waited for, and a seat is given back', () => {
    const view = room('circle');
    expect(floorWord(view, 2)).toBe('circle');
    expect(floorChoices(view, 2).circle).toBe('join');
    expect(floorChoices(view, 3).circle).toBe('leave');
    view.floor.circle.push(7);
    expect(floorChoices(view, 2).circle).toBe('wait');
    view.floor.hands = [{ seat: 2, since: 1 }];
    expect(floorChoices(view, 2)).toMatchObject({ circle: 'none', hand: 'lower', place: 1 });
  });

  test('those around it are set aside together', () => {
    expect(setAside(room('circle'), 2)).toEqual([[0, 2, 4, 5, 7]]);
  });
});

describe('breakouts', () => {
  test('from within a group everybody else is apart, the plenary too', () => {
    expect(setAside(room('breakout'), 5)).toEqual([[1, 2], [3, 4], [0]]);
    expect(groupOf(room('breakout'), 5)?.group).toBe(3);
  });

  test('from the plenary the groups are apart, and no floor is given', () => {
    expect(setAside(room('breakout'), 0)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6, 7],
    ]);
    expect(floorWord(room('breakout'), 0)).toBe('breakout');
    expect(givesFloor(room('breakout'))).toBe(false);
  });

  test('in the plenary nobody is set aside', () => {
    expect(setAside(room('holder'), 0)).toEqual([]);
  });
});

test('a place in the round can be let go by before it comes', () => {
  expect(floorChoices(room('round'), 3).passEarly).toBe(true);
  expect(floorChoices(room('round'), 7)).toMatchObject({ pass: true, passEarly: false });
  expect(floorChoices(room('round'), 2).passEarly).toBe(false);
});

describe('the chair', () => {
  test('goes to a co-facilitator who is here, else to whoever was named', () => {
    const view = room('chair-away');
    expect(chairHeir(view)).toBe(3);
    view.people[3]!.presence = { presence: 'away', since: 1 };
    expect(chairHeir(view)).toBeUndefined();
    view.people[6]!.role = 'co_facilitator';
    expect(chairHeir(view)).toBe(6);
  });

  test('comes back only to who may ask for it', () => {
    const view = room('replaced');
    expect(mayTakeChair(view, 0)).toBe(true);
    expect(mayTakeChair(view, 2)).toBe(false);
    view.people[6]!.role = 'co_facilitator';
    expect(mayTakeChair(view, 6)).toBe(false);
    view.people[3]!.presence = { presence: 'away', since: 1 };
    expect(mayTakeChair(view, 6)).toBe(true);
    expect(mayTakeChair(room('round'), 0)).toBe(false);
  });
});

test('a client is looked for while the next phase needs one, or after a tie', () => {
  expect(needsClient(room('vote'))).toBe(false);
  expect(needsClient(room('tie'))).toBe(true);
  expect(needsClient(room('result'))).toBe(false);
  const tied = room('tie');
  delete tied.phase.blocked;
  expect(needsClient(tied)).toBe(true);
  tied.people[1]!.role = 'client';
  expect(needsClient(tied)).toBe(false);
});

test('a tile shows who has voted or accepted, never what for', () => {
  expect([2, 3].map((seat) => given(room('vote'), seat))).toEqual(['voted', null]);
  expect([2, 4].map((seat) => given(room('contract'), seat))).toEqual(['accepted', null]);
  expect(given(room('round'), 2)).toBeNull();
});
