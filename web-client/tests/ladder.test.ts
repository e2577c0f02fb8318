import { describe, expect, test } from 'vitest';
import {
  carrierOf,
  FRESH_AFTER,
  HOLDS_AFTER,
  PATIENCE,
  PAUSE_TUNNELLED,
  soundless,
  TUNNEL_AFTER,
  TUNNEL_AFTER_ENTERING,
  TUNNEL_AGAIN,
  TUNNEL_ENDS_WITHIN,
  WRITING_AFTER,
  type MediaInput,
} from '../src/media/ladder.ts';
import { AHEAD, atALook, beside, LATER, offer, recovered, Run } from './climb.ts';

describe('entering', () => {
  test('offers afresh on joining, and takes only the awaited answer', () => {
    const run = new Run();
    expect(run.do({ type: 'joined', again: false })).toEqual([offer('fresh', 1)]);
    expect(run.do({ type: 'answered', generation: 0 })).toEqual([]);
    expect(run.do({ type: 'answered', generation: 1 })).toEqual([{ do: 'apply' }]);
  });

  test('a refused offer is made again afresh, after a pause', () => {
    const run = new Run();
    run.do({ type: 'joined', again: false });
    expect(run.do({ type: 'refused', generation: 1 }, 1)).toEqual([]);
    expect(run.do({ type: 'tick' }, 2)).toEqual([]);
    expect(run.do({ type: 'tick' }, 501)).toEqual([offer('fresh', 2)]);
  });

  test('a page that was loaded again tells how long it heard nothing', () => {
    const run = new Run();
    run.do({ type: 'joined', again: false, cause: 'page_reloaded', heardAt: -1200 }, 300);
    run.answer();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 500)).toEqual([
      recovered('new_transport', 'page_reloaded', 1700),
    ]);
  });

  test('where nothing but the signaling connection passes, voices take it', () => {
    const run = new Run();
    run.do({ type: 'joined', again: false });
    run.answer();
    const asked = run.wait(TUNNEL_AFTER_ENTERING + 150);
    expect(asked.filter(([, { do: what }]) => what === 'tunnel').map(([at]) => at)).toEqual([
      TUNNEL_AFTER_ENTERING,
    ]);
    // It is no loss: nothing is reported.
    expect(run.do({ type: 'tunnel_said', on: true })).toEqual([]);
    expect(carrierOf(run.state)).toBe('tunnel');
  });
});

