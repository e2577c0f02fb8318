// On to a network that lets nothing out but TCP to a few ports: sound comes by the operator's TURN server.
import { proof } from '../harness/proof.ts';
import { hearEachOther, leaveOnlyTheRelay } from '../harness/trials.ts';
import { Turn } from '../harness/turn.ts';

let turn: Turn;

proof(
  'when neither UDP nor TCP reaches the server any more, a TURN server does over TLS',
  100,
  async (stage) => {
    stage.closing.push(() => turn.close());
    const scene = await stage.hearByALine('nothing', { trust: turn.trust });
    // Whichever way is found first carries first. As a rule the browser goes over to the better one by itself;
    // where it stays on the relay (once in dozens of times), there is nothing to prove yet, and he comes anew.
    await scene.karim.isCarriedBy('udp', 10).catch(async () => {
      await scene.karim.kill();
      await scene.karim.join();
      await hearEachOther(scene);
      await scene.karim.isCarriedBy('udp');
    });
    await leaveOnlyTheRelay(stage, scene, turn);
  },
  async () => {
    turn = await Turn.start();
    return turn.serve();
  },
);
