/**
 * What each person of a test says: made by espeak-ng, distinct by voice, pitch and words, so that
 * what a listener hears names its speaker.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Pcm, readWav, resample, writeWav } from "./wav.ts";

/** A speaker: their name, the file their microphone plays in a loop, and its samples. */
export interface Speech {
  readonly name: string;
  readonly file: string;
  readonly pcm: Pcm;
}

interface Voice {
  readonly voice: string;
  readonly pitch: number;
  readonly speed: number;
  readonly text: string;
}

const VOICES: readonly Voice[] = [
  {
    voice: "fr-fr+m1", pitch: 35, speed: 150,
    text: "Bonjour à toutes et à tous. Je vous propose de commencer par un tour de table, chacun dit en une phrase ce qui l'amène aujourd'hui, puis nous choisirons ensemble le sujet du jour.",
  },
  {
    voice: "fr-fr+f2", pitch: 70, speed: 165,
    text: "Mon équipe grandit trop vite, je passe mes journées en réunion et je ne vois plus personne. J'aimerais retrouver du temps pour chacun sans perdre le fil du projet principal.",
  },
  {
    voice: "en-gb+m3", pitch: 20, speed: 140,
    text: "The quick brown fox jumps over the lazy dog while seven wizards quietly examine an enormous jar of pickled onions, and nobody in the village wonders why it happens every Tuesday.",
  },
  {
    voice: "en-us+f4", pitch: 85, speed: 175,
    text: "Have you considered asking each of them what they would keep, what they would drop, and what they would rather do next month? I tried that once, and the answers surprised everyone in the room.",
  },
  {
    voice: "de+m5", pitch: 50, speed: 155,
    text: "Am Anfang stand eine einfache Frage: Wie viel Zeit brauchen wir wirklich, um einander zuzuhören? Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, und niemand schaut hin.",
  },
  {
    voice: "es+f1", pitch: 60, speed: 185,
    text: "Ayer por la tarde caminamos junto al río hablando de los cambios, de las personas que se marchan y de las que llegan, y al final entendimos que lo más difícil era pedir ayuda a tiempo.",
  },
  {
    voice: "it+m7", pitch: 75, speed: 160,
    text: "Quando arrivo in ufficio la mattina preparo sempre una lista di tre cose, non di più, perché ho imparato che le giornate lunghe cominciano con promesse troppo grandi e poco respiro.",
  },
  {
    voice: "pt-br+f5", pitch: 30, speed: 170,
    text: "Depois da reunião fiquei pensando naquela pergunta sobre o orçamento, porque ninguém respondeu de verdade, e talvez seja melhor escrever primeiro e conversar com calma na sexta-feira.",
  },
  {
    voice: "nl+m2", pitch: 90, speed: 150,
    text: "Misschien kunnen we het probleem omdraaien en ons afvragen wat er gebeurt als we niets veranderen, want soms is wachten ook een besluit, al voelt het die dag bepaald niet zo.",
  },
];

/** How many people can speak distinctly at once. */
export const SPEAKERS = VOICES.length;

/** Long silences would leave a listener with nothing to tell; shorter ones are speech. */
const LONGEST_PAUSE_SECONDS = 0.15;
const LOUDNESS_RMS = 0.12;

/** The speech of the `index`-th speaker, made once and kept in the temporary directory. */
export function speech(index: number): Speech {
  const voice = VOICES[index];
  if (voice === undefined) throw new Error(`there are ${SPEAKERS} speakers, not ${index + 1}`);
  const digest = createHash("sha256").update(JSON.stringify([voice, LONGEST_PAUSE_SECONDS, LOUDNESS_RMS]));
  const name = `speaker-${index}`;
  const folder = join(tmpdir(), "palabre-speech");
  const file = join(folder, `${name}-${digest.digest("hex").slice(0, 12)}.wav`);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const args = ["-v", voice.voice, "-p", String(voice.pitch), "-s", String(voice.speed), "--stdout", voice.text];
    const spoken = readWav(execFileSync("espeak-ng", args, { maxBuffer: 1 << 26 }));
    const made = writeWav(level(withoutLongPauses(resample(spoken, 48_000))));
    // Another run may be making the same file: the rename makes it appear whole.
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, made);
    renameSync(unfinished, file);
  }
  return { name, file, pcm: readWav(readFileSync(file)) };
}

/** The first `count` speakers. */
export function speakers(count: number): Speech[] {
  return Array.from({ length: count }, (_, index) => speech(index));
}

function withoutLongPauses({ rate, samples }: Pcm): Pcm {
  const kept = new Float32Array(samples.length);
  const longest = Math.round(LONGEST_PAUSE_SECONDS * rate);
  let length = 0;
  let quiet = 0;
  for (const sample of samples) {
    quiet = Math.abs(sample) < 0.01 ? quiet + 1 : 0;
    if (quiet <= longest) kept[length++] = sample;
  }
  return { rate, samples: kept.slice(0, length) };
}

function level({ rate, samples }: Pcm): Pcm {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  const gain = LOUDNESS_RMS / Math.sqrt(power / samples.length);
  return { rate, samples: samples.map((sample) => sample * gain) };
}
