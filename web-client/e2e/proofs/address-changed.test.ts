// The page's network address changes in the middle of a call, as behind a router that was restarted.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';

proof('a changed address is followed, both ways, without a new negotiation', 100, async (stage) => {
  const { laura, karim, line } = await stage.hearByALine();
  expect(line.carried.up).toBeGreaterThan(100);
  expect(line.carried.down).toBeGreaterThan(100);
  const before = await karim.negotiated();

  line.rebind();
  // Sooner than the browser's own checks would find out, and on the same transport.
  await Promise.all([karim.hearsExactly([0, 2], 8), laura.hearsExactly([1, 2], 8)]);
  expect(await karim.negotiated()).toEqual(before);
  expect(await karim.connection()).toBe('connected');
});
