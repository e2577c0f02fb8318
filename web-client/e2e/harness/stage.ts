/** A proof's stage: a server, a room, people and bots; cleared away at its end, explained when it fails. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bots } from './bots.ts';
import type { BrowserSetup } from './browser.ts';
import { FirefoxPerson } from './firefox-person.ts';
import { reference } from './identify.ts';
import { Person } from './person.ts';
import { picture } from './picture.ts';
import { freePort } from './ports.ts';
import { TcpLine, UdpLine } from './proxy.ts';
import { type Link, type Room, type RoomOrder, Server } from './server.ts';
import { speakers } from './speech.ts';

const RESULTS = join(import.meta.dirname, '../../test-results');
const everyone = speakers();
const references = everyone.map(({ name, pcm }) => reference(name, pcm));

/** Eight people, as a session of codéveloppement seats them. */
export const EIGHT: RoomOrder['people'] = [
  { name: 'Laura', role: 'facilitator' },
  { name: 'Karim', role: 'client' },
  { name: 'Inès', role: 'consultant' },
  { name: 'Jonas', role: 'consultant' },
  { name: 'Mei', role: 'consultant' },
  { name: 'Paul', role: 'consultant' },
  { name: 'Sofia', role: 'consultant' },
  { name: 'Tomas', role: 'consultant' },
];

/** What a browser writes about a server that is away for a while: on purpose, in some proofs. */
export const SERVER_AWAY = [
  /WebSocket connection to .* failed/,
  /ERR_CONNECTION_(RESET|REFUSED|CLOSED)/,
  /ERR_EMPTY_RESPONSE/,
  /ERR_SOCKET_NOT_CONNECTED/,
];

/** Where a proof plays. */
export class Stage {
  readonly server: Server;
  readonly people: (Person | FirefoxPerson)[] = [];
  readonly bots: Bots[] = [];
  readonly closing: (() => Promise<void> | void)[] = [];
  /** Console lines that this proof brings about on purpose, such as a lost connection's. */
  readonly expected: RegExp[] = [];

  constructor(server: Server) {
    this.server = server;
  }

  /** A person with the voice and the picture of their seat. */
  person(link: Link, setup: BrowserSetup = {}): Person {
    const person = new Person(
      link,
      { microphone: everyone[link.seat]?.file, camera: picture(link.seat), ...setup },
      references,
    );
    this.people.push(person);
    return person;
  }

  /** A person at a Firefox, with the voice of their seat. */
  firefox(link: Link): FirefoxPerson {
    const speaker = everyone[link.seat];
    if (speaker === undefined) throw new Error(`no voice for seat ${link.seat}`);
    const person = new FirefoxPerson(link, speaker.pcm, references);
    this.people.push(person);
    return person;
  }

  /** The first two people of a room. */
  pair({ links: [first, second] }: Room): [Person, Person] {
    if (first === undefined || second === undefined) throw new Error('a room for fewer than two');
    return [this.person(first), this.person(second)];
  }

  /** Bots in some seats, each with the voice of its seat. */
  async bring(room: Room, seats: readonly number[], ...more: string[]): Promise<Bots> {
    const bots = await Bots.start(room, seats, more);
    this.bots.push(bots);
    return bots;
  }

  /** Three people who hear each other in a plain meeting, the second one's media and signaling by lines of ours. */
  async hearByALine(
    beside: 'nothing' | 'tcp' = 'nothing',
    setup: BrowserSetup = {},
  ): Promise<{
    laura: Person;
    karim: Person;
    line: UdpLine;
    signaling: TcpLine;
  }> {
    const room = await this.server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 3) });
    const [first, second] = room.links;
    if (first === undefined || second === undefined) throw new Error('a room for fewer than two');
    const signaling = await TcpLine.open(await freePort(), this.server.httpPort);
    this.closing.push(() => signaling.close());
    const through = second.url.replace(`:${this.server.httpPort}`, `:${signaling.port}`);
    const [laura, karim] = [this.person(first), this.person({ ...second, url: through }, setup)];
    const line = await UdpLine.open(await freePort(), this.server.mediaPort);
    this.closing.push(() => line.close());
    karim.initScript = line.onlyWay(beside);
    await Promise.all([this.bring(room, [2]), laura.join(), karim.join()]);
    await laura.on('next-phase').click();
    await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
    return { laura, karim, line, signaling };
  }

  /** Fails when a console holds an error that the proof did not expect. */
  checkConsoles(): void {
    const errors = this.people.flatMap((person) =>
      person.console
        .filter(
          ({ kind, text }) =>
            kind === 'uncaught' || (kind === 'error' && !this.expected.some((e) => e.test(text))),
        )
        .map(({ kind, text }) => `${person.link.name}: ${kind}: ${text}`),
    );
    if (errors.length > 0) throw new Error(`errors in the console:\n${errors.join('\n')}`);
  }

  /** Saves what explains a failure into test-results/. */
  async explain(name: string, error: unknown): Promise<void> {
    const folder = join(RESULTS, name.replace(/[^a-z0-9]+/gi, '-').toLowerCase());
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'error.txt'),
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
    writeFileSync(join(folder, 'server.log'), this.server.log);
    this.bots.forEach((bots, i) => writeFileSync(join(folder, `bots-${i}.log`), bots.log));
    for (const person of this.people) {
      const base = join(folder, person.link.name);
      writeFileSync(
        `${base}.console.txt`,
        person.console.map(({ kind, text }) => `${kind}: ${text}\n`).join(''),
      );
      await person.snapshot(base).catch(() => undefined);
    }
  }

  /** Ends everything on it. */
  async close(): Promise<void> {
    await Promise.all(this.people.map((person) => person.close()));
    await Promise.all(this.bots.map((bots) => bots.close()));
    for (const end of this.closing.reverse()) await end();
    await this.server.close();
  }
}
