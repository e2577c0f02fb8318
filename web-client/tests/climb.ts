/** A page's media on the ladder, in virtual time. */
import { expect } from 'vitest';
import { HOLDS_AFTER, initialMedia, type MediaEffect, type MediaInput } from '../src/media/ladder.ts';
import { mediaTransition } from '../src/media/machine.ts';

export const AHEAD = { ufrag: 'next', password: 'secret' };
export const LATER = { ufrag: 'later', password: 'secret' };

const LOOK = 150;
/** The first look at a deadline, so long after something that happened at a look. */
export const atALook = (deadline: number): number => Math.ceil(deadline / LOOK) * LOOK;

/** A page's media, told the time. */
export class Run {
  state;
  now = 0;
  constructor(tunnels = true) {
    this.state = initialMedia(tunnels);
  }
  do(input: MediaInput, at = this.now): MediaEffect[] {
    this.now = at;
    const step = mediaTransition(this.state, input, at);
    this.state = step.state;
    return step.effects;
  }
  /** Lets time go by in looks, and gives what was asked for and when. */
  wait(until: number): [number, MediaEffect][] {
    const asked: [number, MediaEffect][] = [];
    for (let at = this.now + LOOK; at <= until; at += LOOK) {
      for (const effect of this.do({ type: 'tick' }, at)) asked.push([at, effect]);
    }
    return asked;
  }
  /** A path that is up at 0, and has held. */
  up(ahead?: typeof AHEAD): void {
    this.do({ type: 'joined', again: false }, -HOLDS_AFTER);
    this.do({ type: 'answered', generation: this.state.generation, ...(ahead ? { ahead } : {}) });
    this.do({ type: 'answer_applied' });
    expect(this.do({ type: 'path_alive', via: 'udp' })).toEqual([]);
    expect(this.state.stage).toMatchObject({ at: 'up', via: 'udp' });
    this.do({ type: 'tick' }, 0);
    expect(this.state.trouble).toBeNull();
  }
  /** The path dies at `at`, after a silence of 600 ms. */
  die(at = 5000, slept = false): MediaEffect[] {
    return this.do({ type: 'path_dead', heardAt: at - 600, slept }, at);
  }
  answer(at = this.now): void {
    this.do({ type: 'answered', generation: this.state.generation }, at);
    this.do({ type: 'answer_applied' }, at);
  }
}

export const offer = (way: 'restart' | 'fresh', generation: number) => ({ do: 'offer', way, generation });
export const beside = (generation: number) => ({ ...offer('fresh', generation), beside: true });
export const recovered = (rung: string, cause: string, took: number, gap = took) => ({
  do: 'recovered',
  rung,
  cause,
  took,
  gap,
});
