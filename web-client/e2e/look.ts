// Pictures of the product as it is, with real media: `npm run look`; PALABRE_LOOK names their folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import type { Person } from './harness/person.ts';
import { Server } from './harness/server.ts';
import { EIGHT, Stage } from './harness/stage.ts';
import { expectNow, until } from './harness/until.ts';

const FOLDER = process.env['PALABRE_LOOK'] ?? join(import.meta.dirname, '../test-results/look');

test('a session in pictures', async () => {
  mkdirSync(FOLDER, { recursive: true });
  const stage = new Stage(await Server.start());
  try {
    const room = await stage.server.makeRoom({ template: 'codev-1h15', people: EIGHT });
    const [first, second, third] = room.links;
    if (first === undefined || second === undefined || third === undefined) throw new Error('no room');
    const desktop = stage.person(first, { language: 'fr', scheme: 'light' });
    const dark = stage.person(second, { language: 'en', scheme: 'dark', width: 1_440, height: 900 });
    const phone = stage.person(third, { language: 'fr', scheme: 'light', width: 390, height: 844 });
    const everyone: readonly (readonly [string, Person])[] = [
      ['desktop-fr', desktop],
      ['desktop-dark-en', dark],
      ['phone-fr', phone],
    ];
    const take = async (scene: string) => {
      for (const [name, person] of everyone) {
        await person.page.screenshot({ path: join(FOLDER, `${scene}-${name}.png`) });
      }
    };

    const [bots] = await Promise.all([
      stage.bring(room, [3, 4, 5, 6, 7]),
      ...everyone.map(([, person]) => person.openLink()),
    ]);
    for (const [, person] of everyone) await person.on('join').waitFor();
    await take('1-before-joining');
    for (const [, person] of everyone) await person.enter();
    await until('pictures move', async () => {
      for (const [, person] of everyone) {
        const pictures = (await person.sees(0.8)).filter(({ frames }) => frames > 0);
        expectNow(pictures.length > 0, 'none yet');
      }
    });
    await take('2-lobby');
    const next = async (holder?: number) => {
      await desktop.on('next-phase').click();
      if (holder === undefined) return;
      await until('the turn shows', async () =>
        expectNow((await phone.holder()) === holder, `${await phone.holder()}`),
      );
    };
    await next();
    await desktop.give(4);
    await until('the turn shows', async () =>
      expectNow((await phone.holder()) === 4, `${await phone.holder()}`),
    );
    await take('3-welcome-round');
    await next();
    await next(1);
    await take('4-account');
    await next();
    await take('5-clarification');
    await next();
    await dark.on('contract-input').fill('I’d like you to help me find time for each person again.');
    await dark.on('propose-contract').click();
    await phone.on('accept-contract').waitFor();
    for (const seat of [3, 4, 5]) await bots.command(seat, { do: 'accept_contract' });
    await take('6-contract');
    for (const [, person] of everyone) {
      const accept = person.on('accept-contract');
      if (await accept.isEnabled()) await accept.click();
    }
    for (const seat of [6, 7]) await bots.command(seat, { do: 'accept_contract' });
    await desktop.on('blocked').waitFor({ state: 'detached' });
    await next();
    await take('7-reflection');
    await next();
    await desktop.give(2);
    for (const seat of [5, 7]) await bots.command(seat, { do: 'request_floor' }).catch(() => undefined);
    await until('the turn shows', async () =>
      expectNow((await phone.holder()) === 2, `${await phone.holder()}`),
    );
    await take('8-consultation');
    await stage.server.kill();
    await until('the loss shows', async () =>
      expectNow((await phone.connection()) !== 'connected', 'connected'),
    );
    await take('9-server-lost');
  } finally {
    await stage.close();
  }
});
