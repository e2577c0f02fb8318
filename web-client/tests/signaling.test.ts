import { describe, expect, test } from 'vitest';
import {
  initial,
  isLongAway,
  LONGEST_PAUSE,
  MAX_PENDING,
  OPEN_LIMIT,
  PING_EVERY,
  SILENCE_LIMIT,
  SUSPECTED_LIMIT,
  transition,
  type Effect,
  type Input,
  type State,
  TURNED_AWAY_PAUSE,
} from '../src/signaling/machine.ts';
import { LONG_AWAY } from '../src/signaling/backoff.ts';
import type { ClosingReason, ServerMessage } from '../src/wire/index.ts';
import { clientGolden, serverGolden, welcome } from './golden.ts';

/** Runs inputs one after another and keeps what was asked for. */
class Run {
  state: State = initial({ token: 'link', language: 'fr' });
  effects: Effect[] = [];

  do(...inputs: Input[]): Effect[] {
    const asked = inputs.flatMap((input) => {
      const step = transition(this.state, input);
      this.state = step.state;
      return step.effects;
    });
    this.effects.push(...asked);
    return asked;
  }

  hear(message: ServerMessage, now: number, jitter = 0): Effect[] {
    return this.do({ type: 'message', now, message, jitter });
  }

  join(now = 0): void {
    this.do({ type: 'start', now }, { type: 'opened', now });
    this.hear({ ...welcome(), seq: 10, last_command: 0 }, now);
  }

  lose(now: number): Effect[] {
    return this.do({ type: 'socket_closed', now, jitter: 0 });
  }

  tick(now: number): Effect[] {
    return this.do({ type: 'tick', now, jitter: 0 });
  }
}

const sent = (effects: Effect[]) =>
  effects.flatMap((effect) => (effect.do === 'send' ? [effect.message] : []));

describe('entering', () => {
  test('says hello without a place the first time, as the golden file has it', () => {
    const run = new Run();
    expect(run.do({ type: 'start', now: 0 })).toEqual([{ do: 'open' }]);
    const [hello] = sent(run.do({ type: 'opened', now: 5 }));
    expect(hello).toEqual({ type: 'hello', version: 3, token: 'link', language: 'fr' });
    expect(Object.keys(hello ?? {}).sort()).toEqual(Object.keys(clientGolden('client.hello')).sort());
  });

  test('a socket that never answers is given up and tried again', () => {
    const run = new Run();
    run.do({ type: 'start', now: 0 });
    expect(run.tick(OPEN_LIMIT - 1)).toEqual([]);
    expect(run.tick(OPEN_LIMIT)).toEqual([{ do: 'close' }]);
    expect(run.state.phase).toMatchObject({ kind: 'waiting', attempt: 2 });
  });

  test('commands given before the welcome wait for their numbers', () => {
    const run = new Run();
    run.do(
      { type: 'start', now: 0 },
      { type: 'command', command: { do: 'request_floor' } },
      { type: 'opened', now: 0 },
    );
    expect(sent(run.effects).filter(({ type }) => type === 'command')).toEqual([]);
    const asked = sent(run.hear({ ...welcome(), last_command: 41 }, 1));
    expect(asked).toEqual([{ type: 'command', id: 42, command: { do: 'request_floor' } }]);
  });
});

