// On to a network that lets nothing out but TCP to a few ports: sound comes by the operator's TURN server.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import { Server } from '../harness/server.ts';
import { SERVER_AWAY } from '../harness/stage.ts';
import { Turn } from '../harness/turn.ts';
import { expectNow, until } from '../harness/until.ts';

let turn: Turn;

proof(
  'when neither UDP nor TCP reaches the server any more, a TURN server does over TLS',
  100,
  async (stage) => {
    stage.closing.push(() => turn.close());
    stage.expected.push(...SERVER_AWAY);
    const { laura, karim, line, signaling } = await stage.hearByALine('nothing', { trust: turn.trust });
    expect(await karim.carrier()).toBe('udp');

    signaling.cut();
    line.block(turn.relays);
    await until('the relay carries, without a word to the server', async () =>
      expectNow((await karim.carrier()) === 'turn', await karim.carrier()),
    );
    expect(await karim.connection()).not.toBe('connected');
    await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);

    await until('his place is kept', async () =>
      expectNow((await laura.on('tile-1').getAttribute('data-presence')) !== 'here', 'still here'),
    );
    signaling.mend();
    await karim.isIn();
    await laura.on('tab-conduct').click();
    await laura.on('drops').locator('[data-seat="1"][data-rung="turn"]').waitFor();
    expect(await stage.server.metric('palabre_reconnect_seconds_count{rung="turn"}')).toBe(1);
  },
  async () => {
    turn = await Turn.start();
    return Server.start({ args: turn.args() }).catch(async (error: unknown) => {
      await turn.close();
      throw error;
    });
  },
);
