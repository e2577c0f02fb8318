/** The page's heartbeat: what shows time reads `beat`, and is drawn again with it. */
import { signal } from '@preact/signals';

/** Clocks are looked at so often, in milliseconds: a second never shows late by more than this. */
export const BEAT = 200;

/** Grows with every beat. */
export const beat = signal(0);

setInterval(() => {
  beat.value++;
}, BEAT);