describe('a lost connection', () => {
  test('comes back at once, with its place, and says the same commands again', () => {
    const run = new Run();
    run.join();
    run.do(
      { type: 'command', command: { do: 'request_floor' } },
      { type: 'command', command: { do: 'pass' } },
    );
    run.hear({ type: 'answer', id: 1, answer: { result: 'done' } }, 10);
    run.lose(100);
    expect(run.tick(100)).toEqual([{ do: 'open' }]);
    const [hello] = sent(run.do({ type: 'opened', now: 120 }));
    expect(hello).toMatchObject({ resume: { token: welcome().resume_token, last_seq: 10 } });
    expect(Object.keys(hello ?? {}).sort()).toEqual(Object.keys(clientGolden('client.hello.resume')).sort());
    const resumed = { ...serverGolden('server.resumed', 'resumed'), last_command: 1, resume_token: 'next' };
    const effects = run.hear(resumed, 130);
    expect(effects[0]).toMatchObject({ do: 'resumed' });
    expect(sent(effects)).toEqual([{ type: 'command', id: 2, command: { do: 'pass' } }]);
    const last = Math.max(10, ...resumed.events.map(({ seq }) => seq));
    expect(run.state.phase).toMatchObject({ kind: 'joined', place: { resumeToken: 'next', lastSeq: last } });
  });

  test('a command whose answer was lost with the connection is said again, for its answer', () => {
    const run = new Run();
    run.join();
    run.do({ type: 'command', command: { do: 'next_phase' } });
    run.lose(100);
    run.tick(100);
    run.do({ type: 'opened', now: 110 });
    const resumed = { ...serverGolden('server.resumed', 'resumed'), last_command: 1 };
    expect(sent(run.hear(resumed, 120))).toEqual([{ type: 'command', id: 1, command: { do: 'next_phase' } }]);
  });

  test('a command that the server carried out before the loss is not said again', () => {
    const run = new Run();
    run.join();
    run.do({ type: 'command', command: { do: 'next_phase' } });
    run.lose(100);
    run.tick(100);
    run.do({ type: 'opened', now: 110 });
    const effects = run.hear({ ...welcome(), last_command: 1 }, 120);
    expect(sent(effects)).toEqual([]);
    const over = { do: 'answered', command: { do: 'next_phase' }, answer: { result: 'done' } };
    expect(effects).toContainEqual(over);
    expect(run.state.pending).toEqual([]);
    expect(run.do({ type: 'command', command: { do: 'pass' } })).toEqual([
      { do: 'send', message: { type: 'command', id: 2, command: { do: 'pass' } } },
    ]);
  });

  test('silence is a loss, and pings leave before it', () => {
    const run = new Run();
    run.join(0);
    expect(sent(run.tick(0))).toEqual([{ type: 'ping', at: 0 }]);
    expect(run.tick(PING_EVERY - 1)).toEqual([]);
    expect(sent(run.tick(PING_EVERY))).toEqual([{ type: 'ping', at: PING_EVERY }]);
    run.hear({ type: 'pong', at: 0, now: 5 }, 2500);
    const looks = Array.from({ length: SILENCE_LIMIT / 100 - 1 }, (_, at) => run.tick(2600 + 100 * at));
    expect(looks.flat().some((effect) => effect.do === 'close')).toBe(false);
    expect(run.tick(2500 + SILENCE_LIMIT)).toEqual([{ do: 'close' }]);
    expect(run.state.phase.kind).toBe('waiting');
  });

  test('retries slow down, and a network that is back is taken at once', () => {
    const run = new Run();
    run.join();
    run.lose(0);
    run.tick(0);
    run.lose(10);
    expect(run.state.phase).toMatchObject({ kind: 'waiting', attempt: 2, retryAt: 160 });
    expect(run.tick(159)).toEqual([]);
    expect(run.do({ type: 'online', now: 159 })).toEqual([{ do: 'open' }]);
  });

  test('a hint at a loss asks the server at once, and waits less long for its answer', () => {
    const run = new Run();
    run.join();
    run.tick(0);
    expect(sent(run.do({ type: 'suspect', now: 500 }))).toEqual([{ type: 'ping', at: 500 }]);
    expect(run.tick(500 + SUSPECTED_LIMIT - 1)).toEqual([]);
    expect(run.tick(500 + SUSPECTED_LIMIT)).toEqual([{ do: 'close' }]);
    // An answer, or a voice in the tunnel, clears it.
    for (const clear of [
      { type: 'message', now: 700, message: { type: 'pong', at: 500, now: 1 }, jitter: 0 },
      { type: 'frame', now: 700 },
    ] as const) {
      const well = new Run();
      well.join();
      well.tick(0);
      well.do({ type: 'suspect', now: 500 }, clear);
      expect(well.tick(500 + SUSPECTED_LIMIT)).not.toContainEqual({ do: 'close' });
      expect(well.state.phase.kind).toBe('joined');
    }
  });

  test.each([
    ['before the clock is looked at again', 9_000, []],
    ['soon after it', 10_100, [9_000, 10_000]],
  ])('what was lost in its sleep is told apart from a broken network: %s', (_, lostAt, ticks) => {
    const resumed = { ...serverGolden('server.resumed', 'resumed'), last_command: 0 };
    const back = (run: Run, at: number) => {
      run.lose(at);
      run.tick(at + 100);
      run.tick(at + 105);
      run.do({ type: 'opened', now: at + 110 });
      return run.hear(resumed, at + 120)[0];
    };
    const slept = new Run();
    slept.join();
    slept.tick(500);
    for (const now of ticks) slept.tick(now);
    expect(back(slept, lostAt)).toMatchObject({ do: 'resumed', asleep: true });
    const awake = new Run();
    awake.join();
    for (let now = 500; now <= 4_000; now += 500) awake.tick(now);
    expect(back(awake, 4_100)).toMatchObject({ do: 'resumed', asleep: false });
  });

  test('a page that slept asks before it believes in a loss', () => {
    const run = new Run();
    run.join();
    run.tick(100);
    expect(sent(run.tick(600_000))).toEqual([{ type: 'ping', at: 600_000 }]);
    expect(run.state.phase.kind).toBe('joined');
    expect(run.tick(600_000 + SUSPECTED_LIMIT - 1)).toEqual([]);
    expect(run.tick(600_000 + SUSPECTED_LIMIT)).toEqual([{ do: 'close' }]);
  });

  test('whoever speaks or conducts is back first', () => {
    const run = new Run();
    run.join();
    run.do({ type: 'priority', priority: 'first' });
    run.do({ type: 'socket_closed', now: 100, jitter: 0.9 });
    expect(run.state.phase).toMatchObject({ kind: 'waiting', retryAt: 100 });
    const other = new Run();
    other.join();
    other.do({ type: 'socket_closed', now: 100, jitter: 0.9 });
    expect(other.state.phase).toMatchObject({ kind: 'waiting', retryAt: 280 });
  });

  /** Away for so long that an attempt is made only now and then. */
  const longAway = () => {
    const run = new Run();
    run.join();
    run.lose(0);
    run.tick(0);
    run.lose(LONG_AWAY);
    return run;
  };

  test('after long enough it goes on by itself, rarely, and their place is still known', () => {
    const run = longAway();
    let now = LONG_AWAY;
    for (let minute = 0; minute < 100; minute++) {
      expect(isLongAway(run.state.phase, now)).toBe(true);
      for (const next = now + 45_000; now < next - 1000; now += 1000) expect(run.tick(now)).toEqual([]);
      expect(run.tick((now += 1000))).toEqual([{ do: 'open' }]);
      expect(isLongAway(run.state.phase, now), 'nor is an attempt a change').toBe(true);
      expect(sent(run.do({ type: 'opened', now }))[0]).toHaveProperty('resume');
      run.lose(now);
    }
  });

  test.each(['online', 'suspect'] as const)(
    'after that %s is taken at once, and tried often again',
    (type) => {
      const run = longAway();
      const now = 2 * LONG_AWAY;
      expect([...run.do({ type, now }), ...run.tick(now)]).toEqual([{ do: 'open' }]);
      expect(isLongAway(run.state.phase, now)).toBe(false);
      run.lose(now + 10);
      expect(run.state.phase).toMatchObject({ kind: 'waiting', retryAt: now + 160 });
      // Also when it comes in the middle of a rare attempt.
      const trying = longAway();
      trying.tick(now);
      expect(trying.do({ type, now: now + 5 })).toEqual([]);
      trying.lose(now + 10);
      expect(trying.state.phase).toMatchObject({ kind: 'waiting', retryAt: now + 160 });
    },
  );

  test('whoever left so long ago is not waited for, and knocks no more', () => {
    const run = new Run();
    run.join();
    run.lose(0);
    run.do({ type: 'leave' });
    run.tick(0);
    run.lose(LONG_AWAY - 1);
    expect(run.state.phase.kind).toBe('waiting');
    run.tick(2 * LONG_AWAY);
    run.lose(2 * LONG_AWAY);
    expect(run.state.phase).toEqual({ kind: 'closed', reason: 'left' });
  });

  test('a network that is back opens nothing where the seat is taken or given up', () => {
    for (const reason of ['taken_over', 'left'] as const) {
      const run = new Run();
      run.join();
      run.hear({ type: 'closing', reason }, 1);
      expect(run.do({ type: 'online', now: 2 })).toEqual([]);
    }
  });

  test('a flood of commands while away is bounded', () => {
    const run = new Run();
    run.join();
    run.lose(0);
    const ask = () => run.do({ type: 'command', command: { do: 'cannot_hear' } });
    for (let i = 0; i < MAX_PENDING; i++) expect(ask()).toEqual([]);
    const refused = { result: 'refused', code: 'too_fast' };
    for (let i = 0; i < MAX_PENDING; i++) {
      expect(ask()).toEqual([{ do: 'answered', command: { do: 'cannot_hear' }, answer: refused }]);
    }
    expect(run.state.pending).toHaveLength(MAX_PENDING);
  });
});