describe('a path that dies', () => {
  test('is restarted at once with the credentials held out ahead, signaling or not', () => {
    for (const signaling of [true, false]) {
      const run = new Run();
      run.up(AHEAD);
      if (!signaling) run.do({ type: 'signaling_lost' }, 4000);
      expect(run.die()).toEqual([{ do: 'restart', credentials: AHEAD }]);
      run.do({ type: 'answer_applied' }, 5010);
      expect(run.do({ type: 'path_alive', via: 'udp' }, 5200)).toEqual([
        recovered('ice_restart', 'path_dead', 800),
      ]);
    }
  });

  test('credentials serve one path; those that came meanwhile are kept for the next', () => {
    const run = new Run();
    run.up(AHEAD);
    run.die();
    run.do({ type: 'answer_applied' });
    run.do({ type: 'path_alive', via: 'udp' });
    expect(run.state.ahead).toBeNull();
    run.do({ type: 'next_ice', ahead: LATER });
    expect(run.die(9000)).toEqual([{ do: 'restart', credentials: LATER }]);
    run.do({ type: 'answer_applied' });
    // The server's word may come before the page has heard anything on the new path.
    run.do({ type: 'next_ice', ahead: AHEAD });
    run.do({ type: 'path_alive', via: 'udp' });
    expect(run.state.ahead).toEqual(AHEAD);
  });

  test('without them it is restarted by an offer, or as soon as one can be made', () => {
    const run = new Run();
    run.up();
    expect(run.die()).toEqual([offer('restart', 2)]);
    const away = new Run();
    away.up();
    away.do({ type: 'signaling_lost' }, 4900);
    expect(away.die()).toEqual([]);
    expect(away.wait(9000)).toEqual([]);
    expect(away.do({ type: 'resumed', mediaAlive: true, slept: false })).toEqual([offer('restart', 2)]);
  });

  test('gets a new transport before the restart is given up, and the tunnel beside that', () => {
    const run = new Run();
    run.up(AHEAD);
    run.die(6000);
    run.do({ type: 'answer_applied' });
    const asked = run.wait(6000 + WRITING_AFTER + 150);
    expect(asked.slice(0, 2)).toEqual([
      [6000 + atALook(FRESH_AFTER.ahead), beside(3)],
      [6000 + 2400, { do: 'tunnel', on: true }],
    ]);
    expect(TUNNEL_AFTER).toBeLessThanOrEqual(2400);
    expect(FRESH_AFTER.ahead).toBeLessThanOrEqual(600);
    // And both again and again, as long as nothing carries.
    expect(asked.slice(2).map(([, effect]) => effect.do)).toEqual(['offer', 'tunnel']);
    expect(soundless(run.state, run.now)).toBe(true);
  });

  test('that comes back over TCP or a relay tells that the network is filtered', () => {
    for (const via of ['tcp', 'turn'] as const) {
      const run = new Run();
      run.up(AHEAD);
      run.die();
      run.do({ type: 'answer_applied' });
      expect(run.do({ type: 'path_alive', via }, 5900)).toEqual([recovered(via, 'udp_blocked', 1500)]);
      expect(run.state.stage).toMatchObject({ at: 'up', via });
      // From TCP to TCP, the network is what it was.
      run.do({ type: 'next_ice', ahead: LATER });
      run.die(12_000);
      run.do({ type: 'answer_applied' });
      expect(run.do({ type: 'path_alive', via }, 12_400)).toEqual([
        recovered('ice_restart', 'path_dead', 1000),
      ]);
    }
  });

  test('in its sleep is told apart', () => {
    const run = new Run();
    run.up(AHEAD);
    run.die(600_000, true);
    run.do({ type: 'answer_applied' });
    expect(run.do({ type: 'path_alive', via: 'udp' }, 600_200)).toEqual([
      recovered('ice_restart', 'suspended', 800),
    ]);
  });

  test('and comes back by itself while nothing could be tried was followed by the server', () => {
    const run = new Run();
    run.up();
    run.do({ type: 'signaling_lost' });
    run.die();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 5300)).toEqual([recovered('rebind', 'path_dead', 900)]);
    expect(run.do({ type: 'hiccup', gap: 450 }, 9000)).toEqual([recovered('rebind', 'path_dead', 450)]);
  });

  test('is restarted again and again while signaling is away, for networks that come later', () => {
    const run = new Run();
    run.up(AHEAD);
    run.do({ type: 'signaling_lost' });
    run.die(6000);
    run.do({ type: 'answer_applied' });
    const asked = run.wait(6000 + 3 * PATIENCE + 600);
    expect(asked.length).toBeGreaterThanOrEqual(2);
    for (const [, effect] of asked) expect(effect).toEqual({ do: 'restart', credentials: AHEAD });
  });

  test('is tried anew at once when the machine has another network', () => {
    const run = new Run();
    run.up(AHEAD);
    run.do({ type: 'signaling_lost' });
    run.die();
    run.do({ type: 'answer_applied' });
    expect(run.do({ type: 'network_changed' }, 7000)).toEqual([{ do: 'restart', credentials: AHEAD }]);
    run.do({ type: 'resumed', mediaAlive: true, slept: false }, 7100);
    expect(run.do({ type: 'network_changed' }, 7200)).toEqual([beside(4)]);
    // A path that is well is left alone.
    const well = new Run();
    well.up();
    expect(well.do({ type: 'network_changed' })).toEqual([]);
  });
});

