// A laptop's lid is closed for a while: its place is kept, and it is told apart from a broken network.
import { proof } from '../harness/proof.ts';
import { EIGHT, SERVER_AWAY } from '../harness/stage.ts';
import { hearEachOther } from '../harness/trials.ts';
import { expectNow, until } from '../harness/until.ts';

proof('a page that slept comes back by itself, and says that it slept', 120, async (stage) => {
  stage.expected.push(...SERVER_AWAY);
  const room = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
  const [laura, karim] = stage.pair(room);
  await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
  await laura.on('next-phase').click();
  await hearEachOther({ laura, karim });
  const presence = () => laura.attribute('tile-1', 'data-presence');
  const awake = (await karim.ways()).length;

  karim.fallAsleep();
  await until('his place is kept', async () =>
    expectNow((await presence()) === 'away', `${await presence()}`),
  );
  await laura.hearsExactly([2]);

  karim.wake();
  await karim.isIn();
  await until('he is back', async () => expectNow((await presence()) === 'here', `${await presence()}`));
  await hearEachOther({ laura, karim });
  await until('his page says why it was away', async () => {
    const causes = (await karim.ways()).slice(awake).map(({ cause }) => cause);
    expectNow(causes.length > 0 && causes.every((cause) => cause === 'suspended'), causes.join(', '));
  });
  await laura.on('tab-conduct').click();
  await laura.on('drops').locator('[data-seat="1"][data-rung="resume"]').waitFor();
  await until('the operator sees it, too', async () => {
    const count = await stage.server.metric('palabre_media_gap_seconds_count{cause="suspended"}');
    expectNow((count ?? 0) >= 1, `${count}`);
  });
});
