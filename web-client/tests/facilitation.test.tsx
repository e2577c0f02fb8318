// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { QUIET } from '../src/state/notes.ts';
import type { RoomView } from '../src/wire/index.ts';
import { scene } from '../screens/scenes.ts';
import { clear, click, enter, FakeSocket, hook, page, session, type, welcome, withPage } from './stage.tsx';

withPage();
afterEach(() => vi.useRealTimers());

const press = (key: string, target: EventTarget = document.body, more: KeyboardEventInit = {}) =>
  act(() => {
    target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
  });
const goesOn = (socket: FakeSocket) => socket.commands().filter((command) => command.do === 'go_on').length;

describe('the one key', () => {
  test.each([
    ['lobby', 'start', 'Begin the session'],
    ['vote', 'close_vote', 'Close the vote (3 of 8)'],
    ['round', 'phase', 'Go on to: Summary and action plan'],
    ['closing', 'end', 'End the session'],
    ['contract', 'wait', 'Waiting'],
  ] as const)('in %s it says what comes next: %s', (name, step, words) => {
    enter(name, 0);
    expect(hook('go-on')?.dataset['step']).toBe(step);
    expect(hook('go-on')?.textContent).toContain(words);
  });

  test('goes on by a click and by N, once each, and not while somebody types', () => {
    const { socket } = enter('round', 0);
    click('go-on');
    expect(goesOn(socket)).toBe(1);
    // Until the answer it is on its way.
    press('n');
    expect(goesOn(socket)).toBe(1);
    socket.answer();
    press('N');
    expect(goesOn(socket)).toBe(2);
    socket.answer();
    press('n', hook('chat-input')!);
    press('n', document.body, { ctrlKey: true });
    press('n', document.body, { repeat: true });
    expect(goesOn(socket)).toBe(2);
  });

  test('waits with its reason, and asks for nothing', () => {
    const { socket } = enter('contract', 0);
    expect(hook('go-on')?.getAttribute('aria-disabled')).toBe('true');
    const reason = document.getElementById(hook('go-on')?.getAttribute('aria-describedby') ?? '');
    expect(reason?.textContent).toBe('The contract still waits for 4 people.');
    click('go-on');
    press('n');
    expect(goesOn(socket)).toBe(0);
  });

  test('at the end it takes a second press', () => {
    const { socket } = enter('closing', 0);
    press('n');
    expect(goesOn(socket)).toBe(0);
    expect(hook('go-on')?.textContent).toContain('Once more to end');
    press('n');
    expect(goesOn(socket)).toBe(1);
  });

  test('is the chair’s alone, in anybody’s hands but theirs N is a letter', () => {
    const { socket } = enter('round', 2);
    expect(hook('go-on')).toBeNull();
    press('n');
    expect(goesOn(socket)).toBe(0);
  });

  test.each(['lobby', 'round', 'contract', 'vote', 'closing', 'breakout'] as const)(
    'the explicit way to the next phase is there in %s',
    (name) => {
      const { socket } = enter(name, 0);
      click('next-phase');
      const last = name === 'closing';
      expect(socket.commands()).toContainEqual({ do: last ? 'end_session' : 'next_phase' });
    },
  );
});

test('what an extension costs is on its label, by name, before it is taken', () => {
  const { socket } = enter('round', 0);
  const offer = hook('extend-60');
  expect(offer?.textContent).toMatch(/\+\s1\smin/);
  expect(offer?.textContent).toMatch(/Summary and action plan\s−\s40\ss, Learnings\s−\s20\ss/);
  expect(offer?.textContent).toMatch(/ends \d+:\d\d/);
  expect(hook('session-end')?.textContent).toMatch(/ends \d+:\d\d/);
  click('extend-60');
  expect(socket.commands()).toContainEqual({ do: 'extend_phase', by: 60_000 });
});

test('only the chair is shown when the session ends, the balance and who asks for help', () => {
  enter('round', 3);
  for (const hidden of ['session-end', 'balance', 'help-lines', 'tab-conduct', 'extend-phase']) {
    expect(hook(hidden), hidden).toBeNull();
  }
  expect(hook('own-share')?.textContent).toMatch(/You: 12\s?% of the talk, a fair share is 14\s?%/);
  clear();
  enter('round', 0);
  const names = [...(hook('balance')?.querySelectorAll('li > span') ?? [])].map((name) => name.textContent);
  // In the order of seats: no rank can be read from it.
  expect(names).toEqual(['Laura', 'Amine', 'Inès', 'Jean-Baptiste', 'Chloé', 'Oumar', 'Sofia']);
});

