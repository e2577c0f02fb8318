// Only the WebSocket is lost: sound and pictures go on, and what was missed is caught up once.
import { expect } from 'vitest';
import { freePort } from '../harness/ports.ts';
import { proof } from '../harness/proof.ts';
import { TcpLine } from '../harness/proxy.ts';
import { EIGHT, SERVER_AWAY } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

proof('a lost WebSocket leaves media untouched and is caught up without doubling', 120, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 4) });
  const [laura] = stage.pair(room);
  const line = await TcpLine.open(await freePort(), stage.server.httpPort);
  stage.closing.push(() => line.close());
  stage.expected.push(...SERVER_AWAY);
  const [, second] = room.links;
  if (second === undefined) throw new Error('a room without a second seat');
  const through = second.url.replace(`:${stage.server.httpPort}`, `:${line.port}`);
  expect(through).not.toBe(second.url);
  const karim = stage.person({ ...second, url: through });
  const [bots] = await Promise.all([stage.bring(room, [2, 3]), laura.join(), karim.join()]);
  await laura.on('next-phase').click();
  await karim.hearsExactly([0, 2, 3]);
  await bots.command(2, { do: 'chat', text: 'avant la coupure' });
  await until('the line of chat is there', async () =>
    expectNow((await karim.lines('avant la coupure')) === 1, 'not yet'),
  );
  const before = await karim.negotiated();

  line.cut();
  await until('the page says so', async () =>
    expectNow((await karim.connection()) !== 'connected', 'connected'),
  );
  // What happens meanwhile.
  await bots.command(3, { do: 'chat', text: 'pendant la coupure' });
  await bots.command(3, { do: 'request_floor' });
  await bots.command(2, { do: 'set_muted', muted: true });
  // He hears on: the others, and not the one who closed their microphone. And he is heard.
  await karim.hearsExactly([0, 3], 10);
  await laura.hearsExactly([1, 3], 10);
  expect(await karim.connection()).not.toBe('connected');
  // Whoever is heard is here.
  expect(await laura.attribute('tile-1', 'data-presence')).toBe('here');
  expect(await karim.lines('pendant la coupure')).toBe(0);
  expect(line.refused).toBeGreaterThan(0);

  line.mend();
  await karim.isIn();
  await until('what was missed is there', async () => {
    expectNow(
      (await karim.lines('pendant la coupure')) === 1,
      `${await karim.lines('pendant la coupure')} lines`,
    );
  });
  expect(await karim.lines('avant la coupure')).toBe(1);
  await bots.command(2, { do: 'chat', text: 'après la coupure' });
  await until('news come again', async () =>
    expectNow((await karim.lines('après la coupure')) === 1, 'not yet'),
  );
  expect(await karim.lines('pendant la coupure')).toBe(1);
  // The same transport carries, never renegotiated.
  expect(await karim.negotiated()).toEqual(before);
  await karim.hearsExactly([0, 3]);
});
