// A network on which no WebRTC passes, and a browser that cannot code sound by itself: nothing but words is left;
// and one that is gone, on which not even these pass.
import { expect } from 'vitest';
import { FILTERED } from '../harness/filter.ts';
import { proof } from '../harness/proof.ts';
import { EIGHT, SERVER_AWAY } from '../harness/stage.ts';
import { expectNow, until } from '../harness/until.ts';

const TELEPHONE = '+33 1 23 45 67 89';

proof('a person whom no sound reaches reads, writes, and is told whom to call', 80, async (stage) => {
  const room = await stage.server.makeRoom({
    template: 'plain-meeting',
    people: EIGHT.slice(0, 2),
    telephone: TELEPHONE,
  });
  const [laura, karim] = stage.pair(room);
  karim.initScript = `${FILTERED}delete globalThis.AudioEncoder;\n`;
  await Promise.all([laura.join(), karim.openLink()]);
  await karim.on('join').click({ timeout: 20_000 });
  await until('the page says what is left', async () => {
    expectNow(
      (await karim.on('plight').getAttribute('data-kind', { timeout: 1_000 })) === 'soundless',
      'not yet',
    );
  });
  expect(await karim.carrier()).toBe('none');
  const number = karim.on('telephone').locator('a');
  expect(await number.getAttribute('href')).toBe('tel:+33123456789');

  // In whichever language they read.
  const words = karim.on('plight').locator('h2');
  expect(await words.innerText()).toBe('Le son ne passe pas d’ici');
  await karim.on('settings').click();
  await karim.page.locator('#settings label', { hasText: 'English' }).click();
  await until('it is said in English', async () =>
    expectNow((await words.innerText()) === 'Sound cannot get through from here', 'not yet'),
  );
  expect(await number.getAttribute('href')).toBe('tel:+33123456789');
  await karim.page.keyboard.press('Escape');

  // What is said on the screen goes both ways.
  await laura.on('next-phase').click();
  await karim.on('chat-input').fill('je vous lis');
  await karim.on('chat-input').press('Enter');
  await until('the others read it', async () =>
    expectNow((await laura.lines('je vous lis')) === 1, 'not yet'),
  );
});

proof(
  'a person cut off from everything is told whom to call, and is back with no click',
  110,
  async (stage) => {
    stage.expected.push(...SERVER_AWAY);
    const { laura, karim, line, signaling } = await stage.hearByALine(
      'nothing',
      {},
      { telephone: TELEPHONE },
    );
    const number = karim.on('telephone').locator('a');
    expect(await number.count()).toBe(0);

    signaling.cut();
    line.block();
    await until('the page says whom to call', async () => expectNow(await number.isVisible(), 'not yet'));
    expect(await number.getAttribute('href')).toBe('tel:+33123456789');
    expect(await karim.on('plight').getAttribute('data-kind')).toBe('away');
    expect(await karim.words('plight')).toContain('rejoignez les autres par téléphone');
    expect(await karim.carrier()).toBe('none');
    expect(signaling.refused).toBeGreaterThan(0);

    signaling.mend();
    line.mend();
    await karim.isIn();
    await Promise.all([karim.hearsExactly([0, 2], 25), laura.hearsExactly([1, 2], 25)]);
    await until('nobody has to be called', async () =>
      expectNow((await number.count()) === 0, 'still there'),
    );
    expect(await karim.attribute('plight', 'data-kind')).toBeNull();
  },
);
