/**
 * The figures of the ways back that need a real browser, each as a fault that is made again and again on
 * one stage. A round gives what it measured, in milliseconds, by name.
 */
import { HOLDS_AFTER } from '../../src/media/ladder.ts';
import { markArrivals, readArrivals, watchArrivals } from '../harness/arrivals.ts';
import { markPlayed, type Played, readPlayed, steadyAgain, watchPlayed } from '../harness/played.ts';
import type { Person } from '../harness/person.ts';
import type { UdpLine } from '../harness/proxy.ts';
import { EIGHT, type Stage } from '../harness/stage.ts';
import type { Turn } from '../harness/turn.ts';
import { expectNow, pause, until } from '../harness/until.ts';

/** What one repetition found: milliseconds by what they are of. */
export type Round = Readonly<Record<string, number>>;

/** A figure. */
export interface Figure {
  readonly what: string;
  /** What is aimed at, in words. */
  readonly aim: string;
  /** The server offers a relay. */
  readonly relayed?: true;
  /** Sets the scene; what it gives back is one repetition. */
  readonly prepare: (stage: Stage, turn?: Turn) => Promise<() => Promise<Round>>;
}

/** Where a fault cannot be seen to begin or end, sound is watched for so long, in milliseconds. */
const WINDOW = 1_200;

/** Until a path has held, so that the next fault is a trouble of its own, in milliseconds. */
const HELD = HOLDS_AFTER + 500;

const wall = () => performance.timeOrigin + performance.now();
const worst = (played: readonly Played[]) => Math.max(...played.map(({ longest }) => longest));
const over = (played: readonly Played[]) => Math.max(...played.map(({ longestEnded }) => longestEnded));

interface Heard {
  readonly laura: Person;
  readonly karim: Person;
  readonly line: UdpLine;
}

/** Three who hear each other, Karim by a line, and both pages watched. */
async function heard(stage: Stage, beside: 'nothing' | 'tcp', trust?: string): Promise<Heard> {
  const { laura, karim, line } = await stage.hearByALine(beside, { trust });
  await Promise.all([watchPlayed(laura.page), watchPlayed(karim.page)]);
  await ready({ laura, karim });
  return { laura, karim, line };
}

/** Everybody is heard, and no pause was noted yet. */
async function ready({ laura, karim }: Pick<Heard, 'laura' | 'karim'>): Promise<void> {
  await Promise.all([steadyAgain(karim.page, [0, 2], 0), steadyAgain(laura.page, [1, 2], 0)]);
  await Promise.all([markPlayed(laura.page), markPlayed(karim.page)]);
}

/** Both ends once the sound that a fault broke is back, both ways. */
async function back({ laura, karim }: Heard, broken: number): Promise<{ there: Played[]; here: Played[] }> {
  const [here, there] = await Promise.all([
    steadyAgain(karim.page, [0, 2], broken),
    steadyAgain(laura.page, [1], broken),
  ]);
  return { here, there };
}

const carried = (person: Person, carrier: string) =>
  until(`${carrier} carries`, async () => expectNow((await person.carrier()) === carrier, 'not yet'), {
    everyMs: 50,
  });

/** As the button in the settings does. */
const askAgain = (person: Person) =>
  person.page.evaluate(() => document.querySelector<HTMLElement>('[data-testid="reconnect-me"]')?.click());

const both = (there: Played[], here: Played[]): Round => ({
  'what the page hears': worst(here),
  'what is heard of the page': worst(there),
});

/** A fault after which the page goes back to UDP by a new connection, as it was before. */
function blocked(beside: 'nothing' | 'tcp', carrier: 'tcp' | 'turn' | 'tunnel') {
  return async (stage: Stage, turn?: Turn) => {
    const scene = await heard(stage, beside, turn?.trust);
    const { karim, line } = scene;
    return async () => {
      const broken = wall();
      line.block(turn?.relays);
      const { there, here } = await back(scene, broken);
      // The page may not have looked yet: what is heard is faster.
      await carried(karim, carrier);
      line.mend();
      await askAgain(karim);
      await carried(karim, 'udp');
      await pause(HELD);
      await ready(scene);
      return both(there, here);
    };
  };
}

/** A router forgets its address for the page, which sends voice or does not. */
function rebinding(speaks: boolean) {
  return async (stage: Stage) => {
    const scene = await heard(stage, 'nothing');
    const { laura, karim, line } = scene;
    if (!speaks) await karim.on('mic').click();
    return async () => {
      const before = await karim.negotiated();
      line.rebind();
      await pause(WINDOW);
      const [here, there] = [await readPlayed(karim.page), await readPlayed(laura.page)];
      const after = await karim.negotiated();
      expectNow(after.offers.length === before.offers.length, 'the page began a new path');
      await Promise.all([markPlayed(laura.page), markPlayed(karim.page)]);
      const ofKarim = there.filter(({ seat }) => seat === 1);
      return speaks ? both(ofKarim, here) : { 'what the page hears': worst(here) };
    };
  };
}

