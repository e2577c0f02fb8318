// The page's path dies in the middle of a call while another one is there, as from one network to the next.
import { expect } from 'vitest';
import { freePort } from '../harness/ports.ts';
import { UdpLine } from '../harness/proxy.ts';
import { EIGHT, proof } from '../harness/stage.ts';

proof(
  'a dead path is repaired by an ICE restart, with no click, on the same transport',
  100,
  async (stage) => {
    const room = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
    const [laura, karim] = stage.pair(room);
    const line = await UdpLine.open(await freePort(), stage.server.mediaPort);
    stage.closing.push(() => line.close());
    karim.initScript = line.onlyWay();
    await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
    await laura.on('next-phase').click();
    await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
    const before = await karim.negotiated();

    line.lose();
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    const after = await karim.negotiated();
    expect(after.connections, 'the same peer connection').toBe(before.connections);
    expect(after.answers, 'a restart was answered').toBeGreaterThan(before.answers);
    expect(await karim.connection()).toBe('connected');
  },
);
