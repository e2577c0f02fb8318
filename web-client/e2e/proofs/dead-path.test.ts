// The page's path dies in the middle of a call while another one is there, as from one network to the next.
import { expect } from 'vitest';
import type { Person } from '../harness/person.ts';
import { proof } from '../harness/proof.ts';
import { SERVER_AWAY } from '../harness/stage.ts';
import { expectNow, pause, until } from '../harness/until.ts';

/** One connection is left open, and it carries. */
const oneIsLeft = (person: Person) =>
  until('one is left', async () => {
    const open = await person.page.evaluate(() =>
      (globalThis as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections
        .filter(({ connectionState }) => connectionState !== 'closed')
        .map(({ connectionState }) => connectionState),
    );
    expectNow(open.length === 1 && open[0] === 'connected', open.join(', '));
  });

proof('a dead path is repaired with no click', 100, async (stage) => {
  const { laura, karim, line } = await stage.hearByALine();
  const before = await karim.negotiated();

  line.lose();
  await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
  const after = await karim.negotiated();
  expect(after.answers, 'a restart was answered').toBeGreaterThan(before.answers);
  await oneIsLeft(karim);
  // By the restart, or by the new transport that is begun beside it where a machine is slow.
  const ways = (await karim.ways()).map(({ rung, cause }) => `${rung} after ${cause}`);
  expect(ways).toHaveLength(1);
  expect(['ice_restart after path_dead', 'new_transport after path_dead']).toContain(ways[0]);
  expect(await karim.connection()).toBe('connected');
  await karim.isCarriedBy('udp');
});

proof(
  'with credentials held out ahead a dead path is repaired without a word to the server',
  100,
  async (stage) => {
    const { laura, karim, line, signaling } = await stage.hearByALine();
    stage.expected.push(...SERVER_AWAY);
    const before = await karim.negotiated();

    // The machine goes from one network to the next: both are gone at once, and signaling stays away.
    signaling.cut();
    line.lose();
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    const after = await karim.negotiated();
    expect(after.connections, 'the same peer connection').toBe(before.connections);
    expect(after.answers, 'an answer of its own').toBe(before.answers + 1);
    expect(await karim.connection()).toBe('reconnecting');
    expect(signaling.refused).toBeGreaterThan(0);

    signaling.mend();
    await karim.isIn();
    await until('the way back is told', async () => {
      const ways = await karim.ways();
      expectNow(
        ways.some(({ rung, cause }) => rung === 'ice_restart' && cause === 'path_dead'),
        JSON.stringify(ways),
      );
    });

    // And once more: the server has held out the next ones.
    line.lose();
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    expect((await karim.negotiated()).connections, 'the same peer connection').toBe(before.connections);
  },
);

proof(
  'where every packet is long on its way, the restart and a new transport help each other',
  100,
  async (stage) => {
    const { laura, karim, line } = await stage.hearByALine();
    const before = await karim.negotiated();

    // A round trip of 0.8 s: the restart cannot be back when the next rung begins.
    line.slow(400);
    await pause(1_500);
    line.lose();
    await until('the restart carries', async () => {
      const ways = (await karim.ways()).map(({ rung, cause }) => `${rung} after ${cause}`);
      expectNow(ways.includes('ice_restart after path_dead'), ways.join(', '));
    });
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    await oneIsLeft(karim);
    expect((await karim.negotiated()).connections, 'one was made beside it').toBe(before.connections + 1);
    await karim.isCarriedBy('udp');
  },
);
