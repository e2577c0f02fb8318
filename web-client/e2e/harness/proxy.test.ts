import { createSocket, type Socket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { freePort } from './ports.ts';
import { TcpLine, UdpLine } from './proxy.ts';

test('a cut TCP line breaks what is open and refuses what is new, until it is mended', async () => {
  const port = await freePort();
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(
    port,
    '127.0.0.1',
  );
  await once(echo, 'listening');
  const line = await TcpLine.open(await freePort(), port);
  const say = async (text: string) => {
    const socket = connect(line.port, '127.0.0.1');
    try {
      socket.write(text);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString();
    } finally {
      socket.destroy();
    }
  };
  expect(await say('one')).toBe('one');
  const open = connect(line.port, '127.0.0.1');
  await once(open, 'connect');
  open.write('two');
  await once(open, 'data');
  const broken = once(open, 'error');
  line.cut();
  await broken;
  await expect(say('three')).rejects.toThrow();
  expect(line.refused).toBe(1);
  line.mend();
  expect(await say('four')).toBe('four');
  await line.close();
  echo.close();
});

test('a rebound UDP line leaves from another port and still comes back', async () => {
  const seen: number[] = [];
  const server = await bound();
  server.on('message', (datagram, from) => {
    seen.push(from.port);
    server.send(datagram, from.port, from.address);
  });
  const line = await UdpLine.open(await freePort(), server.address().port);
  const client = await bound();
  const say = async (text: string) => {
    client.send(text, line.port, '127.0.0.1');
    const [answer] = (await once(client, 'message')) as [Buffer];
    return answer.toString();
  };
  expect([await say('one'), await say('two')]).toEqual(['one', 'two']);
  line.rebind();
  expect(await say('three')).toBe('three');
  expect(seen[0]).toBe(seen[1]);
  expect(seen[2]).not.toBe(seen[0]);
  expect(line.carried).toEqual({ up: 3, down: 3 });
  line.close();
  client.close();
  server.close();
});

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
