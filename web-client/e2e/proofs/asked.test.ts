// A person whose connection is well asks for a new one: the old one goes on until that carries.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import { expectNow, until } from '../harness/until.ts';

proof('a new connection that was asked for takes over from one that is well', 60, async (stage) => {
  const { laura, karim } = await stage.hearByALine();
  const before = await karim.negotiated();
  await karim.page.evaluate(() => {
    const state = document.querySelector('[data-testid="connection-state"]');
    const noted = ((globalThis as unknown as { states: string[] }).states = []) as string[];
    new MutationObserver(() => noted.push(`${state?.getAttribute('data-state')}`)).observe(state as Element, {
      attributeFilter: ['data-state'],
    });
  });

  await karim.on('settings').click();
  await karim.on('reconnect-me').click();
  const alive = () =>
    karim.page.evaluate(() =>
      (globalThis as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections.map(
        ({ connectionState }) => connectionState,
      ),
    );
  await until('the new one has taken over', async () => {
    const states = await alive();
    expectNow(states.length === before.connections + 1, `${states.length} connections`);
    expectNow(states.at(-2) === 'closed' && states.at(-1) === 'connected', states.join(', '));
  });
  await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
  await karim.isCarriedBy('udp');
  // Nothing that anybody would notice: the page never said that it was away.
  expect(await karim.page.evaluate(() => (globalThis as unknown as { states: string[] }).states)).toEqual([]);
  expect((await karim.ways()).map(({ rung, cause, gap }) => ({ rung, cause, gap }))).toEqual([
    { rung: 'new_transport', cause: 'asked', gap: 0 },
  ]);
});
