import { describe, expect, test } from 'vitest';
import {
  carrierOf,
  FRESH_AFTER,
  HOLDS_AFTER,
  LEAVES_AFTER,
  PATIENCE,
  PAUSE_TUNNELLED,
  soundless,
  SURE_AFTER,
  TUNNEL_AFTER,
  WRITING_AFTER,
} from '../src/media/ladder.ts';
import { AHEAD, atALook, beside, LATER, offer, recovered, Run } from './climb.ts';

const RETURN = { do: 'return' };
const restart = (credentials = AHEAD) => ({ do: 'restart', credentials });

const FRESH = 6000 + atALook(FRESH_AFTER.ahead);

/** A path that died at 6000 while nothing else was the matter; a new transport was offered beside its restart. */
const restarting = (tunnels = true) => {
  const run = new Run(tunnels);
  run.up(AHEAD);
  expect(run.die(6000)).toEqual([restart()]);
  run.do({ type: 'answer_applied' });
  expect(run.wait(FRESH)).toEqual([[FRESH, beside(3)]]);
  expect(run.state.before).toEqual({ at: 'restarting', way: 'ahead' });
  return run;
};

describe('a new connection that a person asks for', () => {
  const asked = () => {
    const run = new Run();
    run.up(AHEAD);
    expect(run.do({ type: 'asked' }, 6000)).toEqual([beside(2)]);
    return run;
  };

  test('is made beside one that is well, which leaves soon after', () => {
    const run = asked();
    expect(carrierOf(run.state)).toBe('udp');
    // Asked again, it is the new one that is made anew.
    expect(run.do({ type: 'asked' }, 6000)).toEqual([offer('fresh', 3)]);
    run.answer();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 6300)).toEqual([
      recovered('new_transport', 'asked', 300, 0),
    ]);
    expect(run.state.before).toEqual({ at: 'leaving', until: 6300 + LEAVES_AFTER });
    run.wait(6300 + LEAVES_AFTER + 150);
    expect(run.state.before.at).toBe('none');
    // A loss soon after is one of its own.
    run.do({ type: 'path_dead', heardAt: 7000, slept: false }, 7600);
    expect(run.state.trouble).toMatchObject({ since: 7600, cause: 'path_dead', told: false });
  });

  test('ends nothing that is well, however long it takes: no tunnel is opened', () => {
    const run = asked();
    const done = run.wait(6000 + 3 * PATIENCE);
    expect(done.map(([, effect]) => effect)).toEqual([RETURN]);
    expect(soundless(run.state, run.now)).toBe(false);
    // What did not come up in time is given up, and the one there was is the one again.
    expect(run.state).toMatchObject({
      stage: { at: 'up', via: 'udp' },
      before: { at: 'none' },
      trouble: null,
    });
  });

  test('becomes the way back when the one that was well dies meanwhile', () => {
    const run = asked();
    run.answer(7500);
    run.do({ type: 'before_dead', heardAt: 7000 }, 7600);
    expect(carrierOf(run.state)).toBe('none');
    const tunnel = run.wait(7600 + TUNNEL_AFTER + 150).filter(([, effect]) => effect.do === 'tunnel');
    expect(tunnel.map(([at]) => at >= 7000 + TUNNEL_AFTER)).toEqual([true]);
    expect(run.do({ type: 'path_alive', via: 'udp' }, 10_100)).toEqual([
      recovered('new_transport', 'path_dead', 3100),
    ]);
  });

  test('is asked for again when the server takes no offer yet, and the one that is well goes on', () => {
    const run = asked();
    run.do({ type: 'refused', generation: 2 }, 6050);
    expect(carrierOf(run.state)).toBe('udp');
    expect(run.wait(7000)).toEqual([[6650, offer('fresh', 3)]]);
  });

  test('cannot be made without signaling: what there is goes on', () => {
    const run = new Run();
    run.up();
    run.do({ type: 'signaling_lost' }, 5900);
    expect(run.do({ type: 'asked' }, 6000)).toEqual([]);
    expect(run.state.stage.at).toBe('up');
    // And one whose answer is lost with it is given up for what there is.
    const late = asked();
    expect(late.do({ type: 'signaling_lost' }, 7000)).toEqual([RETURN]);
    expect(late.state).toMatchObject({ stage: { at: 'up' }, trouble: null, ahead: AHEAD });
  });

  test('is all there is when the server has ended both', () => {
    for (const input of [{ type: 'media_lost' }, { type: 'tunnel_said', on: true }] as const) {
      const run = asked();
      if (input.type === 'tunnel_said') run.state = { ...run.state, tunnel: { at: 'asked', since: 6000 } };
      run.do(input, 6500);
      expect(run.state.before.at).toBe('none');
    }
    const run = asked();
    expect(run.do({ type: 'resumed', mediaAlive: false, slept: false }, 7000)).toEqual([offer('fresh', 3)]);
    expect(run.state.before.at).toBe('none');
    expect(run.state.trouble).toMatchObject({ cause: 'path_dead' });
  });
});

