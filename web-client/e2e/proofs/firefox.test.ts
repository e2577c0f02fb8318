// The same ways back in Firefox: what it hears and says is known by its words, as in the other proofs.
import { expect } from 'vitest';
import { FILTERED, unfilter } from '../harness/filter.ts';
import { freePort, ownAddress } from '../harness/ports.ts';
import { proof } from '../harness/proof.ts';
import { TcpLine, UdpLine } from '../harness/proxy.ts';
import { EIGHT, FIREFOX_SAYS, SERVER_AWAY } from '../harness/stage.ts';
import { Server } from '../harness/server.ts';
import {
  changeAddress,
  hearEachOther,
  leaveOnlyTheRelay,
  openElsewhere,
  upgrade,
  weaken,
} from '../harness/trials.ts';
import { Turn } from '../harness/turn.ts';
import { expectNow, until } from '../harness/until.ts';

let turn: Turn;

proof(
  'Firefox comes back from each fault by itself, and is heard',
  150,
  async (stage) => {
    stage.closing.push(() => turn.close());
    const tcp = await TcpLine.open(await freePort(), stage.server.mediaPort, ownAddress());
    stage.closing.push(() => tcp.close());
    const scene = await stage.firefoxByALine(tcp, turn.exception);
    const { laura, karim, line } = scene;

    await changeAddress(scene);

    // A path that dies, with another one ready: by the restart, or the new transport beside it.
    line.lose();
    await until('the way back is told', async () => {
      const ways = await karim.ways();
      expectNow(
        ways.some(
          ({ rung, cause }) => ['ice_restart', 'new_transport'].includes(rung) && cause === 'path_dead',
        ),
        JSON.stringify(ways),
      );
    });
    await hearEachOther(scene);

    // No UDP any more.
    line.block();
    await karim.isCarriedBy('tcp');
    await hearEachOther(scene);

    // The server dies and is started again, and UDP is there again.
    line.mend();
    await stage.server.kill();
    await karim.saysThatItIsAway();
    await stage.server.launch();
    await Promise.all([laura.isIn(), karim.isIn()]);
    await karim.isCarriedBy('udp');
    await hearEachOther(scene);

    await weaken(scene);

    tcp.cut();
    await leaveOnlyTheRelay(stage, scene, turn);
  },
  async () => {
    turn = await Turn.start(ownAddress());
    return turn.serve();
  },
);

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
  stage.expected.push(...FIREFOX_SAYS);
  const line = await UdpLine.open(await freePort(), stage.server.mediaPort, ownAddress());
  stage.closing.push(() => line.close());
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
  await unfilter(karim);
  await karim.press('reconnect-me');
  await karim.isCarriedBy('udp');
  await Promise.all([laura.hearsExactly([2]), karim.hearsExactly([2])]);
  await laura.give(1);
  await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);

  // And his seat goes to a Chromium, and back.
  await openElsewhere(laura, karim, stage.person(second));
  expect(await bots.leaks()).toEqual({ without_right: 0, forbidden: 0, misplaced: 0, stray: 0 });
});

proof(
  'in Firefox too, another server takes over with no click, and whoever has the floor is heard on',
  60,
  async (stage) => {
    const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT.slice(0, 3) });
    const [first, second] = room.links;
    if (first === undefined || second === undefined) throw new Error('a room for fewer than two');
    const [laura, karim] = [stage.person(first), stage.firefox(second)];
    stage.expected.push(...FIREFOX_SAYS, ...SERVER_AWAY);
    await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
    await laura.on('mic').click();
    await laura.on('next-phase').click();
    await laura.on('next-phase').click();
    await laura.give(1);
    await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);

    await upgrade(stage, [laura, karim]);
    await Promise.all([laura.hearsExactly([1]), karim.hearsExactly([])]);
    await laura.give(2);
    await Promise.all([laura.hearsExactly([2]), karim.hearsExactly([2])]);
  },
  () => Server.start({ mediaAddress: ownAddress() }),
);
