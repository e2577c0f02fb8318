import { describe, expect, test } from 'vitest';
import { level, readFrame, writeFrame } from '../src/media/frames.ts';
import { LEAST_IN_HAND, MOST_IN_HAND, Playout, SLACK } from '../src/media/playout.ts';
import { Resampler } from '../src/media/resample.ts';
import { FRAME_HEADER_BYTES, MAX_OPUS_BYTES } from '../src/wire/index.ts';

describe('frames', () => {
  test('are written in network byte order, wrapping as RTP does', () => {
    const frame = writeFrame(42, 0x1_0203, 0x1_0405_0607, new Uint8Array([9, 8]));
    expect([...(frame ?? [])]).toEqual([1, 42, 2, 3, 4, 5, 6, 7, 9, 8]);
  });

  test('hold a packet that the server takes, or are not written', () => {
    expect(writeFrame(0, 0, 0, new Uint8Array(0))).toBeNull();
    expect(writeFrame(0, 0, 0, new Uint8Array(MAX_OPUS_BYTES))).toHaveLength(
      FRAME_HEADER_BYTES + MAX_OPUS_BYTES,
    );
    expect(writeFrame(0, 0, 0, new Uint8Array(MAX_OPUS_BYTES + 1))).toBeNull();
  });

  test('of the server name the seat', () => {
    const data = new Uint8Array([1, 7, 0xff, 0xfe, 0, 0, 0x0f, 0, 5, 6, 7]).buffer;
    expect(readFrame(data)).toEqual({
      seat: 7,
      sequence: 65_534,
      timestamp: 3840,
      opus: new Uint8Array([5, 6, 7]),
    });
  });

  test.each([
    ['empty', []],
    ['without a packet', [1, 0, 0, 0, 0, 0, 0, 0]],
    ['of another kind', [2, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['too long', Array.from({ length: FRAME_HEADER_BYTES + MAX_OPUS_BYTES + 1 }, () => 1)],
  ])('that are %s are none', (_, bytes) => {
    expect(readFrame(new Uint8Array(bytes).buffer)).toBeNull();
  });

  test('tell the loudness as RFC 6464 has it', () => {
    const tone = (peak: number) =>
      Float32Array.from({ length: 960 }, (_, at) => peak * Math.sin((at * Math.PI) / 24));
    expect(level(new Float32Array(960))).toBe(127);
    expect(level(new Float32Array(0))).toBe(127);
    expect(level(tone(1))).toBe(3);
    expect(level(tone(0.1))).toBe(23);
    expect(level(new Float32Array(960).fill(4))).toBe(0);
  });
});

describe('a voice that is played', () => {
  const RATE = 48_000;
  const PACKET = 960;
  const QUANTUM = 128;
  const packet = (value = 0.5) => new Float32Array(PACKET).fill(value);

  /** Plays for `millis`, with `arrivals` packets coming at their times; gives what was heard. */
  function play(playout: Playout, millis: number, arrives: (packet: number) => number): Float32Array {
    const out = new Float32Array((millis * RATE) / 1000);
    let due = 0;
    for (let at = 0; at + QUANTUM <= out.length; at += QUANTUM) {
      while ((arrives(due) * RATE) / 1000 <= at) {
        playout.push(packet());
        due++;
      }
      playout.pull(out.subarray(at, at + QUANTUM));
    }
    return out;
  }
  const silence = (samples: Float32Array) => samples.filter((sample) => sample === 0).length / (RATE / 1000);

  test('waits for a little in hand, and then has no hole', () => {
    const out = play(new Playout(RATE), 5000, (packet) => packet * 20);
    const start = out.findIndex((sample) => sample > 0);
    expect(start / (RATE / 1000)).toBeGreaterThanOrEqual(LEAST_IN_HAND - 20);
    expect(start / (RATE / 1000)).toBeLessThanOrEqual(LEAST_IN_HAND + 5);
    expect(silence(out.subarray(start))).toBeLessThan(3);
  });

  test('that comes in bursts runs dry at first, and then keeps more in hand', () => {
    // Four packets at once, every 80 ms, up to 100 ms late.
    const playout = new Playout(RATE);
    const out = play(playout, 10_000, (packet) => {
      const burst = Math.floor(packet / 4);
      return burst * 80 + (burst % 5 === 4 ? 100 : 0);
    });
    expect(playout.inHand).toBeGreaterThan(LEAST_IN_HAND);
    expect(silence(out.subarray(5 * RATE))).toBeLessThan(5);
  });

  test('never falls behind by more than is meant', () => {
    const playout = new Playout(RATE);
    for (let burst = 0; burst < 50; burst++) {
      playout.push(packet());
      expect(playout.held).toBeLessThanOrEqual(playout.inHand + SLACK);
    }
    // A connection that stood still for 3 s gives everything at once: what is old is skipped.
    play(playout, 3000, () => Infinity);
    for (let late = 0; late < 150; late++) playout.push(packet());
    expect(playout.held).toBeLessThanOrEqual(playout.inHand + SLACK);
    expect(playout.inHand).toBeLessThanOrEqual(MOST_IN_HAND);
  });

  test('begins and ends without a click', () => {
    const out = play(new Playout(RATE), 1000, (packet) => (packet < 20 ? packet * 20 : Infinity));
    let step = 0;
    for (let at = 1; at < out.length; at++) step = Math.max(step, Math.abs(out[at]! - out[at - 1]!));
    expect(step).toBeLessThan(0.05);
    expect(out.some((sample) => sample === 0.5)).toBe(true);
  });
});

describe('another rate', () => {
  const tone = (rate: number, seconds: number) =>
    Float32Array.from({ length: rate * seconds }, (_, at) => Math.sin((2 * Math.PI * 440 * at) / rate));

  test.each([
    [44_100, 48_000],
    [48_000, 44_100],
    [48_000, 48_000],
    [16_000, 48_000],
    [96_000, 48_000],
  ])('from %i to %i keeps the length and the shape, whatever the blocks', (from, to) => {
    const source = tone(from, 1);
    for (const size of [1, 128, 441, 960]) {
      const resampler = new Resampler(from, to);
      const out: number[] = [];
      for (let at = 0; at < source.length; at += size)
        out.push(...resampler.block(source.subarray(at, at + size)));
      expect(Math.abs(out.length - to)).toBeLessThanOrEqual(Math.ceil(to / from) + 1);
      const wanted = tone(to, 1);
      const error = Math.max(...out.map((sample, at) => Math.abs(sample - (wanted[at] ?? sample))));
      expect(error).toBeLessThan(0.02);
    }
  });
});
