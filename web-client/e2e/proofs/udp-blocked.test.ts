// In the middle of a call the page's network stops carrying UDP, as when somebody walks into a guarded office.
import { expect } from 'vitest';
import { soundPath } from '../harness/paths.ts';
import { proof } from '../harness/proof.ts';
import { expectNow, until } from '../harness/until.ts';

proof(
  'when UDP is blocked in mid-call, sound is back by TCP, both ways, with no click',
  100,
  async (stage) => {
    const { laura, karim, line } = await stage.hearByALine('tcp');
    expect((await soundPath(karim.page)).protocol).toBe('udp');
    const heard = await soundPath(karim.page, { watch: true });
    expect(heard.packets).toBeGreaterThan(0);

    line.block();
    await until('the browser goes by TCP', async () =>
      expectNow((await soundPath(karim.page)).protocol === 'tcp', 'not yet'),
    );
    // Heard from here on: what a page had in store for the pause is over.
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    const after = await soundPath(karim.page);
    expect(after.protocol).toBe('tcp');
    expect(await karim.connection()).toBe('connected');
    console.log(`UDP blocked: ${after.longestPause} ms without sound`);
  },
);
