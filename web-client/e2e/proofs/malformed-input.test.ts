// Malformed input of every kind at the WebSocket, the HTTP port and the UDP port, while a room goes on.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'vitest';
import { WebSocket, type RawData } from 'ws';
import { proof } from '../harness/proof.ts';
import type { Link, Server } from '../harness/server.ts';
import { EIGHT } from '../harness/stage.ts';
import { expectNow, pause, until } from '../harness/until.ts';
import { WIRE_VERSION } from '../../src/wire/generated.ts';

interface Message {
  readonly type: string;
  readonly reason?: string;
  readonly [field: string]: unknown;
}

/** A client of the WebSocket that says whatever it is told to. */
class Stranger {
  readonly heard: Message[] = [];
  private readonly socket: WebSocket;

  constructor(server: Server, origin = server.origin) {
    this.socket = new WebSocket(`ws://127.0.0.1:${server.httpPort}/ws`, { headers: { origin } });
    this.socket.on('message', (data: RawData) => this.heard.push(JSON.parse(String(data)) as Message));
    // A refusal is what is tested: it shows as a closed connection.
    this.socket.on('error', () => undefined);
  }

  async open(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) {
      await new Promise<void>((done) => {
        this.socket.once('open', done);
        this.socket.once('close', () => done());
      });
    }
    return this;
  }

  say(data: string | Uint8Array): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  get closed(): boolean {
    return this.socket.readyState === WebSocket.CLOSED;
  }

  async hears(what: string, wanted: (message: Message) => boolean): Promise<void> {
    await until(what, () =>
      expectNow(this.heard.some(wanted), JSON.stringify(this.heard.map(({ type }) => type))),
    );
  }

  close(): void {
    this.socket.terminate();
  }
}

const hello = (link: Link, change: object = {}) =>
  JSON.stringify({
    type: 'hello',
    version: WIRE_VERSION,
    token: link.url.split('#')[1],
    language: 'fr',
    ...change,
  });

const MALFORMED = [
  '',
  ' ',
  '{',
  'null',
  '[]',
  '42',
  '"hello"',
  '{}',
  '{"type":null}',
  '{"type":"unknown"}',
  '{"type":"event"}',
  '{"type":"command"}',
  '{"type":"command","id":-1,"command":{"do":"pass"}}',
  '{"type":"command","id":1,"command":{"do":"grant_floor","seat":256}}',
  '{"type":"command","id":1,"command":{"do":"grant_floor","seat":"2"}}',
  '{"type":"command","id":1,"command":{"do":"extend_phase","by":1e400}}',
  '{"type":"command","id":1,"command":{"do":"no_such_thing"}}',
  '{"type":"view","seats":[{"seat":0,"size":"huge"}]}',
  '{"type":"ping"}',
  '{"type":"ping","at":1.5}',
  '{"type":"media_offer","generation":1}',
  '{"type":"leave","extra":1}',
  '\u0000',
  '\ufeff{}',
  '{"type":"ping","at":1}}',
];

