import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MediaController } from '../src/media/controller.ts';
import {
  initialMedia,
  mediaTransition,
  PATIENCE,
  REPAIRS_BEFORE_FRESH,
  type MediaEffect,
  type MediaInput,
} from '../src/media/machine.ts';
import { DEAD_AFTER, observe, SAMPLE_EVERY, totalReceived, type PathState } from '../src/media/pathwatch.ts';
import { preferred, type Outgoing, type PeerFactory } from '../src/media/peer.ts';
import type { MediaOffer } from '../src/wire/index.ts';

class Run {
  state = initialMedia;
  do(now: number, input: MediaInput): MediaEffect[] {
    const step = mediaTransition(this.state, input, now, 1);
    this.state = step.state;
    return step.effects;
  }
  up(now = 0): void {
    this.do(now, { type: 'joined', again: false });
    this.do(now, { type: 'answered', generation: this.state.generation });
    this.do(now, { type: 'answer_applied' });
    this.do(now, { type: 'path_alive' });
    expect(this.state.stage).toEqual({ at: 'up' });
  }
}

describe('the media machine', () => {
  test('offers afresh on joining, and takes only the awaited answer', () => {
    const run = new Run();
    expect(run.do(0, { type: 'joined', again: false })).toEqual([
      { do: 'offer', way: 'fresh', generation: 1 },
    ]);
    expect(run.do(1, { type: 'answered', generation: 0 })).toEqual([]);
    expect(run.do(1, { type: 'answered', generation: 1 })).toEqual([{ do: 'apply' }]);
  });

  test('mends a dead path at once', () => {
    const run = new Run();
    run.up();
    expect(run.do(5000, { type: 'path_dead' })).toEqual([{ do: 'offer', way: 'repair', generation: 2 }]);
  });

  test('keeps the wish while signaling is away', () => {
    const run = new Run();
    run.up();
    run.do(5000, { type: 'signaling_lost' });
    expect(run.do(5001, { type: 'path_dead' })).toEqual([]);
    expect(run.do(9000, { type: 'tick' })).toEqual([]);
    expect(run.do(9500, { type: 'resumed', mediaAlive: true })).toEqual([
      { do: 'offer', way: 'repair', generation: 2 },
    ]);
  });

  test('a resume leaves living media untouched, and starts forgotten ones afresh', () => {
    const run = new Run();
    run.up();
    run.do(1, { type: 'signaling_lost' });
    expect(run.do(2, { type: 'resumed', mediaAlive: true })).toEqual([]);
    expect(run.state.stage.at).toBe('up');
    expect(run.do(3, { type: 'resumed', mediaAlive: false })).toEqual([
      { do: 'offer', way: 'fresh', generation: 2 },
    ]);
  });

  test('a whole new welcome is met with a new connection', () => {
    const run = new Run();
    run.up();
    run.do(1, { type: 'signaling_lost' });
    const fresh = { do: 'offer', way: 'fresh', generation: 2 };
    expect(run.do(500, { type: 'joined', again: true })).toEqual([fresh]);
  });

  test('media_lost starts afresh, once', () => {
    const run = new Run();
    run.up();
    expect(run.do(1, { type: 'media_lost' })).toEqual([{ do: 'offer', way: 'fresh', generation: 2 }]);
    expect(run.do(2, { type: 'media_lost' })).toEqual([]);
  });

  test('repairs that lead nowhere give way to a new connection', () => {
    const run = new Run();
    run.up();
    let now = 1000;
    const ways = run.do(now, { type: 'path_dead' }).map((effect) => 'way' in effect && effect.way);
    while (ways.length <= REPAIRS_BEFORE_FRESH) {
      now += PATIENCE / 2;
      for (const effect of run.do(now, { type: 'tick' })) if (effect.do === 'offer') ways.push(effect.way);
    }
    expect(ways).toEqual([...Array<string>(REPAIRS_BEFORE_FRESH).fill('repair'), 'fresh']);
  });

  test('a refused offer is made again afresh, after a pause', () => {
    const run = new Run();
    run.do(0, { type: 'joined', again: false });
    expect(run.do(1, { type: 'refused', generation: 1 })).toEqual([]);
    expect(run.do(2, { type: 'tick' })).toEqual([]);
    expect(run.do(400, { type: 'tick' })).toEqual([{ do: 'offer', way: 'fresh', generation: 2 }]);
  });
});