describe('a server that another one takes over from', () => {
  const moved = (mediaUntil: number) => {
    const run = new Run();
    run.up(AHEAD);
    run.do({ type: 'signaling_lost' }, 6000);
    return { run, effects: run.do({ type: 'joined', again: true, mediaUntil }, 6050) };
  };

  test('carries what it has until the other one does', () => {
    const { run, effects } = moved(7500);
    expect(effects).toEqual([beside(2)]);
    expect(carrierOf(run.state)).toBe('udp');
    // The credentials were its own.
    expect(run.state.ahead).toBeNull();
    run.answer();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 6300)).toEqual([
      recovered('new_transport', 'server_restarted', 250, 0),
    ]);
    // The others may be slower.
    expect(run.state.before).toEqual({ at: 'leaving', until: 7500 });
    expect(run.state.trouble).toBeNull();
    const late = moved(7500).run;
    late.answer();
    late.do({ type: 'path_alive', via: 'udp' }, 7300);
    expect(late.state.before).toEqual({ at: 'leaving', until: 7300 + LEAVES_AFTER });
  });

  test('goes on carrying, and is never gone back to, when the other one is lost again or the handshake fails', () => {
    const { run } = moved(7500);
    expect(run.do({ type: 'signaling_lost' }, 6100)).toEqual([]);
    expect(carrierOf(run.state)).toBe('udp');
    expect(run.do({ type: 'resumed', mediaAlive: true, slept: false, ahead: LATER }, 6200)).toEqual([
      offer('fresh', 3),
    ]);
    expect(run.do({ type: 'signaling_lost' }, 6300)).toEqual([]);
    expect(run.do({ type: 'resumed', mediaAlive: false, slept: false }, 6400)).toEqual([offer('fresh', 4)]);
    run.do({ type: 'signaling_lost' }, 6450);
    expect(run.do({ type: 'joined', again: true }, 6500)).toEqual([offer('fresh', 5)]);
    run.answer();
    expect(run.do({ type: 'path_alive', via: 'udp' }, 7490)).toEqual([
      recovered('new_transport', 'server_restarted', 1440, 0),
    ]);

    const fails = moved(7500).run;
    fails.answer();
    expect(fails.do({ type: 'failed' }, 6200)).toEqual([]);
    expect(fails.wait(7000).map(([, effect]) => effect)).toEqual([offer('fresh', 3)]);
    expect(carrierOf(fails.state)).toBe('udp');
  });

  test('is not waited for once its time is over, nor where it carried nothing', () => {
    expect(moved(6000).effects).toEqual([offer('fresh', 2)]);
    const run = new Run();
    run.up(AHEAD);
    run.die(6000);
    run.do({ type: 'signaling_lost' });
    const effects = run.do({ type: 'joined', again: true, mediaUntil: 9000 }, 6050);
    expect(effects.map((effect) => effect.do === 'offer' && effect.beside)).toEqual([undefined]);
    expect(run.state.before.at).toBe('none');
  });

  test('and that ends before the other one carries leaves a gap from then on', () => {
    const { run } = moved(7500);
    run.answer();
    run.do({ type: 'before_dead', heardAt: 7500 }, 8000);
    expect(carrierOf(run.state)).toBe('none');
    expect(run.do({ type: 'path_alive', via: 'udp' }, 8200)).toEqual([
      recovered('new_transport', 'server_restarted', 700),
    ]);
  });
});

