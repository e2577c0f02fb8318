/** What people go through at whatever browser, and what must come of it: a proof is made of one or several. */
import { expect } from 'vitest';
import type { Person } from './person.ts';
import { type ByALine, SERVER_AWAY, type Stage } from './stage.ts';
import type { Someone } from './someone.ts';
import type { Turn } from './turn.ts';
import { expectNow, until } from './until.ts';

/** All three hear each other. */
export async function hearEachOther({ laura, karim }: Pick<ByALine, 'laura' | 'karim'>): Promise<void> {
  await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
}

/** A router gives the page's media another address, while nothing but media passes: they go on. */
export async function changeAddress(scene: ByALine): Promise<void> {
  const { karim, line, signaling } = scene;
  await karim.isCarriedBy('udp');
  const [before, carried] = [await karim.negotiated(), { ...line.carried }];
  signaling.cut();
  await karim.saysThatItIsAway();

  line.rebind();
  // On the same transport, and without a new path on it.
  await hearEachOther(scene);
  expect(await karim.negotiated()).toEqual(before);
  expect(line.carried.up).toBeGreaterThan(carried.up + 100);
  expect(line.carried.down).toBeGreaterThan(carried.down + 100);
  expect(signaling.refused).toBeGreaterThan(0);

  signaling.mend();
  await karim.isIn();
  expect(await karim.negotiated()).toEqual(before);
}

/** A network loses so much that voices break up: pictures give way to them, and come back by themselves. */
export async function weaken(scene: ByALine): Promise<void> {
  const { laura, karim, line } = scene;
  expect(await karim.isOn('camera')).toBe(true);

  line.thin(4);
  await until(
    'his page says that the network is weak',
    async () => {
      const kind = await karim.attribute('plight', 'data-kind');
      expectNow(kind === 'weak', `${kind}`);
    },
    { seconds: 30 },
  );
  expect(await karim.words('plight')).toContain('la voix d’abord');
  await until('his camera rests, and nobody else’s', async () => {
    expectNow(!(await karim.isOn('camera')), 'it is on');
    expectNow(await laura.isOn('camera'), 'hers is off');
  });
  expect(await karim.connection()).toBe('connected');
  await until('the server is told, once', async () => {
    const ways = (await karim.ways()).filter(({ rung }) => rung === 'audio_only');
    expectNow(ways.length === 1 && ways[0]?.gap === 0, JSON.stringify(ways));
  });

  line.thin(0);
  await until(
    'nothing is the matter any more',
    async () => {
      const kind = await karim.attribute('plight', 'data-kind');
      expectNow(kind === null, `${kind}`);
    },
    { seconds: 30 },
  );
  await until('his camera is on again', async () => expectNow(await karim.isOn('camera'), 'it is off'));
  await hearEachOther(scene);
}

/** Neither UDP nor TCP reaches the server any more: a TURN server does, over TLS, before anybody takes it for a drop. */
export async function leaveOnlyTheRelay(stage: Stage, scene: ByALine, turn: Turn): Promise<void> {
  const { karim, line, signaling } = scene;
  stage.expected.push(...SERVER_AWAY);
  signaling.cut();
  line.block(turn.relays);
  // Without a word to the server.
  await karim.isCarriedBy('turn');
  expect(await karim.connection()).not.toBe('connected');
  await hearEachOther(scene);

  signaling.mend();
  await karim.isIn();
  await until('the way back is told', async () => {
    const ways = (await karim.ways()).map(({ rung, cause }) => `${rung} after ${cause}`);
    expectNow(
      ways.some((way) => way.startsWith('turn ')),
      ways.join(', '),
    );
  });
  await until('the operator sees it', async () => {
    const count = await stage.server.metric('palabre_reconnect_seconds_count{rung="turn"}');
    expectNow(count === 1, `${count}`);
  });
}

/** Another server takes over, and nobody's sound breaks off, as both pages tell of it. */
export async function upgrade(stage: Stage, people: readonly Someone[]): Promise<void> {
  expect(await stage.server.upgrade(), 'the server before ends well').toBe(0);
  await until('each page tells that its sound went on', async () => {
    for (const person of people) {
      const ways = (await person.ways()).filter(({ cause }) => cause === 'server_restarted');
      expect(ways.map(({ rung, gap }) => ({ rung, gap }))).toEqual([{ rung: 'new_transport', gap: 0 }]);
    }
  });
}

/** The speaker's link is opened on another device, and taken back from there: the turn goes along. */
export async function openElsewhere(laura: Person, laptop: Someone, phone: Someone): Promise<void> {
  const { seat } = laptop.link;
  const saysThatItIsElsewhere = (page: Someone) =>
    until('the page left behind says that its seat is open elsewhere', async () =>
      expectNow((await page.attribute('message', 'data-kind')) === 'taken_over', 'not yet'),
    );
  expect(await laura.holder()).toBe(seat);
  const before = await laura.clock('turn-clock');

  await phone.join();
  await saysThatItIsElsewhere(laptop);
  for (const page of [laura, phone])
    expect(await page.attribute('turn-holder', 'data-seat')).toBe(String(seat));
  await laura.hearsExactly([seat]);
  expect(await laura.attribute(`tile-${seat}`, 'data-presence')).toBe('here');

  // One press, and no check of the devices again.
  await laptop.press('take-back');
  await laptop.isIn();
  await saysThatItIsElsewhere(phone);
  expect(await laura.holder()).toBe(seat);
  expect(await laura.clock('turn-clock')).toBeLessThanOrEqual(before);
  await laura.hearsExactly([seat]);
}
