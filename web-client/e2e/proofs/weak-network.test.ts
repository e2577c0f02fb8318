// A network that loses so much that voices break up: pictures give way to them, and come back by themselves.
import { expect } from 'vitest';
import { proof } from '../harness/proof.ts';
import { expectNow, until } from '../harness/until.ts';

proof('on a weak network pictures give way to voices, and come back by themselves', 90, async (stage) => {
  const { laura, karim, line } = await stage.hearByALine();
  const camera = () => karim.isOn('camera');
  expect(await camera()).toBe(true);

  line.thin(4);
  await karim.on('plight').and(karim.page.locator('[data-kind="weak"]')).waitFor({ timeout: 30_000 });
  expect(await karim.on('plight').innerText()).toContain('la voix d’abord');
  await until('his camera rests, and nobody else’s', async () => {
    expectNow(!(await camera()), 'it is on');
    expectNow(await laura.isOn('camera'), 'hers is off');
  });
  expect(await karim.connection()).toBe('connected');

  line.thin(0);
  await karim.on('plight').waitFor({ state: 'detached', timeout: 30_000 });
  await until('his camera is on again', async () => expectNow(await camera(), 'it is off'));
  await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
});