proof('malformed input is refused or ignored, and harms nobody', 150, async (stage) => {
  const { server } = stage;
  const room = await server.makeRoom({ template: 'plain-meeting', people: EIGHT.slice(0, 5) });
  const [laura, karim] = stage.pair(room);
  await Promise.all([stage.bring(room, [2]), laura.join(), karim.join()]);
  await laura.on('next-phase').click();
  await karim.hearsExactly([0, 2]);
  const [, , , guest, other] = room.links;
  if (guest === undefined || other === undefined) throw new Error('no seat is left for the stranger');
  const before = await karim.negotiated();
  const pid = server.pid;
  const strangers: Stranger[] = [];
  const stranger = async (origin?: string) => {
    const one = await new Stranger(server, origin).open();
    strangers.push(one);
    return one;
  };

  // Whoever does not begin with a hello that is right is told why, and shut out.
  for (const [first, reason] of [
    ['{"type":"ping","at":1}', 'hello_expected'],
    ['not json', 'hello_expected'],
    [hello(guest, { version: 999 }), 'version_mismatch'],
    [hello(guest, { token: 'x.y.z' }), 'bad_token'],
    [hello(guest, { token: `${guest.url.split('#')[1]}x` }), 'bad_token'],
  ] as const) {
    const one = await stranger();
    one.say(first);
    await one.hears(`"${reason}"`, (message) => message.type === 'closing' && message.reason === reason);
    await until('the connection is closed', () => expectNow(one.closed, 'open still'));
  }
  for (const first of [new Uint8Array([0xff, 0xfe, 0]), 'x'.repeat(70_000), '['.repeat(60_000)]) {
    const one = await stranger();
    one.say(first);
    await until('the connection is closed', () => expectNow(one.closed, 'open still'));
  }
  const foreign = await stranger('http://elsewhere.example');
  await until('a foreign page is shut out', () => expectNow(foreign.closed, 'open still'));

  // Somebody who is in is told what was not understood, and stays in.
  const inside = await stranger();
  inside.say(hello(guest));
  await inside.hears('a welcome', ({ type }) => type === 'welcome');
  for (const message of MALFORMED.slice(0, 8)) {
    const sofar = inside.heard.filter(({ type }) => type === 'not_understood').length;
    inside.say(message);
    await until(`"${message}" is not understood`, () => {
      expectNow(inside.heard.filter(({ type }) => type === 'not_understood').length > sofar, 'no answer');
    });
  }
  inside.say(JSON.stringify({ type: 'media_offer', generation: 1, sdp: 'v=0\r\nm=audio' }));
  await inside.hears('a refusal of the offer', ({ type }) => type === 'media_refused');
  expect(inside.closed).toBe(false);

  // Somebody who goes on and on is shut out, without a word of theirs passed on.
  const flood = await stranger();
  flood.say(hello(other));
  await flood.hears('a welcome', ({ type }) => type === 'welcome');
  await until('the flood is shut out', () => {
    for (let i = 0; i < 200; i++) flood.say(MALFORMED[i % MALFORMED.length] ?? '');
    expectNow(flood.closed, 'open still');
  });

  for (const [method, path, body] of [
    ['POST', '/api/rooms', '{'],
    ['POST', '/api/rooms', '{"template":"no-such","people":[]}'],
    ['POST', '/api/rooms', JSON.stringify({ template: 'plain-meeting', people: Array(500).fill(EIGHT[0]) })],
    [
      'POST',
      '/api/rooms',
      JSON.stringify({ template: 'plain-meeting', people: [{ name: 'x'.repeat(999), role: 'king' }] }),
    ],
    ['GET', '/ws', undefined],
    ['GET', '/r/%2e%2e%2f%2e%2e%2fetc%2fpasswd', undefined],
    ['GET', '/..%2f..%2fetc%2fpasswd', undefined],
    ['DELETE', '/api/rooms', undefined],
  ] as const) {
    const answer = await fetch(`${server.origin}${path}`, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    });
    expect(answer.status, `${method} ${path}`).toBeLessThan(500);
    if (method !== 'GET') expect(answer.status, `${method} ${path}`).toBeGreaterThanOrEqual(400);
    expect(await answer.text()).not.toContain('root:');
  }

  const answered = await throwDatagrams(server.mediaPort);
  expect(answered).toBe(0);

  // The room noticed nothing.
  await Promise.all([karim.hearsExactly([0, 2]), laura.hearsExactly([1, 2])]);
  expect(await karim.negotiated()).toEqual(before);
  expect(await karim.connection()).toBe('connected');
  expect(server.running).toBe(true);
  expect(server.pid).toBe(pid);
  expect(server.log).not.toMatch(/panick/i);
  for (const one of strangers) one.close();
});

/** Throws garbage of every class at a port and gives the bytes that came back. */
async function throwDatagrams(port: number): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let answered = 0;
  socket.on('message', (datagram) => (answered += datagram.length));
  let seed = 99;
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) / 0x80000000;
  // STUN, unassigned, DTLS, TURN channels, RTP and RTCP by their first byte (RFC 7983), then anything.
  const firsts = [0, 1, 3, 20, 22, 23, 63, 64, 79, 128, 144, 191, 255];
  for (let round = 0; round < 3_000; round++) {
    const datagram = Buffer.from(
      Array.from({ length: Math.floor(random() * 1_500) }, () => Math.floor(random() * 256)),
    );
    if (datagram.length > 0) datagram[0] = firsts[round % firsts.length] ?? 0;
    if (round % 5 === 0 && datagram.length >= 20) {
      // A binding request in form, and in nothing else.
      datagram.writeUInt32BE(0x0001_0000 | ((datagram.length - 20) & 0xfffc));
      datagram.writeUInt32BE(0x2112_a442, 4);
    }
    if (round % 7 === 0 && datagram.length >= 12) datagram[1] = 200 + (round % 8);
    socket.send(datagram, port, '127.0.0.1');
    // Loopback drops what is thrown faster than it is taken: a breath lets the server read it all.
    if (round % 100 === 99) await pause(10);
  }
  await pause(500);
  socket.close();
  return answered;
}
