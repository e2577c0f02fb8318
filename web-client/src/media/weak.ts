/**
 * When the network carries sound and no pictures: a pure judge of what the browser measures. It gives
 * pictures up after a bad while and tries them again after a clear one; a try that fails makes the next
 * one come later. (With the camera off, the browser cannot know how much more it could send: only a try
 * tells.)
 */

/** Below this, in bit/s, a camera's smallest picture takes what the voice needs. */
export const TOO_LITTLE = 150_000;
/** From this on there is room for pictures again, in bit/s. */
export const PLENTY = 350_000;
/** This share of the sound lost is heard as a broken voice, in spite of redundancy. */
export const TOO_LOSSY = 0.15;
/** Below this share the path counts as clear. */
export const CLEAR = 0.03;
/** So long bad, in milliseconds, and pictures are given up: shorter follows every gust. */
export const GIVE_UP_AFTER_BAD = 2000;
/** So long clear, and pictures are tried again; doubled by each try that failed soon. */
export const TRY_AFTER_CLEAR = 10_000;
/** The longest wait for a try: pictures come back within this once the network is well. */
export const LONGEST_WAIT = 120_000;
/** A try that lasts this long has worked. */
export const WORKED_AFTER = 30_000;
/** A new path measures itself first: its estimate means nothing yet. */
export const SETTLES = 5000;

/** What was measured over about a second. */
export interface Gust {
  /** What can be sent, in bit/s; `null` when unknown or when no camera is sent. */
  outgoing: number | null;
  /** The share of incoming sound that was lost, 0 to 1; `null` when none was due. */
  lost: number | null;
}

/** What the judge holds; times are the page's clock. */
export type Weather =
  | { mode: 'whole'; since: number; badSince: number | null; wait: number; tried: boolean }
  | { mode: 'sound'; clearSince: number | null; wait: number };

/** A path that has just come alive. */
export const fairWeather = (now: number): Weather => ({
  mode: 'whole',
  since: now,
  badSince: null,
  wait: TRY_AFTER_CLEAR,
  tried: false,
});

/** The judge's mind after a measurement. */
export function weather(state: Weather, { outgoing, lost }: Gust, now: number): Weather {
  const low = outgoing !== null && outgoing < TOO_LITTLE;
  const lossy = lost !== null && lost >= TOO_LOSSY;
  if (state.mode === 'whole') {
    if ((!low && !lossy) || now - state.since < SETTLES) return { ...state, badSince: null };
    const badSince = state.badSince ?? now;
    if (now - badSince < GIVE_UP_AFTER_BAD) return { ...state, badSince };
    const failed = state.tried && now - state.since < WORKED_AFTER;
    return {
      mode: 'sound',
      clearSince: null,
      wait: failed ? Math.min(2 * state.wait, LONGEST_WAIT) : TRY_AFTER_CLEAR,
    };
  }
  if (lost !== null && lost > CLEAR) return { ...state, clearSince: null };
  const clearSince = state.clearSince ?? now;
  // An estimate that is high although little is sent is worth more than waiting longer.
  const wait = outgoing !== null && outgoing >= PLENTY ? TRY_AFTER_CLEAR : state.wait;
  if (now - clearSince < wait) return { ...state, clearSince };
  return { mode: 'whole', since: now, badSince: null, wait: state.wait, tried: true };
}

/** The share lost between two counts; nothing when counting began anew or too little came to tell. */
export function lostBetween(
  before: { received: number; lost: number },
  after: { received: number; lost: number },
): number | null {
  const received = after.received - before.received;
  const lost = after.lost - before.lost;
  // Late packets are taken off the losses again: then nothing was lost.
  return received < 0 || received + lost < 20 ? null : Math.max(0, lost) / (received + Math.max(0, lost));
}