describe('a restart that takes longer than a new transport waits', () => {
  test('brings the sound back at once when it is first, and the new one takes over without a gap', () => {
    const run = restarting();
    expect(run.do({ type: 'before_alive', via: 'udp' }, 6900)).toEqual([
      recovered('ice_restart', 'path_dead', 1500),
    ]);
    expect(carrierOf(run.state)).toBe('udp');
    expect(run.state.ahead).toBeNull();
    // Sound is there: nothing hurries any more.
    expect(run.wait(10_000)).toEqual([]);
    run.do({ type: 'answered', generation: 3, ahead: LATER });
    run.do({ type: 'answer_applied' });
    expect(run.do({ type: 'path_alive', via: 'udp' }, 10_100)).toEqual([]);
    expect(run.state.before.at).toBe('leaving');
    expect(run.state.ahead).toEqual(LATER);
  });

  test('is what there is again when the new one does not come up', () => {
    for (const fails of ['late', 'failed', 'signaling'] as const) {
      const run = restarting();
      run.do({ type: 'before_alive', via: 'tcp' }, 6900);
      if (fails === 'failed') expect(run.do({ type: 'failed' }, 7000)).toEqual([RETURN]);
      else if (fails === 'signaling') expect(run.do({ type: 'signaling_lost' }, 7000)).toEqual([RETURN]);
      else expect(run.wait(FRESH + PATIENCE + 150).map(([, effect]) => effect)).toEqual([RETURN]);
      expect(run.state).toMatchObject({
        stage: { at: 'up', via: 'tcp', since: 6900 },
        before: { at: 'none' },
      });
      run.wait(6900 + HOLDS_AFTER + 150);
      expect(run.state.trouble).toBeNull();
    }
  });

  test('is given up once the new one is up, or has failed', () => {
    const run = restarting();
    run.answer(6700);
    expect(run.do({ type: 'path_alive', via: 'tcp' }, 6800)).toEqual([recovered('tcp', 'udp_blocked', 1400)]);
    expect(run.state.before.at).toBe('none');
    const failed = restarting(false);
    expect(failed.wait(FRESH + PATIENCE + 150).map(([, effect]) => effect)).toEqual([]);
    expect(failed.state.before.at).toBe('none');
    expect(failed.state.stage.at).toBe('pausing');
  });

  test('goes on by itself when signaling is lost too: no answer will come', () => {
    const run = restarting();
    expect(run.do({ type: 'signaling_lost' }, 8000)).toEqual([RETURN, restart()]);
    run.do({ type: 'answer_applied' });
    // Told so at each further try to connect, it goes on.
    expect(run.do({ type: 'signaling_lost' }, 8100)).toEqual([]);
    expect(run.do({ type: 'network_changed' }, 9000)).toEqual([restart()]);
    run.do({ type: 'answer_applied' });
    expect(run.do({ type: 'path_alive', via: 'udp' }, 9200)).toEqual([
      recovered('ice_restart', 'path_dead', 3800),
    ]);
  });

  // On a long way the server has to hear the page on the new path before it sends there without measure.
  test('goes on when it carried for a moment alone, and so does the trouble', () => {
    const run = restarting();
    run.do({ type: 'before_alive', via: 'udp' }, 6900);
    run.do({ type: 'before_dead', heardAt: 7000 }, 7600);
    expect(run.state.before).toEqual({ at: 'restarting', way: 'ahead' });
    expect(run.state.trouble).toMatchObject({ since: 6100, told: true });
    const back = new Run();
    back.state = run.state;
    expect(back.do({ type: 'before_alive', via: 'udp' }, 7700)).toEqual([]);
    expect(carrierOf(back.state)).toBe('udp');
    expect(run.wait(9000).map(([at, { do: what }]) => [at, what])).toEqual([[8500, 'tunnel']]);
  });

  test('is not begun again by what the leaving one says', () => {
    const run = restarting();
    expect(run.do({ type: 'before_dead', heardAt: 5000 }, 6700)).toEqual([]);
    expect(run.state.before.at).toBe('restarting');
  });
});

