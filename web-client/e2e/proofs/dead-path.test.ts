// The page's path dies in the middle of a call while another one is there, as from one network to the next.
import { expect } from 'vitest';
import { proof } from '../harness/stage.ts';

proof(
  'a dead path is repaired by an ICE restart, with no click, on the same transport',
  100,
  async (stage) => {
    const { laura, karim, line } = await stage.hearByALine();
    const before = await karim.negotiated();

    line.lose();
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    const after = await karim.negotiated();
    expect(after.connections, 'the same peer connection').toBe(before.connections);
    expect(after.answers, 'a restart was answered').toBeGreaterThan(before.answers);
    expect(await karim.connection()).toBe('connected');
  },
);
