// On to a network that lets nothing out but TCP to a few ports: sound comes by the operator's TURN server.
import { proof } from '../harness/proof.ts';
import { leaveOnlyTheRelay } from '../harness/trials.ts';
import { Turn } from '../harness/turn.ts';

let turn: Turn;

proof(
  'when neither UDP nor TCP reaches the server any more, a TURN server does over TLS',
  100,
  async (stage) => {
    stage.closing.push(() => turn.close());
    const scene = await stage.hearByALine('nothing', { trust: turn.trust });
    // Whichever way is found first carries first; the browser goes over to the better one by itself.
    await scene.karim.isCarriedBy('udp');
    await leaveOnlyTheRelay(stage, scene, turn);
  },
  async () => {
    turn = await Turn.start();
    return turn.serve();
  },
);
