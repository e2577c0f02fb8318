// The page's network address changes in the middle of a call, as behind a router that was restarted.
import { proof } from '../harness/proof.ts';
import { SERVER_AWAY } from '../harness/stage.ts';
import { changeAddress } from '../harness/trials.ts';

proof(
  'a changed address is followed, both ways, with no negotiation and no word to the server',
  100,
  async (stage) => {
    stage.expected.push(...SERVER_AWAY);
    await changeAddress(await stage.hearByALine());
  },
);
