/**
 * What a page's person really hears and sees: the sound and the pictures that the elements inside
 * each tile play, taken where they are decoded. A paused, muted or silenced element is heard as
 * silence, whatever arrives for it.
 */
import type { Page } from 'playwright-core';
import { RATE } from './identify.ts';
import type { Pcm } from './wav.ts';

/** What one tile plays. */
export interface TileSound {
  readonly seat: number;
  readonly name: string;
  readonly sound: Pcm;
}

/** What one tile shows over a while. */
export interface TilePicture {
  readonly seat: number;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Frames presented while watching. */
  readonly frames: number;
  /** The mean difference of a pixel's channels between two looks, 0..255. */
  readonly motion: number;
  /** How much the pixels of one look differ, 0..255: 0 is a plain surface. */
  readonly variety: number;
  /** The hue of the whole picture, in degrees. */
  readonly hue: number;
}

/** A page that runs functions for us, in whatever browser. */
export interface Scripted {
  evaluate<Given, Answer>(run: (given: Given) => Answer | Promise<Answer>, given: Given): Promise<Answer>;
}

/** Captures what every tile plays during `seconds`. */
export async function listen(page: Scripted, seconds: number): Promise<TileSound[]> {
  const tiles = await page.evaluate(captureSound, { seconds, rate: RATE });
  return tiles.map(({ seat, name, samples }) => {
    const bytes = Buffer.from(samples, 'base64');
    const words = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    return { seat, name, sound: { rate: RATE, samples: Float32Array.from(words, (word) => word / 32_768) } };
  });
}

/** Watches what every tile shows during `seconds`. */
export function watch(page: Page, seconds: number): Promise<TilePicture[]> {
  return page.evaluate(capturePictures, { seconds });
}

// What follows runs in the page: each function is whole in itself.

/** Chromium's, and not yet among the types that TypeScript brings; elsewhere sound is tapped by Web Audio. */
declare const MediaStreamTrackProcessor: new (source: { track: MediaStreamTrack }) => {
  readonly readable: ReadableStream<AudioData>;
};

async function captureSound({ seconds, rate }: { seconds: number; rate: number }) {
  const until = performance.now() + 1_000 * seconds;
  const tiles = [...document.querySelectorAll<HTMLElement>('[data-testid^="tile-"]')];
  return Promise.all(
    tiles.map(async (tile) => {
      const total = new Float32Array(Math.ceil((seconds + 0.5) * rate));
      let length = 0;
      const audible = [...tile.querySelectorAll<HTMLMediaElement>('audio, video')].flatMap((element) => {
        const stream = element.srcObject;
        return stream instanceof MediaStream
          ? stream.getAudioTracks().map((track) => ({ element, track }))
          : [];
      });
      await Promise.all(
        audible.map(async ({ element, track }) => {
          if (track.readyState !== 'live') return;
          // The track itself belongs to the page; a clone can be ended without harm.
          const copy = track.clone();
          let at = 0;
          const add = (plane: Float32Array, sampleRate: number) => {
            const gain = element.paused || element.muted ? 0 : element.volume;
            const factor = Math.round(sampleRate / rate);
            for (let i = 0; i + factor <= plane.length && at < total.length; i += factor, at++) {
              let sum = 0;
              for (let k = 0; k < factor; k++) sum += plane[i + k] ?? 0;
              total[at] = (total[at] ?? 0) + (sum / factor) * gain;
            }
            length = Math.max(length, at);
          };
          if (typeof MediaStreamTrackProcessor === 'function') {
            const reader = new MediaStreamTrackProcessor({ track: copy }).readable.getReader();
            const timer = setTimeout(() => void reader.cancel(), Math.max(0, until - performance.now()));
            for (;;) {
              const { done, value } = await reader.read();
              if (done) break;
              const plane = new Float32Array(value.numberOfFrames);
              value.copyTo(plane, { planeIndex: 0, format: 'f32-planar' });
              add(plane, value.sampleRate);
              value.close();
            }
            clearTimeout(timer);
          } else {
            const context = new AudioContext();
            const tap = context.createScriptProcessor(4_096, 1, 1);
            tap.onaudioprocess = ({ inputBuffer }) =>
              add(inputBuffer.getChannelData(0), inputBuffer.sampleRate);
            context
              .createMediaStreamSource(new MediaStream([copy]))
              .connect(tap)
              .connect(context.destination);
            await new Promise((done) => setTimeout(done, Math.max(0, until - performance.now())));
            await context.close();
          }
          copy.stop();
        }),
      );
      const bytes = new Uint8Array(2 * length);
      const view = new DataView(bytes.buffer);
      for (let i = 0; i < length; i++) {
        view.setInt16(2 * i, Math.max(-1, Math.min(1, total[i] ?? 0)) * 32_767, true);
      }
      let text = '';
      for (let i = 0; i < bytes.length; i += 8_192)
        text += String.fromCharCode(...bytes.subarray(i, i + 8_192));
      return {
        seat: Number((tile.dataset['testid'] ?? '').slice('tile-'.length)),
        name: tile.dataset['name'] ?? '',
        samples: btoa(text),
      };
    }),
  );
}