/** Three pages that speak, and nobody else. */
async function threePages(stage: Stage): Promise<Person[]> {
  const { links } = await stage.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
  const people = links.map((link) => stage.person(link));
  await Promise.all(people.map((person) => person.join()));
  await people[0]?.on('next-phase').click();
  await Promise.all(people.map((person) => carried(person, 'udp')));
  return people;
}

/** The figures, by the name that the command takes. */
export const FIGURES: Readonly<Record<string, Figure>> = {
  'udp-blocked': {
    what: 'UDP is blocked in mid-call, and the server’s TCP port is there',
    aim: 'sound back within 2 s',
    prepare: blocked('tcp', 'tcp'),
  },
  relay: {
    what: 'UDP is blocked in mid-call, and nothing but a TURN server over TLS is there',
    aim: 'sound back within 4 s',
    relayed: true,
    prepare: blocked('nothing', 'turn'),
  },
  tunnel: {
    what: 'UDP is blocked in mid-call, and nothing but the page’s own WebSocket is there',
    aim: 'sound back within 4 s',
    prepare: blocked('nothing', 'tunnel'),
  },
  'dead-path': {
    what: 'the path dies in mid-call, and another one is ready',
    aim: 'from detection p95 ≤ 300 ms + 2 round trips; in all p99 ≤ 1 s',
    prepare: async (stage) => {
      const scene = await heard(stage, 'nothing');
      const { laura, karim, line } = scene;
      return async () => {
        const broken = wall();
        line.lose();
        const { there, here } = await back(scene, broken);
        await pause(HELD);
        const detected = (await karim.negotiated()).offers.find((at) => at >= broken) ?? Number.NaN;
        await Promise.all([markPlayed(laura.page), markPlayed(karim.page)]);
        return {
          ...both(there, here),
          'from detection to what the page hears': over(here) - detected,
          'from detection to what is heard of it': over(there) - detected,
        };
      };
    },
  },
  'rebinding-speaker': {
    what: 'the page’s address changes behind a router; the page sends voice',
    aim: 'p99 ≤ 150 ms + round trip',
    prepare: rebinding(true),
  },
  'rebinding-listener': {
    what: 'the page’s address changes behind a router; its microphone is off',
    aim: 'p99 ≤ 150 ms + round trip',
    prepare: rebinding(false),
  },
  asked: {
    what: 'a person whose connection is well asks for a new one',
    aim: 'gap ≤ 200 ms',
    prepare: async (stage) => {
      const scene = await heard(stage, 'nothing');
      const { karim } = scene;
      return async () => {
        const { connections } = await karim.negotiated();
        await askAgain(karim);
        await pause(WINDOW);
        expectNow((await karim.negotiated()).connections === connections + 1, 'no new connection was made');
        const [here, there] = [await readPlayed(karim.page), await readPlayed(scene.laura.page)];
        await ready(scene);
        return both(
          there.filter(({ seat }) => seat === 1),
          here,
        );
      };
    },
  },
  'killed-server': {
    what: 'kill -9 of the server and a start at once; three pages and nobody else',
    aim: 'hearing again p95 ≤ 1 s, p99 ≤ 2 s from the server answering',
    prepare: async (stage) => {
      const people = await threePages(stage);
      await Promise.all(people.map(({ page }) => watchPlayed(page)));
      const seats = people.map(({ link }) => link.seat);
      const others = ({ link }: Person) => seats.filter((seat) => seat !== link.seat);
      const allAgain = (after: number) =>
        Promise.all(people.map((person) => steadyAgain(person.page, others(person), after, 30)));
      await allAgain(0);
      return async () => {
        await Promise.all(people.map(({ page }) => markPlayed(page)));
        const broken = wall();
        await stage.server.kill();
        await stage.server.launch();
        const up = wall();
        const played = (await allAgain(broken)).flat();
        return {
          'from the server answering to all hearing all': Math.max(0, over(played) - up),
          'the longest silence of one person': worst(played),
          'of that, the server was away': up - broken,
        };
      };
    },
  },
  upgrade: {
    what: 'another server takes over while three pages speak; nobody else',
    aim: 'gap under 300 ms',
    prepare: async (stage) => {
      const people = await threePages(stage);
      await Promise.all(people.map(({ page }) => watchArrivals(page)));
      const pauses = async () => (await Promise.all(people.map(({ page }) => readArrivals(page)))).flat();
      // The connections that they have cannot be watched any more, those that they make can.
      await stage.server.upgrade();
      await until('each voice arrives at both others', async () => {
        const { length } = await pauses();
        expectNow(length === people.length * (people.length - 1), `${length} do`);
      });
      return async () => {
        await Promise.all(people.map(({ page }) => markArrivals(page)));
        expectNow((await stage.server.upgrade()) === 0, 'the server before did not end well');
        await pause(WINDOW);
        return { 'the longest pause of a voice that arrives': Math.max(...(await pauses())) };
      };
    },
  },
};