describe('the server', () => {
  test('that resumes leaves living media untouched, and has forgotten ones made afresh', () => {
    const run = new Run();
    run.up();
    run.do({ type: 'signaling_lost' });
    expect(run.do({ type: 'resumed', mediaAlive: true, slept: false, ahead: AHEAD })).toEqual([]);
    expect(run.state.stage.at).toBe('up');
    expect(run.state.ahead).toEqual(AHEAD);
    expect(run.do({ type: 'resumed', mediaAlive: false, slept: false })).toEqual([offer('fresh', 2)]);
  });

  test('that was restarted is the cause, whatever the silence before seemed to be', () => {
    const run = new Run();
    run.up(AHEAD);
    run.do({ type: 'signaling_lost' }, 4500);
    run.die();
    run.do({ type: 'answer_applied' });
    expect(run.do({ type: 'joined', again: true }, 7000)).toEqual([offer('fresh', 3)]);
    run.answer();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 7400)).toEqual([
      recovered('new_transport', 'server_restarted', 3000),
    ]);
  });

  test('that lost the media has them made afresh, once', () => {
    const run = new Run();
    run.up();
    expect(run.do({ type: 'media_lost' }, 1)).toEqual([offer('fresh', 2)]);
    expect(run.do({ type: 'media_lost' }, 2)).toEqual([]);
  });

  test('that ended the session is offered nothing more', () => {
    const run = new Run();
    run.up(AHEAD);
    run.do({ type: 'over' });
    run.do({ type: 'media_lost' });
    run.do({ type: 'path_dead', heardAt: 0, slept: false });
    expect(run.wait(60_000)).toEqual([]);
  });
});

describe('the tunnel', () => {
  const tunnelled = () => {
    const run = new Run();
    run.up(AHEAD);
    run.die(6000);
    run.do({ type: 'answer_applied' });
    run.wait(6000 + TUNNEL_AFTER + 150);
    expect(run.state.tunnel.at).toBe('asked');
    expect(run.do({ type: 'tunnel_said', on: true }, 8800)).toEqual([
      recovered('tunnel', 'udp_blocked', 3400),
    ]);
    return run;
  };

  test('carries while new transports go on being tried, without hurry', () => {
    const run = tunnelled();
    const offers = run.wait(60_000).filter(([, effect]) => effect.do === 'offer');
    expect(offers.length).toBeGreaterThan(2);
    for (let i = 2; i < offers.length; i++) {
      expect(offers[i]![0] - offers[i - 1]![0]).toBeGreaterThanOrEqual(PATIENCE + PAUSE_TUNNELLED - 150);
    }
    expect(carrierOf(run.state)).toBe('tunnel');
    expect(soundless(run.state, run.now)).toBe(false);
  });

  test('is kept until the server sees the new transport, and the way back is not told twice', () => {
    const run = tunnelled();
    run.answer();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 20_000)).toEqual([]);
    expect(run.state.tunnel.at).toBe('ending');
    expect(run.do({ type: 'tunnel_said', on: false }, 20_050)).toEqual([]);
    expect(run.state.tunnel.at).toBe('closed');
    expect(run.wait(60_000)).toEqual([]);
  });

  // The server may see the new transport before the page does, or after it.
  test.each([
    [20_000, 20_050],
    [20_050, 20_000],
  ])('that ended well is there at once for the next trouble', (alive, said) => {
    const run = tunnelled();
    run.answer();
    const news = [
      [alive, { type: 'path_alive', via: 'udp' }],
      [said, { type: 'tunnel_said', on: false }],
    ] as const;
    for (const [at, input] of alive < said ? news : news.toReversed()) run.do(input, at);
    run.do({ type: 'path_dead', heardAt: 20_100, slept: false }, 20_700);
    const asked = run.wait(20_700 + TUNNEL_AFTER + 150).filter(([, effect]) => effect.do === 'tunnel');
    expect(asked).toHaveLength(1);
  });

  test('is ended by the page when the server does not', () => {
    const run = tunnelled();
    run.answer();
    run.do({ type: 'path_alive', via: 'udp' }, 20_000);
    const [ended] = run.wait(20_000 + TUNNEL_ENDS_WITHIN + 300);
    expect(ended?.[1]).toEqual({ do: 'tunnel', on: false });
  });

  test('is not asked for again while the transport that ended it comes alive', () => {
    const run = tunnelled();
    run.do({ type: 'tunnel_said', on: false }, 10_000);
    const asked = run.wait(10_000 + TUNNEL_AGAIN + 300).filter(([, effect]) => effect.do === 'tunnel');
    expect(asked.map(([at]) => at >= 10_000 + TUNNEL_AGAIN)).toEqual([true]);
  });

  test('is asked for again by a page that resumes', () => {
    const run = tunnelled();
    run.do({ type: 'signaling_lost' }, 9000);
    expect(carrierOf(run.state)).toBe('none');
    run.do({ type: 'resumed', mediaAlive: true, slept: false }, 9500);
    expect(run.do({ type: 'tick' }, 9501)).toContainEqual({ do: 'tunnel', on: true });
  });

  test('is never asked for by a browser that cannot', () => {
    const run = new Run(false);
    run.up();
    run.die();
    expect(run.wait(60_000).filter(([, effect]) => effect.do === 'tunnel')).toEqual([]);
    const fails = tunnelled();
    expect(fails.do({ type: 'tunnel_failed' })).toEqual([{ do: 'tunnel', on: false }]);
    expect(fails.wait(60_000).filter(([, effect]) => effect.do === 'tunnel')).toEqual([]);
  });
});

