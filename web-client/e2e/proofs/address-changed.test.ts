// The page's network address changes in the middle of a call, as behind a router that was restarted.
import { expect } from 'vitest';
import { freePort } from '../harness/ports.ts';
import { UdpLine } from '../harness/proxy.ts';
import { EIGHT, proof } from '../harness/stage.ts';

proof('a changed address is followed, both ways, without a new negotiation', 100, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
  const [laura, karim] = stage.pair(room);
  const line = await UdpLine.open(await freePort(), stage.server.mediaPort);
  stage.closing.push(() => line.close());
  karim.initScript = line.onlyWay();
  await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
  await laura.on('next-phase').click();
  await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
  expect(line.carried.up).toBeGreaterThan(100);
  expect(line.carried.down).toBeGreaterThan(100);
  const before = await karim.negotiated();

  line.rebind();
  // Sooner than the browser's own checks would find out, and on the same transport.
  await Promise.all([karim.hearsExactly([0, 2], 8), laura.hearsExactly([1, 2], 8)]);
  expect(await karim.negotiated()).toEqual(before);
  expect(await karim.connection()).toBe('connected');
});
