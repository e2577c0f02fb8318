/**
 * What each person of a test says: made by espeak-ng, distinct by voice and words, so that what a
 * listener hears names its speaker. The load test's bots say the same by seat: a page's person and a
 * bot in the same seat are one voice to everybody's ears.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Pcm, readWav, resample, writeWav } from './wav.ts';

/** A speaker: their name, the file their microphone plays in a loop, and its samples. */
export interface Speech {
  readonly name: string;
  readonly file: string;
  readonly pcm: Pcm;
}

/** Voice and text by seat, as in `loadtest/src/media/speech.rs` (a test compares them). */
export const SCRIPTS: readonly (readonly [voice: string, text: string])[] = [
  [
    'fr+m1',
    'Bonjour à toutes et à tous. Je vous propose de commencer par un tour de table, une minute chacun, sans interrompre.',
  ],
  [
    'en-gb+f2',
    'My team has doubled in a year. I no longer know who decides what, and meetings keep growing longer.',
  ],
  [
    'fr+f3',
    "Quand tu dis que personne ne décide, à quel moment précis l'as-tu remarqué pour la première fois ?",
  ],
  [
    'en-us+m3',
    'I once kept a list on the wall of every decision, with one name. It looked silly. It worked within weeks.',
  ],
  [
    'fr+m5',
    'Chez nous, la réunion du lundi a disparu. Nous avons écrit à la place, et il a fallu réapprendre à lire.',
  ],
  [
    'en-gb+f4',
    'What would be different on a good day? Describe to me one afternoon when it went the way you wanted it.',
  ],
  [
    'fr+f1',
    'Je retiens trois choses : nommer une personne, écrire la décision, et la relire ensemble à la fin du mois.',
  ],
  [
    'en-us+m7',
    'Consider asking the quietest person first. The room changes when the order of voices changes, truly.',
  ],
  [
    'fr+m3',
    'Il me manque une information : combien de ces réunions pourrais-tu annuler demain sans demander la permission ?',
  ],
  [
    'en-gb+m2',
    'There is a difference between being heard and being agreed with. I would start from there, gently.',
  ],
  [
    'fr+f5',
    "Pour ma pratique, j'emporte cette question sur le premier pas : petit, daté, et visible par quelqu'un d'autre.",
  ],
  [
    'en-us+f1',
    'Let us slow down. Two breaths, then each of us writes a sentence, and only after that do we speak again.',
  ],
];

/** Words a minute. */
const SPEED = '165';
/** A loop ends with a breath, rounded up to a whole Opus frame of 20 ms. */
const RATE = 48_000;
const BREATH = RATE / 2;
const FRAME = 960;

/** The speech of a seat, made once and kept in the temporary directory. */
export function speech(seat: number): Speech {
  const [voice, text] = SCRIPTS[seat] ?? [];
  if (voice === undefined || text === undefined) {
    throw new Error(`there are ${SCRIPTS.length} speakers, none for seat ${seat}`);
  }
  const name = `speaker-${seat}`;
  const digest = createHash('sha256').update(JSON.stringify([voice, text, SPEED, BREATH]));
  const folder = join(tmpdir(), 'palabre-speech');
  const file = join(folder, `${name}-${digest.digest('hex').slice(0, 12)}.wav`);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const args = ['-v', voice, '-s', SPEED, '--stdout', text];
    const spoken = resample(readWav(execFileSync('espeak-ng', args, { maxBuffer: 1 << 26 })), RATE);
    const samples = new Float32Array(Math.ceil((spoken.samples.length + BREATH) / FRAME) * FRAME);
    samples.set(spoken.samples);
    // Another run may be making the same file: the rename makes it appear whole.
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, writeWav({ rate: RATE, samples }));
    renameSync(unfinished, file);
  }
  return { name, file, pcm: readWav(readFileSync(file)) };
}

/** The first `count` speakers. */
export function speakers(count: number = SCRIPTS.length): Speech[] {
  return Array.from({ length: count }, (_, seat) => speech(seat));
}