describe('events', () => {
  test('one that was seen already is not delivered twice', () => {
    const run = new Run();
    run.join();
    const event = { ...serverGolden('server.event.chat', 'event'), seq: 11 };
    expect(run.hear(event, 1)).toEqual([{ do: 'deliver', message: event }]);
    expect(run.hear(event, 2)).toEqual([]);
  });

  test('nothing is delivered before the welcome', () => {
    const run = new Run();
    run.do({ type: 'start', now: 0 }, { type: 'opened', now: 0 });
    expect(run.hear({ type: 'media_lost' }, 1)).toEqual([]);
  });
});

describe('closing', () => {
  const final: ClosingReason[] = [
    'hello_expected',
    'version_mismatch',
    'bad_token',
    'token_expired',
    'room_gone',
    'taken_over',
    'left',
    'session_ended',
  ];
  test.each(final)('%s is final', (reason) => {
    const run = new Run();
    run.join();
    expect(run.hear({ type: 'closing', reason }, 5)).toEqual([{ do: 'close' }]);
    expect(run.state.phase).toEqual({ kind: 'closed', reason });
    expect(run.tick(60_000)).toEqual([]);
    expect(run.lose(60_000)).toEqual([]);
  });

  test.each<[ClosingReason, number]>([
    ['too_slow', 0],
    ['restarting', 0],
    ['flooding', TURNED_AWAY_PAUSE],
    ['full', TURNED_AWAY_PAUSE],
  ])('after %s the page comes back in %i ms', (reason, pause) => {
    const run = new Run();
    run.join();
    run.hear({ type: 'closing', reason }, 5);
    if (pause > 0) expect(run.tick(5 + pause - 1)).toEqual([]);
    expect(run.tick(5 + pause)).toEqual([{ do: 'open' }]);
  });

  test('a server that restarts says when to come back, within reason, and has spread its pages itself', () => {
    for (const [after, due] of [
      [0, 5],
      [20, 25],
      [1200, 1205],
      [3_600_000, 5 + LONGEST_PAUSE],
    ] as const) {
      const run = new Run();
      run.join();
      run.hear({ type: 'closing', reason: 'restarting', after }, 5, 0.9);
      expect(run.state.phase).toMatchObject({ kind: 'waiting', retryAt: due });
    }
  });

  test('of a server that goes on with the media says until when, once', () => {
    const run = new Run();
    run.join();
    const until = () =>
      run.hear(welcome(), 40).flatMap((effect) => (effect.do === 'welcome' ? [effect.mediaUntil] : []));
    run.hear(serverGolden('server.closing.media_for', 'closing'), 5);
    expect(run.tick(5)).toEqual([{ do: 'open' }]);
    run.do({ type: 'opened', now: 20 });
    expect(until()).toEqual([1505]);
    // One that does not have the room yet sends the page away once more.
    run.hear(serverGolden('server.closing.media_for', 'closing'), 30);
    run.tick(30);
    run.do({ type: 'opened', now: 35 });
    run.hear({ type: 'closing', reason: 'restarting' }, 40, 0);
    expect(run.tick(400)).toEqual([{ do: 'open' }]);
    run.do({ type: 'opened', now: 405 });
    expect(until()).toEqual([1530]);
    run.lose(450);
    run.tick(1000);
    run.do({ type: 'opened', now: 1010 });
    expect(until()).toEqual([0]);
  });

  test('leaving without a connection is said by the next one', () => {
    const run = new Run();
    run.join();
    run.lose(100);
    expect(run.do({ type: 'leave' })).toEqual([]);
    expect(run.tick(100)).toEqual([{ do: 'open' }]);
    run.do({ type: 'opened', now: 110 });
    expect(run.hear(welcome(), 120)).toEqual([
      { do: 'send', message: clientGolden('client.leave') },
      { do: 'close' },
    ]);
    expect(run.state.phase).toEqual({ kind: 'closed', reason: 'left' });
  });

  test('leaving says so first', () => {
    const run = new Run();
    run.join();
    expect(run.do({ type: 'leave' })).toEqual([
      { do: 'send', message: clientGolden('client.leave') },
      { do: 'close' },
    ]);
  });
});

test('another language asks for the whole room again', () => {
  const run = new Run();
  run.join();
  expect(run.do({ type: 'language', language: 'en', now: 9 })).toEqual([{ do: 'close' }, { do: 'open' }]);
  const [hello] = sent(run.do({ type: 'opened', now: 10 }));
  expect(hello).toEqual({ type: 'hello', version: 3, token: 'link', language: 'en' });
});
