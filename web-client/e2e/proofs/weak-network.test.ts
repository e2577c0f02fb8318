// A network that loses so much that voices break up: pictures give way to them, and come back by themselves.
// Whoever wants voices alone has them by a switch.
import { expect } from 'vitest';
import type { Person } from '../harness/person.ts';
import { proof } from '../harness/proof.ts';
import { weaken } from '../harness/trials.ts';
import { expectNow, until } from '../harness/until.ts';

proof('on a weak network pictures give way to voices, and come back by themselves', 90, async (stage) => {
  await weaken(await stage.hearByALine());
  await until('the operator sees what browsers believe that they can send', async () => {
    const told = await stage.server.metric('palabre_media_estimate_bytes_per_second_count');
    expectNow(told !== undefined && told > 0, `${told}`);
  });
});

proof(
  'whoever asks for voices alone has no pictures, either way, until they want them again',
  60,
  async (stage) => {
    const { laura, karim } = await stage.hearByALine();
    const moves = async (who: Person, seat: number) => {
      const tile = (await who.sees(1)).find((shown) => shown.seat === seat);
      return tile !== undefined && tile.frames > 2 && tile.motion > 0;
    };
    const pictures = (there: boolean) =>
      until(`pictures ${there ? 'come' : 'rest'}, both ways`, async () => {
        const [to, from] = await Promise.all([moves(karim, 0), moves(laura, 1)]);
        expectNow(to === there && from === there, `to him: ${to}; from him: ${from}`);
      });
    await pictures(true);

    await karim.on('settings').click();
    await karim.on('audio-only').click();
    await karim.page.keyboard.press('Escape');
    await pictures(false);
    expect(await karim.on('plight').innerText()).toContain('Voix seule, à votre demande');
    expect(await karim.isOn('camera')).toBe(false);
    // Nobody else gives anything up, and all are heard.
    expect(await laura.isOn('camera')).toBe(true);
    await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);

    await karim.on('pictures').click();
    await pictures(true);
    expect(await karim.isOn('camera')).toBe(true);
    await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
  },
);
