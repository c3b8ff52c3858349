import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { Listener } from '../listener';
import { type Certificates, generateCertificates } from './certificates';
import { Logins } from './logins';
import {
  AUTHENTICATION_CLEARTEXT_PASSWORD,
  fatalError,
  MAX_FIRST_PACKET_BYTES,
  MAX_PASSWORD_MESSAGE_BYTES,
  parseFirstPacket,
  parsePassword,
} from './pg-protocol';
import { readExactly } from './read-exactly';
import { type KeyStore, verifyToken } from './token-verifier';

export interface RdsStandInOptions {
  /** The PostgreSQL behind it, which must let everybody in who comes from here. */
  readonly backend: { readonly host: string; readonly port: number };
  /** The access keys that exist. */
  readonly keys: KeyStore;
  /** AWS Region that tokens must be signed for. @default eu-central-1 */
  readonly region?: string;
  /** Host name that tokens must be signed for. It listens on 127.0.0.1 all the same. @default localhost */
  readonly advertisedHost?: string;
  /** Port that tokens must be signed for. @default - the one it listens on */
  readonly advertisedPort?: number;
  /** Seconds from signing that a token is good for, whatever it says itself. @default 900 */
  readonly tokenValiditySeconds?: number;
  /** @default - a new authority, for the advertised host, localhost and 127.0.0.1 */
  readonly certificates?: Certificates;
  /** Milliseconds since the epoch: the clock that tokens and credentials are judged by. @default Date.now */
  readonly now?: () => number;
}

/** What can be made to go wrong, at any time. Set a field, and the next login meets it. */
export interface RdsFaults {
  /** Refuse every login, whatever the token. */
  refuseLogins: boolean;
  /** Cut every new connection as soon as it is made. */
  dropNewConnections: boolean;
  /** Milliseconds that every login waits before it is judged. */
  loginDelayMs: number;
}

/**
 * A stand-in for an RDS for PostgreSQL instance with IAM authentication: TLS and the login are its own, the sessions are
 * those of a real PostgreSQL.
 */
export class RdsStandIn {
  readonly faults: RdsFaults = { refuseLogins: false, dropNewConnections: false, loginDelayMs: 0 };
  /** Every login, accepted or refused. */
  readonly logins = new Logins();
  /** Seconds from signing that a token is good for. May be changed at any time. */
  tokenValiditySeconds: number;
  private readonly listener: Listener;
  private readonly secureContext: SecureContext;
  private readonly now: () => number;
  private sessions = 0;

  private constructor(
    private readonly options: RdsStandInOptions,
    private readonly certificates: Certificates,
  ) {
    this.tokenValiditySeconds = options.tokenValiditySeconds ?? 900;
    this.now = options.now ?? Date.now;
    this.secureContext = createSecureContext({ ...certificates, minVersion: 'TLSv1.2' });
    this.listener = new Listener(
      // A failed connection is the client's affair; it has been answered or cut by then.
      createServer(socket => this.serve(socket).catch(() => socket.destroy())),
    );
  }

  static async start(options: RdsStandInOptions): Promise<RdsStandIn> {
    const names = new Set([options.advertisedHost ?? 'localhost', 'localhost', '127.0.0.1']);
    const certificates = options.certificates ?? (await generateCertificates([...names]));
    const standIn = new RdsStandIn(options, certificates);
    await standIn.comeBack();
    return standIn;
  }

  /** Host name to sign tokens for. */
  get host(): string {
    return this.options.advertisedHost ?? 'localhost';
  }

  /** Port to sign tokens for. */
  get port(): number {
    return this.options.advertisedPort ?? this.listeningPort;
  }

  /** Port of 127.0.0.1 to connect to. */
  get listeningPort(): number {
    return this.listener.port;
  }

  get region(): string {
    return this.options.region ?? 'eu-central-1';
  }

  /** PEM of the authority that signed its certificate. */
  get ca(): string {
    return this.certificates.ca;
  }

  /** Sessions that are open now. */
  get openConnections(): number {
    return this.sessions;
  }

  /** Cuts every connection that is open now. */
  dropConnections(): void {
    this.listener.cut();
  }

  /** Stops listening and cuts every connection, until `comeBack`. */
  async goDown(): Promise<void> {
    await this.listener.down();
  }

