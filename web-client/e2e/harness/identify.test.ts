import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { identify, inWords, reference } from './identify.ts';
import { SCRIPTS, speakers } from './speech.ts';
import type { Pcm } from './wav.ts';

const everyone = speakers();
const references = everyone.map(({ name, pcm }) => reference(name, pcm));

/** What a microphone looping `loop` gives from `from` seconds on, through a poor line. */
function listen(loop: Pcm, from: number, seconds: number, gain = 1, noise = 0): Float32Array {
  let seed = 12_345;
  const start = Math.floor(from * loop.rate);
  return Float32Array.from({ length: Math.floor(seconds * loop.rate) }, (_, i) => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    const sample = loop.samples[(start + i) % loop.samples.length] ?? 0;
    return sample * gain + (seed / 0x40000000 - 1) * noise;
  });
}

/** A telephone's band and coarse steps: worse than what Opus does to speech. */
function poorCodec(samples: Float32Array): Float32Array {
  let low = 0;
  return samples.map((sample) => {
    low += 0.35 * (sample - low);
    return Math.round(low * 48) / 48;
  });
}

/** What a jitter buffer makes of packets that come late and in heaps: one piece in five too long or short. */
function stretched(loop: Pcm, from: number, seconds: number): Float32Array {
  const out = new Float32Array(seconds * loop.rate);
  const piece = Math.round(0.06 * loop.rate);
  let seed = 4_711;
  let at = Math.floor(from * loop.rate);
  for (let i = 0; i < out.length; i += piece) {
    for (let k = 0; k < piece && i + k < out.length; k++) {
      out[i + k] = loop.samples[(at + k) % loop.samples.length] ?? 0;
    }
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    const chance = (seed >>> 8) % 10;
    at += piece + (chance < 1 ? piece / 2 : chance < 2 ? -piece / 2 : 0);
  }
  return out;
}

describe.each(everyone)('$name', ({ name, pcm }) => {
  test('lasts five seconds or more and is recognised across the end of its loop', () => {
    expect(pcm.samples.length / pcm.rate).toBeGreaterThan(5);
    expect(
      identify({ rate: pcm.rate, samples: listen(pcm, pcm.samples.length / pcm.rate - 1.5, 3) }, references),
    ).toMatchObject({ kind: 'speaker', name });
  });

  test.each([
    ['as spoken', 0, 1, 0],
    ['later', 3.217, 1, 0],
    ['softly', 1.111, 0.15, 0],
    ['in noise', 5.003, 0.6, 0.02],
  ])('is recognised %s', (_, from, gain, noise) => {
    const heard = identify({ rate: pcm.rate, samples: listen(pcm, from, 3, gain, noise) }, references);
    expect(heard, inWords(heard)).toMatchObject({ kind: 'speaker', name });
  });

  test('is recognised through a poor codec', () => {
    const heard = identify({ rate: pcm.rate, samples: poorCodec(listen(pcm, 2.345, 3)) }, references);
    expect(heard, inWords(heard)).toMatchObject({ kind: 'speaker', name });
  });

  test('is recognised through a receiver that stretches and skips', () => {
    const heard = identify({ rate: pcm.rate, samples: stretched(pcm, 2.345, 2.5) }, references);
    expect(heard, inWords(heard)).toMatchObject({ kind: 'speaker', name });
  });

  test('is not taken for anybody else', () => {
    const others = references.filter((other) => other.name !== name);
    const heard = identify({ rate: pcm.rate, samples: listen(pcm, 2.345, 3) }, others);
    expect(heard.kind, inWords(heard)).toBe('unclear');
  });
});

test('silence is silence, and so is the noise of an idle line', () => {
  expect(identify({ rate: 48_000, samples: new Float32Array(96_000) }, references).kind).toBe('silence');
  const [first] = everyone;
  if (first === undefined) throw new Error('nobody speaks');
  expect(identify({ rate: 48_000, samples: listen(first.pcm, 0, 2, 0, 0.002) }, references).kind).toBe(
    'silence',
  );
});

test('two at once are never taken for a third', () => {
  everyone.forEach((a, i) => {
    const b = everyone[(i + 1) % everyone.length] ?? a;
    const over = listen(b.pcm, 4.2, 3);
    const samples = listen(a.pcm, 1.3, 3).map((sample, k) => sample + (over[k] ?? 0));
    const heard = identify({ rate: 48_000, samples }, references);
    if (heard.kind === 'speaker') expect([a.name, b.name]).toContain(heard.name);
    else expect(heard.kind).toBe('unclear');
  });
});

test('the bots of the load test say the same', () => {
  const rust = readFileSync(join(import.meta.dirname, '../../../loadtest/src/media/speech.rs'), 'utf8');
  const said = rust.slice(rust.indexOf('const SCRIPTS'));
  const scripts = [...said.matchAll(/\(\s*"([^"]+)",\s*"([^"]+)",?\s*\)/g)].map(([, voice, text]) => [
    voice,
    text,
  ]);
  expect(scripts.slice(0, SCRIPTS.length)).toEqual(SCRIPTS);
});