describe('a vote', () => {
  test('is cast, changed, abstained from; who chose what is nowhere', () => {
    const { socket } = enter('vote', 3);
    click('ballot-2');
    expect(socket.commands()).toContainEqual({ do: 'cast_ballot', ballot: { ballot: 'for', option: 2 } });
    click('ballot-abstain');
    expect(socket.commands()).toContainEqual({ do: 'cast_ballot', ballot: { ballot: 'abstain' } });
    expect(hook('vote-count')?.textContent).toContain('3 of 8');
    expect(hook('vote')?.textContent).toContain('secret');
  });

  test('shows the own ballot as the server has it', () => {
    enter('vote', 2);
    expect(hook('ballot-1')?.getAttribute('aria-pressed')).toBe('true');
    expect(hook('ballot-0')?.getAttribute('aria-pressed')).toBe('false');
  });

  test('a tie is the facilitator’s to break, among those who came first', () => {
    const { socket } = enter('tie', 0);
    expect(hook('choose-5')).toBeNull();
    click('choose-3');
    expect(socket.commands()).toContainEqual({ do: 'name_client', seat: 3 });
    clear();
    enter('tie', 2);
    expect(hook('choose-tied')).toBeNull();
    expect(hook('vote-result')?.textContent).toContain('Hélène decides.');
  });
});

describe('drops', () => {
  test('after the hold only the chair has the choices, each asks for itself', () => {
    const { socket } = enter('client-gone', 0);
    for (const choice of ['keep_waiting', 'in_writing', 'another_subject', 'reschedule'] as const) {
      click(`after-drop-${choice}`);
      expect(socket.commands()).toContainEqual({ do: 'after_client_drop', choice });
    }
    clear();
    enter('client-gone', 3);
    expect(hook('after-drop-in_writing')).toBeNull();
    expect(hook('banner-client_gone')?.textContent).toContain('Hélène chooses');
  });

  test('while the client is away everyone sees what they do meanwhile, as the template has it', () => {
    enter('client-away', 3);
    expect(hook('banner-client_away')?.textContent).toContain('Read your notes again in silence.');
    expect(Number(hook('until-client_away')?.dataset['seconds'])).toBeGreaterThan(95);
  });

  test('what to do meanwhile is said of the client alone, whom the template names', () => {
    enter('away', 3);
    expect(hook('banner-speaker_away')?.textContent).toContain('Their seconds are kept as well.');
    clear();
    enter('away', 3, false, (room) => {
      room.people[7]!.role = 'client';
    });
    expect(hook('banner-speaker_away')?.textContent).toContain('Read your notes again in silence.');
    clear();
    enter('chair-away', 3);
    expect(hook('banner-chair_away')?.textContent).toContain('you take the lead');
  });

  test('without a chair the group goes on together', () => {
    const { socket } = enter('autopilot', 2);
    expect(hook('want-next')?.textContent).toContain('2 of 4');
    click('want-next');
    expect(socket.commands()).toContainEqual({ do: 'want_next', wanted: true });
  });

  test('a drill is marked as one, and nobody is really gone', () => {
    enter('drill', 1);
    expect(hook('banner-drill')?.textContent).toContain('Exercise');
    expect(hook('banner-drill')?.textContent).toContain('You lose the connection');
    expect(hook('tile-1')?.dataset['presence']).toBe('away');
    expect(hook('tile-1')?.dataset['drill']).toBe('true');
    expect(hook('connection-state')?.dataset['signaling']).toBe('joined');
    expect(hook('end-drill')).toBeNull();
  });
});