describe('the path watch', () => {
  const watch = (samples: [number, number][], from: PathState = { path: 'unknown' }) =>
    samples.reduce((state, [now, received]) => observe(state, received, now), from);

  test('a path is alive from its first packet', () => {
    expect(watch([[0, 0]]).path).toBe('unknown');
    expect(
      watch([
        [0, 0],
        [300, 4],
      ]).path,
    ).toBe('alive');
  });

  test('silence beyond the limit is death, and a packet is life again', () => {
    const samples: [number, number][] = [
      [0, 4],
      [300, 5],
    ];
    for (let now = 600; now < 300 + DEAD_AFTER; now += SAMPLE_EVERY) samples.push([now, 5]);
    expect(watch(samples).path).toBe('alive');
    const dead = watch([...samples, [300 + DEAD_AFTER, 5]]);
    expect(dead.path).toBe('dead');
    expect(observe(dead, 6, 9000).path).toBe('alive');
  });

  test('one late look proves nothing: timers of hidden tabs are held back', () => {
    expect(
      watch([
        [0, 4],
        [60_000, 4],
      ]).path,
    ).toBe('alive');
  });

  test('counts the transport, or the pairs where the browser counts only those', () => {
    expect(
      totalReceived([
        { type: 'transport', packetsReceived: 7 },
        { type: 'candidate-pair', packetsReceived: 3 },
      ]),
    ).toBe(7);
    expect(totalReceived([{ type: 'candidate-pair', bytesReceived: 30 }, { type: 'codec' }])).toBe(30);
    expect(totalReceived([])).toBe(0);
  });
});

test('only what everyone can decode is offered, best first', () => {
  const codec = (mimeType: string) => ({ mimeType, clockRate: 90_000 });
  const names = preferred('video', ['video/H264', 'video/rtx', 'video/VP8', 'video/AV1'].map(codec));
  expect(names.map(({ mimeType }) => mimeType)).toEqual(['video/VP8', 'video/rtx']);
});

describe('the controller', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** A peer connection that does what it is told. */
  function fake() {
    const made: { received: number; outgoing: Outgoing; offers: boolean[]; closed: boolean; fail(): void }[] =
      [];
    const factory: PeerFactory = (_plan, outgoing, onFailed) => {
      const self = { received: 0, outgoing, offers: [] as boolean[], closed: false, fail: onFailed };
      made.push(self);
      return {
        incoming: [],
        peer: {
          offer: async (iceRestart) => {
            self.offers.push(iceRestart);
            return `offer ${self.offers.length}`;
          },
          answer: async () => undefined,
          send: async (kind, track) => {
            self.outgoing = { ...self.outgoing, [kind]: track };
          },
          received: async () => self.received,
          close: () => {
            self.closed = true;
          },
        },
      };
    };
    return { made, factory };
  }

  test('repairs the path of the one connection, and carries what is sent into a new one', async () => {
    const { made, factory } = fake();
    const offers: MediaOffer[] = [];
    const stages: string[] = [];
    let now = 0;
    const controller = new MediaController(
      factory,
      { offer: (offer) => offers.push(offer), incoming: () => undefined, stage: ({ at }) => stages.push(at) },
      () => now,
    );
    const track = { kind: 'audio' } as MediaStreamTrack;
    await controller.send('audio', track);
    controller.joined({ slots: [1, 2] }, false);
    await vi.advanceTimersByTimeAsync(0);
    expect(offers).toEqual([{ generation: 1, sdp: 'offer 1' }]);
    controller.answered({ generation: 1, sdp: 'answer' });
    await vi.advanceTimersByTimeAsync(0);
    made[0]!.received = 1;
    now = 300;
    await controller.sample();
    expect(stages.at(-1)).toBe('up');
    for (now = 600; now <= 300 + DEAD_AFTER; now += 300) await controller.sample();
    await vi.advanceTimersByTimeAsync(0);
    expect(made).toHaveLength(1);
    expect(made[0]!.offers).toEqual([false, true]);
    expect(offers.at(-1)?.generation).toBe(2);

    controller.lost();
    await vi.advanceTimersByTimeAsync(0);
    expect(made).toHaveLength(2);
    expect(made[0]!.closed).toBe(true);
    expect(made[1]!.outgoing.audio).toBe(track);
    controller.dispose();
    expect(made[1]!.closed).toBe(true);
  });
});
