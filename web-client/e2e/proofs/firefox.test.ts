// The same ways back in Firefox: what it hears and says is known by its words, as in the other proofs.
import { expect } from 'vitest';
import { FILTERED } from '../harness/filter.ts';
import { proof } from '../harness/proof.ts';
import { freePort, ownAddress } from '../harness/ports.ts';
import { TcpLine, UdpLine } from '../harness/proxy.ts';
import { EIGHT, SERVER_AWAY, type Stage } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

/** What Firefox writes about servers that are away and paths that are not found: on purpose, here. */
const AWAY = [
  ...SERVER_AWAY,
  /can’t establish a connection|was interrupted|NetworkError/,
  /WebRTC: ICE failed/,
  // Of its own remote control, with no line of the page's.
  /^Error: Permission denied to access property "length"$/,
];

/** Firefox makes no path on loopback: to the server's media, by UDP and by TCP, on this machine's address. */
async function lines({ server, closing }: Stage): Promise<[UdpLine, TcpLine]> {
  const address = ownAddress();
  const [udp, tcp] = [
    await UdpLine.open(await freePort(), server.mediaPort, address),
    await TcpLine.open(await freePort(), server.mediaPort, address),
  ];
  closing.push(
    () => udp.close(),
    () => tcp.close(),
  );
  return [udp, tcp];
}

proof('Firefox comes back from each fault by itself, and is heard', 100, async (stage) => {
  const room = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
  const [first, second] = room.links;
  if (first === undefined || second === undefined) throw new Error('a room for fewer than two');
  const signaling = await TcpLine.open(await freePort(), stage.server.httpPort);
  stage.closing.push(() => signaling.close());
  const [line, tcp] = await lines(stage);
  const through = second.url.replace(`:${stage.server.httpPort}`, `:${signaling.port}`);
  const [laura, karim] = [stage.person(first), stage.firefox({ ...second, url: through })];
  karim.initScript = line.onlyWay(tcp);
  stage.expected.push(...AWAY);
  await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
  await laura.on('next-phase').click();
  const bothWays = () => Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
  await bothWays();
  expect(await karim.carrier()).toBe('udp');
  const { connections } = await karim.negotiated();

  // Signaling alone: the sound goes on.
  signaling.cut();
  await until('the page says so', async () =>
    expectNow((await karim.connection()) !== 'connected', 'not yet'),
  );
  await bothWays();
  signaling.mend();
  await karim.isIn();

  // A path that dies, with another one ready: an ICE restart on the same transport.
  line.lose();
  await until('the way back is told', async () => {
    const ways = await karim.ways();
    expectNow(
      ways.some(({ rung, cause }) => rung === 'ice_restart' && cause === 'path_dead'),
      JSON.stringify(ways),
    );
  });
  await bothWays();
  expect((await karim.negotiated()).connections).toBe(connections);

  // No UDP any more.
  line.block();
  await until('TCP carries', async () => expectNow((await karim.carrier()) === 'tcp', await karim.carrier()));
  await bothWays();

  // The server dies and is started again.
  line.mend();
  await stage.server.kill();
  await until('the page says so', async () =>
    expectNow((await karim.connection()) !== 'connected', 'not yet'),
  );
  await stage.server.launch();
  await Promise.all([laura.isIn(), karim.isIn()]);
  await bothWays();
});

proof('in Firefox too, whoever has the floor is heard and nobody else, by the tunnel', 100, async (stage) => {
  const people = [
    { name: 'Laura', role: 'facilitator' },
    { name: 'Karim', role: 'consultant' },
    { name: 'Inès', role: 'client' },
  ] as const;
  const room = await stage.server.makeRoom({ template: 'codev-1h15', people });
  const [first, second] = room.links;
  if (first === undefined || second === undefined) throw new Error('a room for fewer than two');
  const [laura, karim] = [stage.person(first), stage.firefox(second)];
  const [line] = await lines(stage);
  stage.expected.push(...AWAY);
  karim.initScript = line.onlyWay() + FILTERED;
  const [bots] = await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
  expect(await karim.carrier()).toBe('tunnel');

  // The choice of the subject: whoever has the floor, and nobody else.
  await laura.on('mic').click();
  await laura.on('next-phase').click();
  await laura.on('next-phase').click();
  await laura.give(1);
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
  await laura.give(2);
  await Promise.all([laura.hearsExactly([2]), karim.hearsExactly([2])]);

  // WebRTC passes again, and he asks for it: the gate holds there as well.
  await karim.page.evaluate(() => {
    (globalThis as unknown as { filtered: boolean }).filtered = false;
  }, null);
  await karim.click('reconnect-me');
  await until('WebRTC carries', async () => expectNow((await karim.carrier()) === 'udp', 'not yet'), {
    seconds: 30,
  });
  await Promise.all([laura.hearsExactly([2]), karim.hearsExactly([2])]);
  await laura.give(1);
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
  expect(await bots.leaks()).toEqual({ without_right: 0, forbidden: 0, misplaced: 0, stray: 0 });
});