describe('a network that lets each handshake pass, and nothing after it', () => {
  /** Every try comes up and dies; gives what was asked for, with when. */
  const flap = (run: Run, until: number) => {
    const asked: [number, string][] = [];
    for (let at = run.now; at < until; at += 50) {
      const { stage } = run.state;
      const done = run.do({ type: 'tick' }, at);
      if (stage.at === 'offered' && at - stage.since >= 100) {
        run.answer(at);
        done.push(...run.do({ type: 'path_alive', via: 'udp' }, at + 10));
      }
      if (stage.at === 'up' && at - stage.since >= 600)
        done.push(...run.do({ type: 'path_dead', heardAt: stage.since, slept: false }, at));
      for (const { do: what } of done) asked.push([at, what]);
    }
    return asked;
  };
  const dying = (tunnels = true) => {
    const run = new Run(tunnels);
    run.up();
    run.die(6000);
    return run;
  };

  test('is one trouble, which leads to the tunnel', () => {
    const run = dying();
    const asked = flap(run, 10_000);
    const tunnel = asked.find(([, what]) => what === 'tunnel');
    expect(tunnel?.[0]).toBeGreaterThanOrEqual(6000 + TUNNEL_AFTER);
    expect(tunnel?.[0]).toBeLessThanOrEqual(6000 + TUNNEL_AFTER + 700);
    expect(asked.filter(([, what]) => what === 'recovered')).toHaveLength(1);
  });

  test('does not take the tunnel away again, as long as the server hears nothing either', () => {
    const run = dying();
    while (run.state.tunnel.at !== 'asked') flap(run, run.now + 100);
    run.do({ type: 'tunnel_said', on: true });
    const from = run.now;
    const offers = flap(run, from + 60_000).filter(([, what]) => what === 'offer');
    expect(['open', 'ending']).toContain(run.state.tunnel.at);
    // Each try costs both ends a handshake.
    expect(offers.length).toBeGreaterThan(2);
    expect(offers.length).toBeLessThanOrEqual(60_000 / PAUSE_TUNNELLED + 2);
  });

  test('is told to a person whose browser has no tunnel, and not taken back by each try', () => {
    const run = dying(false);
    flap(run, 6000 + WRITING_AFTER + 1500);
    const said: boolean[] = [];
    for (let i = 0; i < 100; i++) {
      flap(run, run.now + 100);
      said.push(soundless(run.state, run.now));
    }
    expect(said.every(Boolean)).toBe(true);
    // One that lives is believed.
    while (run.state.stage.at !== 'up') flap(run, run.now + 50);
    expect(soundless(run.state, run.now + SURE_AFTER)).toBe(false);
  });

  test('is told from one that breaks twice: what was heard in between counts, and a path that held ends it', () => {
    const run = dying();
    run.answer(6100);
    run.do({ type: 'path_alive', via: 'udp' }, 6300);
    run.do({ type: 'path_dead', heardAt: 9300, slept: false }, 9900);
    expect(run.state.trouble).toMatchObject({ since: 9000 });
    run.answer(10_000);
    run.do({ type: 'path_alive', via: 'udp' }, 10_100);
    run.do({ type: 'path_dead', heardAt: 10_100 + HOLDS_AFTER, slept: false }, 20_000);
    expect(run.state.trouble).toMatchObject({ since: 20_000, told: false });
    // A sleep is no silence of the network.
    run.answer(20_100);
    run.do({ type: 'path_alive', via: 'udp' }, 20_200);
    run.do({ type: 'path_dead', heardAt: 20_300, slept: true }, 900_000);
    expect(run.state.trouble).toMatchObject({ since: 900_000, cause: 'suspended' });
  });
});
