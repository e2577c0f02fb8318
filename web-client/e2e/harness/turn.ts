/** A TURN server (coturn) as an operator runs one, but on this machine, with a certificate made for it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, freePorts } from './ports.ts';
import { stop } from './process.ts';
import { Server } from './server.ts';
import { expectNow, until } from './until.ts';

/** Enough for a few pages: each peer connection has one for each of its own addresses. */
const RELAY_PORTS = 24;

/** How Firefox names the algorithm of a fingerprint. */
const SHA_256 = 'OID.2.16.840.1.101.3.4.2.1';

/** A running relay. It carries for whoever has a name from a server that knows its secret. */
export class Turn {
  /** Where pages reach it, over TLS alone. */
  readonly port: number;
  /** What it sends from, first and last: a firewall lets these through. */
  readonly relays: readonly [number, number];
  /** The certificate's key as a browser is told to trust it: base64 of SHA-256. */
  readonly trust: string;
  /** The same for Firefox: this certificate is trusted here, and nowhere else. */
  readonly exception: string;
  private readonly folder: string;
  private readonly child: ChildProcess;

  private constructor(
    at: Pick<Turn, 'port' | 'relays' | 'trust' | 'exception'>,
    folder: string,
    child: ChildProcess,
  ) {
    this.port = at.port;
    this.relays = at.relays;
    this.trust = at.trust;
    this.exception = at.exception;
    this.folder = folder;
    this.child = child;
  }

  /** Starts one on free ports, which sends from an address of this machine's. */
  static async start(address = '127.0.0.1'): Promise<Turn> {
    const folder = mkdtempSync(join(tmpdir(), 'palabre-turn-'));
    const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-days', '2', '-keyout', key, '-out', certificate, ...subject],
      ],
      { stdio: 'ignore' },
    );
    const { publicKey, fingerprint256 } = new X509Certificate(readFileSync(certificate));
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const secret = 'a-secret-of-these-tests';
    writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
    const [port, relays] = [await freePort(), await freePorts(RELAY_PORTS)];
    const log = openSync(join(folder, 'log'), 'w');
    const child = spawn(
      'turnserver',
      [
        ...['-n', '--listening-ip', '127.0.0.1', '--relay-ip', address, '--no-udp'],
        ...['--tls-listening-port', String(port), '--no-tcp', '--no-dtls'],
        ...['--min-port', String(relays[0]), '--max-port', String(relays[1])],
        ...['--cert', certificate, '--pkey', key, '--realm', 'palabre.test', '--fingerprint'],
        ...['--use-auth-secret', '--static-auth-secret', secret],
        // Its peers are on loopback here: it wants a password for its console before it goes there.
        ...['--allow-loopback-peers', '--cli-password', secret, '--no-cli'],
        ...['--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db'), '--log-file', 'stdout'],
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    const trust = createHash('sha256').update(spki).digest('base64');
    const exception = `localhost:${port}:\t${SHA_256}\t${fingerprint256}\t\n`;
    const turn = new Turn({ port, relays, trust, exception }, folder, child);
    try {
      await until('the relay listens', () => {
        expectNow(child.exitCode === null, `it ended with ${child.exitCode}:\n${turn.log}`);
        return reached(port);
      });
    } catch (error) {
      await turn.close();
      throw error;
    }
    return turn;
  }

  /** What the server is told of it. */
  args(): string[] {
    const url = `turns:localhost:${this.port}?transport=tcp`;
    return ['--turn-url', url, '--turn-secret-file', join(this.folder, 'secret')];
  }

  /** Starts a server that is told of it. */
  serve(): Promise<Server> {
    return Server.start({ args: this.args() }).catch(async (error: unknown) => {
      await this.close();
      throw error;
    });
  }

  /** What it wrote. */
  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  /** Ends it. */
  async close(): Promise<void> {
    await stop(this.child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function reached(port: number): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done();
    });
    socket.once('error', failed);
  });
}
