// The page's own end of the tunnel, against a stand-in that sends each voice back as somebody else's.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ECHO, startServer } from '../../screens/server.ts';
import { voiceOf } from '../harness/hearing.ts';
import { reference } from '../harness/identify.ts';
import { Person } from '../harness/person.ts';
import { freePort } from '../harness/ports.ts';
import { speakers } from '../harness/speech.ts';
import { expectNow, until } from '../harness/until.ts';

test(
  'a page without WebRTC speaks and hears through the signaling connection',
  { timeout: 90_000 },
  async () => {
    const server = await startServer(join(import.meta.dirname, '../../dist'), await freePort());
    const everyone = speakers();
    const references = everyone.map(({ name, pcm }) => reference(name, pcm));
    // The stand-in answers no offer: nothing but its WebSocket carries.
    const link = {
      name: 'Amine',
      role: 'consultant',
      seat: 2,
      url: `${server.url}/r/demo-room#open.2.tunnel`,
    } as const;
    const amine = new Person(link, { microphone: everyone[2]?.file }, references);
    try {
      await amine.join();
      expect(await amine.carrier()).toBe('tunnel');
      await until('they hear their own words from the other seat, and nothing else', async () => {
        for (const [seat, heard] of await amine.hears()) {
          const fine =
            seat === ECHO ? heard.kind === 'speaker' && heard.name === voiceOf(2) : heard.kind === 'silence';
          expectNow(fine, `seat ${seat}: ${JSON.stringify(heard)}`);
        }
      });
      await amine.on('mic').click();
      await until('a closed microphone sends nothing', async () => {
        const heard = (await amine.hears()).get(ECHO);
        expectNow(heard?.kind === 'silence', JSON.stringify(heard));
      });
      const errors = amine.console.filter(({ kind }) => kind === 'uncaught');
      expect(errors).toEqual([]);
    } finally {
      await amine.close();
      server.close();
    }
  },
);
