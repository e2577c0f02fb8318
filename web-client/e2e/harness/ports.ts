/** Ports for servers that are killed and started again on the same ones. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * Below the range that the kernel hands out to outgoing connections: while a server is down, one of
 * those could otherwise take its port.
 */
const FIRST = Number(process.env.PALABRE_E2E_FIRST_PORT ?? 20_500);
const COUNT = 100;
let next = 0;

/** A port that nobody uses, neither by TCP nor by UDP; each is handed out once. */
export async function freePort(): Promise<number> {
  while (next < COUNT) {
    const port = FIRST + next++;
    if ((await tcpFree(port)) && (await udpFree(port))) return port;
  }
  throw new Error(`no free port in ${FIRST}..${FIRST + COUNT}`);
}

/** An address of this machine's that is not loopback, for a browser that makes no path there. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const own = all.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (own === undefined)
    throw new Error('this machine has no address but loopback: Firefox makes no path there');
  return own.address;
}

/** The first and the last of `count` such ports in a row. */
export async function freePorts(count: number): Promise<[number, number]> {
  for (;;) {
    const first = await freePort();
    let last = first;
    while (last - first + 1 < count) {
      const port = await freePort();
      if (port !== last + 1) break;
      last = port;
    }
    if (last - first + 1 === count) return [first, last];
  }
}

function tcpFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
  });
}

function udpFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = createSocket('udp4');
    socket.once('error', () => answer(false));
    socket.bind(port, '0.0.0.0', () => socket.close(() => answer(true)));
  });
}
