/** What each person's camera shows: a colour of their own with a bar that moves through it. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WIDTH = 320;
const HEIGHT = 180;
const FRAMES_PER_SECOND = 15;
const FRAMES = 30;

/** The hue of the `index`-th person's picture, in degrees. */
export function hue(index: number): number {
  return (index * 137) % 360;
}

/** The file that a camera plays in a loop, made once and kept in the temporary directory. */
export function picture(index: number): string {
  const folder = join(tmpdir(), 'palabre-pictures');
  const file = join(folder, `v1-${index}.y4m`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const parts: Uint8Array[] = [
    Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n`),
  ];
  const [, u, v] = yuv(hue(index));
  for (let frame = 0; frame < FRAMES; frame++) {
    const luma = new Uint8Array(WIDTH * HEIGHT);
    const bar = Math.floor((frame / FRAMES) * WIDTH);
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        const inBar = (x - bar + WIDTH) % WIDTH < WIDTH / 6;
        luma[y * WIDTH + x] = inBar ? 210 : 90 + ((x ^ y) & 16);
      }
    }
    const quarter = (WIDTH * HEIGHT) / 4;
    parts.push(
      Buffer.from('FRAME\n'),
      luma,
      new Uint8Array(quarter).fill(u),
      new Uint8Array(quarter).fill(v),
    );
  }
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, Buffer.concat(parts));
  renameSync(unfinished, file);
  return file;
}

/** How far two hues are apart, 0..180. */
export function hueDistance(a: number, b: number): number {
  const apart = Math.abs(a - b) % 360;
  return Math.min(apart, 360 - apart);
}

function yuv(degrees: number): [number, number, number] {
  const channel = (shift: number) => {
    const k = (shift + degrees / 60) % 6;
    return 0.75 - 0.5 * Math.max(0, Math.min(k, 4 - k, 1));
  };
  const [r, g, b] = [channel(5), channel(3), channel(1)];
  const byte = (value: number) => Math.round(Math.max(0, Math.min(255, value)));
  const y = 0.299 * r + 0.587 * g + 0.114 * b;
  return [byte(255 * y), byte(128 + 255 * 0.564 * (b - y)), byte(128 + 255 * 0.713 * (r - y))];
}
