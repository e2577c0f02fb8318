/** Lines between a page and the server that can be cut and mended, or change their address. */
import { createSocket, type RemoteInfo, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** Carries TCP to a port on loopback until it is cut. */
export class TcpLine {
  readonly port: number;
  readonly address: string;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private whole = true;
  /** Connections that were refused while it was cut. */
  refused = 0;

  private constructor(server: Server, port: number, to: number, address: string) {
    this.server = server;
    this.port = port;
    this.address = address;
    server.on('connection', (near) => {
      if (!this.whole) {
        this.refused++;
        near.resetAndDestroy();
        return;
      }
      const far = connect({ port: to, host: LOOPBACK, localAddress: address });
      for (const [from, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(from);
        from.setNoDelay(true);
        from.on('error', () => other.destroy());
        from.on('close', () => {
          this.sockets.delete(from);
          other.destroy();
        });
        from.pipe(other);
      }
    });
  }

  /** Listens on `port` of this machine's `address` and carries to `to`. */
  static async open(port: number, to: number, address = LOOPBACK): Promise<TcpLine> {
    const server = createServer();
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(port, address, done);
    });
    return new TcpLine(server, port, to, address);
  }

  /** Breaks every connection and refuses new ones. */
  cut(): void {
    this.whole = false;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Carries again. */
  mend(): void {
    this.whole = true;
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }
}

/**
 * Carries UDP to a port on loopback as a home router does: the server sees one address of ours for
 * each address of the page's, and `rebind` gives all of them new ones without a word to anybody.
 */
export class UdpLine {
  readonly port: number;
  readonly address: string;
  private readonly near: Datagrams;
  private readonly to: number;
  private readonly far = new Map<string, Datagrams>();
  private readonly dead = new Set<string>();
  private blocked = false;
  /** The ports that a firewall lets through, first and last. */
  private through: readonly [number, number] | undefined;
  private losesEvery = 0;
  private late = 0;
  private ended = false;
  /** Datagrams carried each way. */
  readonly carried = { up: 0, down: 0 };

  private constructor(near: Datagrams, port: number, to: number, address: string) {
    this.near = near;
    this.port = port;
    this.address = address;
    this.to = to;
    near.on('message', (datagram, from) => {
      this.later(() => {
        if (this.stopped(from.port) || this.dead.has(`${from.address} ${from.port}`)) return;
        this.carried.up++;
        this.outside(from).send(datagram, this.to, LOOPBACK);
      });
    });
  }

  /** Listens on `port` of this machine's `address` and carries to `to`. */
  static async open(port: number, to: number, address = LOOPBACK): Promise<UdpLine> {
    const near = createSocket('udp4');
    await new Promise<void>((done, failed) => {
      near.once('error', failed);
      near.bind(port, address, done);
    });
    return new UdpLine(near, port, to, address);
  }

  /** What comes from the page leaves from new ports from now on, and the old ones are dead. */
  rebind(): void {
    for (const socket of this.far.values()) socket.close();
    this.far.clear();
  }

  /** Every address of the page's so far leads nowhere from now on, both ways; new ones are carried. */
  lose(): void {
    for (const [key, socket] of this.far) {
      this.dead.add(key);
      socket.close();
    }
    this.far.clear();
  }

  /**
   * Nothing passes from now on, from no address and either way, and nobody is told: a firewall without UDP.
   * `through` are the ports that it does not stand before: a relay's, outside.
   */
  block(through?: readonly [number, number]): void {
    this.blocked = true;
    this.through = through;
    this.rebind();
  }

  /** Of what comes to the page one datagram in `every` is lost from now on; none with 0. */
  thin(every: number): void {
    this.losesEvery = every;
  }

  /** What passes is `millis` on its way from now on, either way. */
  slow(millis: number): void {
    this.late = millis;
  }

  /** What was blocked passes again. */
  mend(): void {
    this.blocked = false;
  }

  /**
   * A script for a page: it is told the line's address for the server's, and of no other way by UDP. Beside
   * it the server's own TCP port may be left, or a line to it.
   */
  onlyWay(beside: 'nothing' | 'tcp' | TcpLine = 'nothing'): string {
    const ways = {
      udp: [this.address, this.port],
      tcp: beside instanceof TcpLine && [beside.address, beside.port],
    };
    return `{
      const ways = ${JSON.stringify(ways)};
      const set = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        const sdp = description.sdp.split('\\r\\n').flatMap((line) => {
          const fields = line.split(' ');
          if (!line.startsWith('a=candidate:')) return [line];
          if (fields[4] !== '${LOOPBACK}') return [];
          const protocol = fields[2].toLowerCase();
          if (protocol === 'tcp' && ${beside === 'tcp'}) return [line];
          if (!ways[protocol]) return [];
          [fields[4], fields[5]] = ways[protocol];
          return [fields.join(' ')];
        }).join('\\r\\n');
        return set.call(this, { type: description.type, sdp });
      };
    }`;
  }

  /** Ends it. */
  close(): void {
    this.ended = true;
    this.rebind();
    this.near.close();
  }

  private later(carry: () => void): void {
    if (this.late === 0) return carry();
    setTimeout(() => this.ended || carry(), this.late);
  }

  private stopped(port: number): boolean {
    if (!this.blocked) return false;
    const [first, last] = this.through ?? [Infinity, 0];
    return port < first || port > last;
  }

  private outside(from: RemoteInfo): Datagrams {
    const key = `${from.address} ${from.port}`;
    const known = this.far.get(key);
    if (known !== undefined) return known;
    const socket = createSocket('udp4');
    // The page is told from where the server sees it, and Firefox takes no address of loopback for its own.
    socket.bind(0, this.address);
    socket.on('message', (datagram) => {
      this.carried.down++;
      if (this.losesEvery > 0 && this.carried.down % this.losesEvery === 0) return;
      this.later(() => this.near.send(datagram, from.port, from.address));
    });
    // A refusal that loopback reports for a dead server is a lost datagram, as anywhere else.
    socket.on('error', () => undefined);
    this.far.set(key, socket);
    return socket;
  }
}
