/**
 * What a page's elements really play, as a clock of each seat's sound: when a decoded frame last came out
 * of it, and the longest pause. Sound that a decoder makes up for lost packets is a pause here. (The
 * browser's statistics are up to 50 ms old in Chromium, too coarse for gaps of that size.)
 */
import type { Page } from 'playwright-core';
import { expectNow, until } from './until.ts';

/** One seat's sound, in milliseconds since 1970. */
export interface Played {
  readonly seat: number;
  /** When sound last came out. */
  readonly last: number;
  /** Since when there has been no pause longer than `PAUSE`. */
  readonly runningSince: number;
  /** The longest pause since the last mark, and when it was over. */
  readonly longest: number;
  readonly longestEnded: number;
}

/** A pause worth noting, in milliseconds: the frames of sound are 10 to 20. */
const PAUSE = 150;
/** Sound that has gone on for so long is back, in milliseconds. */
const STEADY = 300;

/** Begins to watch in a page. */
export function watchPlayed(page: Page): Promise<void> {
  return page.evaluate(install, PAUSE);
}

/** Forgets the pauses so far. */
export async function markPlayed(page: Page): Promise<void> {
  await page.evaluate(() => (globalThis as unknown as Watching).played.mark());
}

/** What was played since the mark, for the seats that a page hears. */
export function readPlayed(page: Page): Promise<Played[]> {
  return page.evaluate(() => (globalThis as unknown as Watching).played.read());
}

/** The sound of some seats, once it has been steady for a while that began after `after`. */
export function steadyAgain(
  page: Page,
  seats: readonly number[],
  after: number,
  seconds = 15,
): Promise<Played[]> {
  return until(
    `a steady sound of ${seats.join(', ')}`,
    async () => {
      const played = (await readPlayed(page)).filter(({ seat }) => seats.includes(seat));
      const now = performance.timeOrigin + performance.now();
      const steady = played.filter(
        ({ runningSince, last }) =>
          runningSince >= after && last - runningSince >= STEADY && now - last < STEADY,
      );
      expectNow(steady.length === seats.length, JSON.stringify(played));
      return steady;
    },
    { seconds, everyMs: 50 },
  );
}

interface Watching {
  played: { read(): Played[]; mark(): void };
  peerConnections: RTCPeerConnection[];
}

// What follows runs in the page, and is whole in itself.
function install(pause: number) {
  type Clock = { -readonly [K in keyof Played]: Played[K] };
  const held = globalThis as unknown as Watching;
  const seats = new Map<number, Clock>();
  const now = () => performance.timeOrigin + performance.now();
  // The tunnel's voices are handed to the sound card's thread as samples. Which seat's they are is not
  // to be seen there: they count for every tile that plays something other than a peer connection.
  let tunnelled = 0;
  const post = MessagePort.prototype.postMessage;
  MessagePort.prototype.postMessage = function (...given: unknown[]) {
    if (given[0] instanceof Float32Array) tunnelled = now();
    return (post as (...given: unknown[]) => void).apply(this, given);
  };
  const receivers = new Map<MediaStreamTrack, RTCRtpReceiver>();
  let known = 0;
  const receiverOf = (track: MediaStreamTrack) => {
    if (known !== held.peerConnections.length) {
      known = held.peerConnections.length;
      receivers.clear();
      for (const connection of held.peerConnections)
        for (const receiver of connection.getReceivers()) receivers.set(receiver.track, receiver);
    }
    return receivers.get(track);
  };
  const heardAt = (element: HTMLMediaElement): number => {
    const stream = element.srcObject;
    if (element.paused || element.muted || !(stream instanceof MediaStream)) return 0;
    const times = stream.getAudioTracks().map((track) => {
      const receiver = receiverOf(track);
      if (receiver === undefined) return tunnelled;
      return Math.max(0, ...receiver.getSynchronizationSources().map(({ timestamp }) => timestamp));
    });
    return Math.max(0, ...times);
  };
  const look = () => {
    for (const tile of document.querySelectorAll<HTMLElement>('[data-testid^="tile-"]')) {
      const seat = Number((tile.dataset['testid'] ?? '').slice('tile-'.length));
      const at = Math.max(0, ...[...tile.querySelectorAll('audio')].map(heardAt));
      if (at === 0) continue;
      const clock = seats.get(seat);
      if (clock === undefined) {
        seats.set(seat, { seat, last: at, runningSince: at, longest: 0, longestEnded: at });
        continue;
      }
      if (at <= clock.last) continue;
      const gap = at - clock.last;
      if (gap >= pause) clock.runningSince = at;
      if (gap > clock.longest) [clock.longest, clock.longestEnded] = [gap, at];
      clock.last = at;
    }
  };
  setInterval(look, 5);
  held.played = {
    read: () => [...seats.values()],
    mark: () => {
      for (const clock of seats.values()) clock.longest = 0;
    },
  };
}
