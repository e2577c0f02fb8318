/**
 * A stand-in for the server, for pictures only: serves the built page and answers a hello with the room
 * of a scene. A link's token is `{scene}.{seat}`, or `{scene}.{seat}.{plight}` for a page in trouble.
 */
import { createServer, type Server } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { WebSocketServer } from 'ws';
import type { ClientMessage, RoomView, ServerMessage } from '../src/wire/index.ts';
import { personal, scene, type SceneName } from './scenes.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const TEMPLATES = [
  {
    id: 'codev-1h15',
    title: { fr: 'Codéveloppement, 1 h 15', en: 'Peer coaching, 1 h 15' },
    purpose: {
      fr: 'Un client apporte un sujet, ses pairs l’aident à avancer, chacun apprend.',
      en: 'A client brings one subject, the peers help them move on, everyone learns.',
    },
    minutes: 75,
    people: 8,
  },
  {
    id: 'plain-meeting',
    title: { fr: 'Réunion simple', en: 'Plain meeting' },
    purpose: {
      fr: 'Chacun parle librement, ou à mains levées.',
      en: 'Everyone speaks freely, or by raised hands.',
    },
    minutes: 0,
    people: 9,
  },
];

/** A page in trouble has a moment before it, in milliseconds: a loss is no beginning. */
const CUT_AFTER = 1000;

/** Whose voice a page hears its own as, in the tunnel. */
export const ECHO = 1;

/** Who is heard in a scene. */
function speaking(name: SceneName, room: RoomView, own: number): number[] {
  const { turn, groups, circle } = room.floor;
  if (turn) return name === 'away' || room.state.pause ? [] : [turn.seat];
  if (groups.length > 0) return groups.find(({ seats }) => seats.includes(own))?.seats.slice(-1) ?? [];
  return circle.length > 0 ? circle.slice(0, 1) : name === 'open' ? [3, 7] : [];
}

export async function startServer(dist: string, port: number): Promise<{ url: string; close(): void }> {
  const url = `http://127.0.0.1:${port}`;
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', url).pathname;
    const json = (value: unknown) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (path === '/api/rooms') {
      const error = 'template_text: `scribe` sends no media, and has no turn';
      return response.writeHead(400).end(JSON.stringify({ error, line: 26 }));
    }
    if (path === '/api/templates') return json(TEMPLATES);
    if (path === '/api/demo') {
      return json({
        room: 'demo-room',
        links: scene('open', 'fr', 0).people.map(({ name, role, seat }) => ({
          name,
          role,
          seat,
          url: `${url}/r/demo-room#open.${seat}`,
        })),
      });
    }
    const file = extname(path) ? path : '/index.html';
    readFile(join(dist, file)).then(
      (body) => response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain').end(body),
      () => response.writeHead(404).end(),
    );
  });
  const sockets = new WebSocketServer({ server, path: '/ws' });
  sockets.on('connection', (socket) => {
    const say = (message: ServerMessage) => socket.send(JSON.stringify(message));
    let plight: string | undefined;
    socket.on('message', (data, binary) => {
      if (binary) {
        // A voice in the tunnel comes back as somebody else's.
        const frame = Buffer.from(data as Buffer);
        frame[1] = ECHO;
        if (plight === 'tunnel') socket.send(frame);
        return;
      }
      const message = JSON.parse(String(data)) as ClientMessage;
      const now = Date.now();
      if (message.type === 'hello') {
        const [name, seat, given] = message.token.split('.');
        plight = given;
        // Whoever lost the connection does not get it back here.
        if (message.resume) return socket.terminate();
        if (plight === 'away' || plight === 'listening') setTimeout(() => socket.terminate(), CUT_AFTER);
        if (name === 'expired') return say({ type: 'closing', reason: 'token_expired' });
        if (name === 'taken') return say({ type: 'closing', reason: 'taken_over' });
        if (name === 'full') return say({ type: 'closing', reason: 'full' });
        const room = scene(name as SceneName, message.language, now);
        const own = Number(seat);
        say({
          type: 'welcome',
          version: 3,
          seat: own,
          resume_token: 'r',
          seq: 1,
          now,
          last_command: 0,
          media: {
            slots: room.people.map((person) => person.seat).filter((of) => of !== own),
            ice_servers: [],
          },
          room,
          telephone: '+33 1 84 88 12 34',
        });
        say({ type: 'personal', ...personal(name as SceneName, message.language, own, now) });
        say({ type: 'speaking', seats: speaking(name as SceneName, room, own) });
      }
      if (message.type === 'media_offer')
        say({ type: 'media_answer', generation: message.generation, sdp: 'v=0' });
      if (message.type === 'tunnel') say({ type: 'tunnel', on: message.on && plight === 'tunnel' });
      if (message.type === 'ping') say({ type: 'pong', at: message.at, now });
      if (message.type !== 'command') return;
      if (message.command.do === 'cannot_hear') {
        say({ type: 'event', seq: 2, at: now, event: { part: 'cannot_hear', seat: 3 } });
      }
      say({ type: 'answer', id: message.id, answer: { result: 'done' } });
    });
  });
  await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
  return {
    url,
    close: () => {
      sockets.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