  /** Listens again, on the same port. */
  async comeBack(): Promise<void> {
    await this.listener.up();
  }

  async stop(): Promise<void> {
    await this.listener.down();
  }

  private async serve(socket: Socket): Promise<void> {
    if (this.faults.dropNewConnections) return void socket.destroy();
    socket.setNoDelay(true);
    let client: Duplex = socket;
    for (;;) {
      const packet = await readFirstPacket(client);
      if (!packet) return void client.destroy();
      const first = parseFirstPacket(packet);
      switch (first.kind) {
        case 'gssenc-request':
          client.write('N');
          continue;
        case 'ssl-request':
          // What came before the handshake may be an attacker's. PostgreSQL refuses it as well (CVE-2021-23214).
          if (client !== socket || socket.readableLength > 0) return void client.destroy();
          socket.write('S');
          client = new TLSSocket(socket, { isServer: true, secureContext: this.secureContext });
          continue;
        case 'cancel-request':
          await this.relay(client, packet);
          return;
        case 'startup':
          if (client === socket) this.refusePlain(socket, first);
          else await this.login(client, packet, first.user);
          return;
        case 'malformed':
          client.end(fatalError({ code: '08P01', message: 'invalid startup packet' }));
          return;
      }
    }
  }

  private refusePlain(socket: Socket, { user, database }: { user: string; database: string }): void {
    this.logins.refused(this.now(), user, 'not-encrypted');
    const who = `host "${socket.remoteAddress}", user "${user}", database "${database}", no encryption`;
    socket.end(fatalError({ code: '28000', message: `no pg_hba.conf entry for ${who}` }));
  }

  private async login(client: Duplex, startup: Buffer, user: string): Promise<void> {
    client.write(AUTHENTICATION_CLEARTEXT_PASSWORD);
    const token = await readPassword(client);
    // psql looks whether a password is wanted, and comes back with one.
    if (token === undefined) return void client.destroy();
    if (this.faults.loginDelayMs > 0) await sleep(this.faults.loginDelayMs);
    if (!this.admits(user, token)) {
      client.end(fatalError({ code: '28000', message: `PAM authentication failed for user "${user}"` }));
      return;
    }
    this.sessions++;
    try {
      await this.relay(client, startup);
    } finally {
      this.sessions--;
    }
  }

  private admits(user: string, token: string): boolean {
    const now = this.now();
    const { host, port, region, tokenValiditySeconds } = this;
    const database = { host, port, region, tokenValiditySeconds };
    const verdict = verifyToken({ user, token }, database, this.options.keys, now);
    if (!verdict.ok) this.logins.refused(now, user, verdict.reason);
    else if (this.faults.refuseLogins) this.logins.refused(now, user, 'fault');
    else this.logins.accepted(now, user, verdict);
    return verdict.ok && !this.faults.refuseLogins;
  }

  /**
   * Replays the client's first packet to PostgreSQL, then passes bytes both ways. PostgreSQL trusts us, so the
   * AuthenticationOk that the client waits for is its own.
   */
  private async relay(client: Duplex, first: Buffer): Promise<void> {
    const { host, port } = this.options.backend;
    const backend = connect(port, host).setNoDelay(true);
    try {
      await once(backend, 'connect');
    } catch {
      client.end(fatalError({ code: '57P03', message: 'the database system is not accepting connections' }));
      return;
    }
    backend.write(first);
    await Promise.allSettled([pipeline(client, backend), pipeline(backend, client)]);
  }
}

async function readFirstPacket(stream: Duplex): Promise<Buffer | undefined> {
  const length = await readExactly(stream, 4);
  const size = length?.readUInt32BE() ?? 0;
  if (!length || size < 8 || size > MAX_FIRST_PACKET_BYTES) return undefined;
  const rest = await readExactly(stream, size - 4);
  return rest && Buffer.concat([length, rest]);
}

async function readPassword(stream: Duplex): Promise<string | undefined> {
  const header = await readExactly(stream, 5);
  const size = header?.readUInt32BE(1) ?? 0;
  if (header?.toString('latin1', 0, 1) !== 'p' || size < 4 || size > MAX_PASSWORD_MESSAGE_BYTES)
    return undefined;
  const body = await readExactly(stream, size - 4);
  return body && parsePassword(body);
}
