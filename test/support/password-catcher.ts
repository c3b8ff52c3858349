import { createServer, type Socket } from 'node:net';
import { Listener } from './listener';

/** What a client said at its login. */
export interface CaughtLogin {
  readonly user: string;
  readonly database: string;
  /** In clear text. */
  readonly password: string;
}

/**
 * A server that asks PostgreSQL's clients for their password in clear text, notes it down, and lets them in: into a
 * session that answers every query with nothing. It knows just enough of the protocol for libpq, PgBouncer and pg.
 */
export class PasswordCatcher {
  readonly logins: CaughtLogin[] = [];
  private readonly held = new Set<() => void>();
  private holding = false;
  private readonly listener = new Listener(createServer(socket => this.serve(socket)));

  static async start(): Promise<PasswordCatcher> {
    const catcher = new PasswordCatcher();
    await catcher.listener.up();
    return catcher;
  }

  get port(): number {
    return this.listener.port;
  }

  /** Logins that wait for `release`. */
  get waiting(): number {
    return this.held.size;
  }

  /** Lets nobody in, and refuses nobody, until `release`. */
  hold(): void {
    this.holding = true;
  }

  release(): void {
    this.holding = false;
    for (const admit of this.held) admit();
    this.held.clear();
  }

  async stop(): Promise<void> {
    await this.listener.down();
  }

  private serve(socket: Socket): void {
    let buffered = Buffer.alloc(0);
    let startup: Map<string, string> | undefined;
    socket.on('data', chunk => {
      buffered = Buffer.concat([buffered, chunk]);
      for (;;) {
        // The first packet has no type byte.
        const header = startup === undefined ? 0 : 1;
        if (buffered.length < header + 4) return;
        const end = header + buffered.readUInt32BE(header);
        if (buffered.length < end) return;
        const type = header === 0 ? '' : String.fromCharCode(buffered.readUInt8(0));
        const body = buffered.subarray(header + 4, end);
        buffered = buffered.subarray(end);
        if (type === '') {
          // SSLRequest and GSSENCRequest: not here.
          if (body.readUInt32BE(0) >>> 16 === 1234) socket.write('N');
          else {
            startup = parameters(body.subarray(4));
            socket.write(message('R', word(CLEARTEXT_PASSWORD)));
          }
        } else if (type === 'p') {
          const user = startup?.get('user') ?? '';
          const database = startup?.get('database') ?? user;
          this.logins.push({ user, database, password: body.toString('utf8', 0, body.length - 1) });
          const admit = () => socket.write(Buffer.concat([message('R', word(0)), ...PARAMETERS, READY]));
          if (this.holding) this.held.add(admit);
          else admit();
        } else if (type === 'Q') {
          // EmptyQueryResponse.
          socket.write(Buffer.concat([message('I', Buffer.alloc(0)), READY]));
        } else if (type === 'X') socket.end();
      }
    });
  }
}

const CLEARTEXT_PASSWORD = 3;

const PARAMETERS = Object.entries({
  server_version: '15.0',
  client_encoding: 'UTF8',
  server_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  integer_datetimes: 'on',
  is_superuser: 'off',
}).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`)));

const READY = message('Z', Buffer.from('I'));

function parameters(bytes: Buffer): Map<string, string> {
  const parts = bytes.toString('utf8').split('\0');
  const pairs = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length && parts[i] !== ''; i += 2)
    pairs.set(parts[i] ?? '', parts[i + 1] ?? '');
  return pairs;
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), word(body.length + 4), body]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