describe('the record', () => {
  test('takes what the phase is for, and nothing empty', () => {
    const { socket } = enter('round', 3);
    const add = () => hook('entry-add-suggestion') as HTMLButtonElement;
    expect(add().disabled).toBe(true);
    type('entry-input-suggestion', '  Ask for time.  ');
    click('entry-add-suggestion');
    expect(socket.commands()).toContainEqual({
      do: 'add_entry',
      entry: { kind: 'suggestion', text: 'Ask for time.' },
    });
    expect((hook('entry-input-suggestion') as HTMLTextAreaElement).value).toBe('');
    expect(hook('entry-input-learning')).toBeNull();
  });

  test('a plan has what, when and a first step; the client keeps suggestions', () => {
    const { socket } = enter('plan', 1);
    type('entry-input-action', 'Talk');
    type('entry-input-action-when', 'Friday');
    type('entry-input-action-first_step', 'Write');
    click('entry-add-action');
    click('entry-keep-12');
    expect(socket.commands()).toEqual(
      expect.arrayContaining([
        {
          do: 'add_entry',
          entry: { kind: 'action', what: 'Talk', when: 'Friday', first_step: 'Write' },
        },
        { do: 'keep_entry', id: 12, kept: true },
      ]),
    );
  });

  test('a rating has stars, once a person', () => {
    const { socket } = enter('learning', 4);
    click('entry-stars-4');
    click('entry-add-rating');
    expect(socket.commands()).toContainEqual({
      do: 'add_entry',
      entry: { kind: 'rating', stars: 4, comment: '' },
    });
    clear();
    enter('learning', 2);
    expect(hook('entry-add-rating')).toBeNull();
  });

  test('is erased only when it was confirmed', () => {
    const { socket } = enter('closing', 1);
    click('record-keep');
    expect(socket.commands()).toContainEqual({ do: 'decide_record', fate: { fate: 'keep' } });
    click('record-erase');
    expect(socket.commands()).not.toContainEqual({ do: 'decide_record', fate: { fate: 'erase' } });
    click('record-erase-confirm');
    expect(socket.commands()).toContainEqual({ do: 'decide_record', fate: { fate: 'erase' } });
  });

  test('after the end it is the client’s to take while it is kept, and plainly gone after', () => {
    const { socket, room } = enter('ended', 1);
    expect(hook('ended')).not.toBeNull();
    expect(hook('export-markdown')).not.toBeNull();
    expect(hook('print-page')?.textContent).toContain('Keep a written list');
    const erased: RoomView = { ...room, state: { ...room.state, record: { fate: 'erase' } } };
    socket.say({ type: 'event', seq: 2, at: 0, event: { part: 'state', ...erased.state } });
    expect(hook('record-gone')?.textContent).toContain('Nothing of it is left');
    expect(hook('export-markdown')).toBeNull();
    expect(page().textContent).not.toContain('Keep a written list');
  });

  test('a room that is no more leaves nothing on the page either', () => {
    const { socket } = enter('ended', 1);
    expect(page().textContent).toContain('help me say no');
    socket.say({ type: 'closing', reason: 'session_ended' });
    expect(hook('record-gone')).not.toBeNull();
    for (const gone of ['help me say no', 'Keep a written list', 'Monday']) {
      expect(page().textContent).not.toContain(gone);
    }
  });

  test('everyone keeps their own notes in sight', () => {
    enter('ended', 3);
    expect(page().querySelector('.notes-left')?.textContent).toContain('Monday');
  });

  test('others learn whose it is, and have nothing to take', () => {
    enter('ended', 3);
    expect(page().textContent).toContain('belongs to Laura');
    expect(hook('export-markdown')).toBeNull();
    expect(hook('print-page')).toBeNull();
  });
});

describe('private notes', () => {
  test('save themselves, and outlive a loss in the middle of a word', () => {
    vi.useFakeTimers();
    const { socket } = enter('round', 3);
    type('notes', 'Half a thought');
    act(() => socket.onclose?.());
    act(() => void vi.advanceTimersByTime(QUIET * 2));
    expect(socket.commands().filter((command) => command.do === 'set_notes')).toEqual([]);
    type('notes', 'Half a thought, then whole');

    // Another life of the server: a whole new view, and the notes it had.
    const next = FakeSocket.last;
    act(() => next.onopen?.());
    welcome(next, scene('round', 'en', Date.now()), 3);
    next.say({ type: 'personal', notes: 'Old', talk: { spoke: 0, share: 0, fair: 0 } });
    expect((hook('notes') as HTMLTextAreaElement).value).toBe('Half a thought, then whole');
    act(() => void vi.advanceTimersByTime(QUIET * 2));
    expect(next.commands()).toContainEqual({ do: 'set_notes', text: 'Half a thought, then whole' });
    next.answer();
    expect(session.notes.value.at).toBe('saved');
  });
});

describe('the panel', () => {
  const tab = () => page().querySelector('[role=tab][aria-selected=true]')?.textContent;
  const floorOf = (name: 'silence' | 'round') => scene(name, 'en', Date.now());

  test('has the writing at hand where everyone writes, and goes back by itself', () => {
    const { socket } = enter('round', 3);
    expect(tab()).toBe('Floor');
    const silence = floorOf('silence');
    socket.say({ type: 'event', seq: 2, at: 0, event: { part: 'phase', ...silence.phase } });
    socket.say({ type: 'event', seq: 3, at: 0, event: { part: 'floor', ...silence.floor } });
    expect(tab()).toBe('Record');
    const round = floorOf('round');
    socket.say({ type: 'event', seq: 4, at: 0, event: { part: 'phase', ...round.phase } });
    socket.say({ type: 'event', seq: 5, at: 0, event: { part: 'floor', ...round.floor } });
    expect(tab()).toBe('Floor');
  });

  test('leaves alone what a person chose', () => {
    const { socket } = enter('holder', 3);
    click('tab-notes');
    const round = floorOf('round');
    socket.say({ type: 'event', seq: 2, at: 0, event: { part: 'phase', ...round.phase } });
    expect(tab()).toBe('Notes');
  });
});

