/** A proof's stage: a server, a room, people and bots; cleared away at its end, explained when it fails. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bots } from './bots.ts';
import type { BrowserSetup } from './browser.ts';
import { FirefoxPerson } from './firefox-person.ts';
import { reference } from './identify.ts';
import { Person } from './person.ts';
import { picture } from './picture.ts';
import { freePort, ownAddress } from './ports.ts';
import { TcpLine, UdpLine } from './proxy.ts';
import { type Link, type Room, type RoomOrder, Server } from './server.ts';
import type { Someone } from './someone.ts';
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

/** What Firefox writes about servers that are away and paths that are not found: on purpose, in some proofs. */
export const FIREFOX_SAYS = [
  ...SERVER_AWAY,
  /can’t establish a connection|was interrupted|NetworkError/,
  /WebRTC: ICE failed/,
  // Of its own remote control, with no line of the page's.
  /^Error: Permission denied to access property "length"$/,
];

const LOOPBACK = '127.0.0.1';

/** What else than a line a page may take to the server's media. */
type Beside = 'nothing' | 'tcp' | TcpLine;

/** Two people and a bot who hear each other, one of them by lines of ours. */
export interface ByALine<P extends Someone = Someone> {
  readonly laura: Person;
  readonly karim: P;
  /** His media's. */
  readonly line: UdpLine;
  readonly signaling: TcpLine;
}

/** Where a proof plays. */
export class Stage {
  readonly server: Server;
  readonly people: Someone[] = [];
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

  /** A person at a Firefox, with the voice of their seat; `exception` as for `Firefox.start`. */
  firefox(link: Link, exception?: string): FirefoxPerson {
    const speaker = everyone[link.seat];
    if (speaker === undefined) throw new Error(`no voice for seat ${link.seat}`);
    const person = new FirefoxPerson(link, speaker.pcm, references, exception);
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
  hearByALine(
    beside: Beside = 'nothing',
    setup: BrowserSetup = {},
    order: Partial<RoomOrder> = {},
  ): Promise<ByALine<Person>> {
    return this.byALine(beside, LOOPBACK, (link) => this.person(link, setup), order);
  }

  /** The same with a second person at a Firefox. */
  firefoxByALine(beside: Beside = 'nothing', exception?: string): Promise<ByALine<FirefoxPerson>> {
    this.expected.push(...FIREFOX_SAYS);
    return this.byALine(beside, ownAddress(), (link) => this.firefox(link, exception));
  }

  private async byALine<P extends Someone>(
    beside: Beside,
    address: string,
    at: (link: Link) => P,
    order: Partial<RoomOrder> = {},
  ): Promise<ByALine<P>> {
    const people = EIGHT.slice(0, 3);
    const room = await this.server.makeRoom({ template: 'plain-meeting', people, ...order });
    const [first, second] = room.links;
    if (first === undefined || second === undefined) throw new Error('a room for fewer than two');
    const signaling = await TcpLine.open(await freePort(), this.server.httpPort);
    this.closing.push(() => signaling.close());
    const through = second.url.replace(`:${this.server.httpPort}`, `:${signaling.port}`);
    const [laura, karim] = [this.person(first), at({ ...second, url: through })];
    const line = await UdpLine.open(await freePort(), this.server.mediaPort, address);
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