test('in whatever order things happen, no offer leaves without signaling, and troubles end with a path', () => {
  const inputs: MediaInput[] = [
    { type: 'joined', again: true },
    { type: 'resumed', mediaAlive: true, slept: false },
    { type: 'resumed', mediaAlive: false, slept: false, ahead: LATER },
    { type: 'signaling_lost' },
    { type: 'answer_applied' },
    { type: 'next_ice', ahead: AHEAD },
    { type: 'failed' },
    { type: 'media_lost' },
    { type: 'path_alive', via: 'udp' },
    { type: 'path_alive', via: 'tcp' },
    { type: 'path_dead', heardAt: 0, slept: false },
    { type: 'before_alive', via: 'tcp' },
    { type: 'before_dead', heardAt: 0 },
    { type: 'hiccup', gap: 500 },
    { type: 'tunnel_said', on: true },
    { type: 'tunnel_said', on: false },
    { type: 'tunnel_failed' },
    { type: 'network_changed' },
    { type: 'asked' },
    { type: 'tick' },
    { type: 'tick' },
  ];
  for (let seed = 1; seed <= 300; seed++) {
    let random = seed;
    const next = (below: number) => {
      random = (random * 48_271) % 2_147_483_647;
      return random % below;
    };
    const run = new Run(seed % 5 > 0);
    run.do({ type: 'joined', again: false });
    let generation = run.state.generation;
    for (let step = 0; step < 200; step++) {
      const input =
        next(8) === 0
          ? { type: 'answered' as const, generation: run.state.generation - next(2) }
          : next(30) === 0
            ? { type: 'joined' as const, again: true, mediaUntil: run.now + 1500 }
            : inputs[next(inputs.length)]!;
      const was = run.state;
      const effects = run.do(input, run.now + next(900));
      for (const effect of effects) {
        if (effect.do === 'offer') {
          expect(run.state.signaling).toBe(true);
          expect(effect.generation).toBeGreaterThan(generation);
          generation = effect.generation;
          // A seat has two at most: nothing that carries is pushed out by what comes.
          if (effect.beside) expect(was.before.at).not.toBe('carrying');
        }
        if (effect.do === 'return') expect(['carrying', 'restarting']).toContain(was.before.at);
        if (effect.do === 'tunnel' && effect.on) {
          expect(run.state.signaling).toBe(true);
          expect(carrierOf(run.state)).toBe('none');
        }
        if (effect.do === 'recovered') expect(effect.gap).toBeGreaterThanOrEqual(0);
      }
      const { stage, before, trouble } = run.state;
      if (stage.at !== 'up') expect(trouble).not.toBeNull();
      else if (run.now - stage.since >= HOLDS_AFTER) expect(trouble).toBeNull();
      // Who carries or leaves has a successor.
      if (before.at === 'leaving') expect(stage.at).toBe('up');
      if (before.at === 'carrying' || before.at === 'restarting')
        expect(['offered', 'connecting', 'pausing']).toContain(stage.at);
      if (!run.state.signaling) expect(run.state.tunnel.at).toBe('closed');
      if (!run.state.tunnels) expect(run.state.tunnel.at).toBe('closed');
    }
    // Wherever it stands, signaling and a network bring it up again.
    run.do({ type: 'resumed', mediaAlive: true, slept: false });
    for (let tries = 0; tries < 40 && run.state.stage.at !== 'up'; tries++) {
      run.wait(run.now + 600);
      if (run.state.stage.at === 'offered') run.answer();
      run.do({ type: 'path_alive', via: 'udp' });
    }
    expect(run.state.stage.at, `seed ${seed}`).toBe('up');
    run.wait(run.now + HOLDS_AFTER + 150);
    expect(run.state, `seed ${seed}`).toMatchObject({ before: { at: 'none' }, trouble: null });
  }
});