async function capturePictures({ seconds }: { seconds: number }) {
  const [columns, rows, looks] = [32, 18, 4];
  const tiles = [...document.querySelectorAll<HTMLElement>('[data-testid^="tile-"]')];
  return Promise.all(
    tiles.map(async (tile) => {
      const video = [...tile.querySelectorAll('video')].find((element) => element.srcObject !== null);
      const seen = {
        seat: Number((tile.dataset['testid'] ?? '').slice('tile-'.length)),
        name: tile.dataset['name'] ?? '',
        width: 0,
        height: 0,
        frames: 0,
        motion: 0,
        variety: 0,
        hue: 0,
      };
      if (video === undefined) return seen;
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [columns, rows];
      const context = canvas.getContext('2d', { willReadFrequently: true });
      if (context === null) throw new Error('no canvas');
      let watching = true;
      const count = () => {
        if (!watching) return;
        seen.frames++;
        video.requestVideoFrameCallback(count);
      };
      video.requestVideoFrameCallback(count);
      let before: Uint8ClampedArray | undefined;
      for (let look = 0; look < looks; look++) {
        await new Promise((done) => setTimeout(done, (1_000 * seconds) / looks));
        if (video.videoWidth === 0) continue;
        context.drawImage(video, 0, 0, columns, rows);
        const pixels = context.getImageData(0, 0, columns, rows).data;
        const mean = [0, 0, 0];
        for (let i = 0; i < pixels.length; i++) {
          if (i % 4 !== 3) mean[i % 4] = (mean[i % 4] ?? 0) + (pixels[i] ?? 0) / (columns * rows);
        }
        let variety = 0;
        let motion = 0;
        for (let i = 0; i < pixels.length; i++) {
          if (i % 4 === 3) continue;
          variety += Math.abs((pixels[i] ?? 0) - (mean[i % 4] ?? 0)) / (3 * columns * rows);
          if (before !== undefined)
            motion += Math.abs((pixels[i] ?? 0) - (before[i] ?? 0)) / (3 * columns * rows);
        }
        const [r = 0, g = 0, b = 0] = mean;
        const [high, low] = [Math.max(r, g, b), Math.min(r, g, b)];
        const sixth =
          high === low
            ? 0
            : high === r
              ? ((g - b) / (high - low) + 6) % 6
              : high === g
                ? (b - r) / (high - low) + 2
                : (r - g) / (high - low) + 4;
        seen.hue = 60 * sixth;
        seen.variety = Math.max(seen.variety, variety);
        seen.motion = Math.max(seen.motion, motion);
        before = pixels;
      }
      watching = false;
      return { ...seen, width: video.videoWidth, height: video.videoHeight };
    }),
  );
}