test('help reaches whoever conducts, and nobody else hears of it', () => {
  const { socket } = enter('holder', 3);
  type('help-input', ' I am lost ');
  click('help-send');
  expect(socket.commands()).toContainEqual({ do: 'help', text: 'I am lost' });
  socket.answer();
  expect(page().querySelector('.toast')?.textContent).toContain('Your request has arrived.');
  clear();
  const chair = enter('holder', 0);
  expect(page().querySelector('.toast')).toBeNull();
  const view = structuredClone(session.personal.value!);
  view.chair!.help.push({ seat: 3, at: Date.now(), text: 'I am lost' });
  chair.socket.say({ type: 'personal', ...view });
  expect(page().querySelector('.toast')?.textContent).toContain('Inès asks for help: I am lost');
});

test('« hors contrat » is the client’s, where the template has it, and everyone sees it with the contract', () => {
  const { socket } = enter('round', 1);
  click('out-of-contract');
  expect(socket.commands()).toContainEqual({ do: 'out_of_contract' });
  clear();
  const other = enter('round', 3);
  expect(hook('out-of-contract')).toBeNull();
  other.socket.say({
    type: 'event',
    seq: 2,
    at: Date.now(),
    event: { part: 'out_of_contract', seat: 1 },
  });
  expect(hook('banner-out_of_contract')?.textContent).toContain('help me say no');
  clear();
  enter('holder', 1);
  expect(hook('out-of-contract')).toBeNull();
});

test('a contract names who is awaited, and is accepted by them', () => {
  const { socket } = enter('contract', 4);
  expect(hook('contract-awaits')?.textContent).toContain('Hélène, Jean-Baptiste, Chloé and Oumar');
  click('accept-contract');
  expect(socket.commands()).toContainEqual({ do: 'accept_contract' });
  clear();
  enter('contract', 2);
  expect((hook('accept-contract') as HTMLButtonElement).disabled).toBe(true);
});

describe('floors', () => {
  test('the asker names whom they ask', () => {
    const { socket } = enter('ask', 3);
    click('ask-5');
    expect(socket.commands()).toContainEqual({ do: 'yield_floor', to: 5 });
  });

  test('a seat in the circle is taken and given back', () => {
    const { socket } = enter('circle', 2);
    click('hand');
    expect(socket.commands()).toContainEqual({ do: 'request_floor' });
    clear();
    const seated = enter('circle', 3);
    click('release');
    expect(seated.socket.commands()).toContainEqual({ do: 'release_floor' });
  });

  test('in a breakout one sees with whom, and the facilitator visits', () => {
    enter('breakout', 5);
    expect(hook('groups')?.textContent).toContain('Group 3: you, Oumar and Sofia');
    expect(Number(hook('group-clock')?.dataset['seconds'])).toBeGreaterThan(190);
    expect(hook('visit-2')).toBeNull();
    expect(hook('tile-1')?.dataset['aside']).toBe('apart');
    expect(hook('tile-6')?.dataset['aside']).toBe('no');
    clear();
    const { socket } = enter('breakout', 0);
    click('visit-2');
    expect(socket.commands()).toContainEqual({ do: 'visit_group', group: 2 });
  });

  test('the end of one’s own turn counts down to the cut', () => {
    enter('grace-mine', 2);
    expect(hook('turn-holder')?.textContent).toMatch(/Finish: [67]\ss/);
    expect(hook('turn-clock')?.dataset['mood']).toBe('grace');
  });

  test('whoever comes late is told when they enter', () => {
    enter('entering', 4);
    expect(hook('banner-entering')?.textContent).toMatch(/You enter when Sofia.s turn ends/);
  });

  test('a phase that leads on by itself is announced, and the chair may stay', () => {
    const { socket } = enter('advance', 0);
    expect(hook('advance')?.textContent).toContain('Summary and action plan begins in');
    click('stay');
    expect(socket.commands()).toContainEqual({ do: 'stay' });
    clear();
    enter('advance', 3);
    expect(hook('advance')).not.toBeNull();
    expect(hook('stay')).toBeNull();
  });
});
