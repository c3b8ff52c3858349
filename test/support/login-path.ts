import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { RefresherConfigInput } from '../../sidecar-image/src/config/schema';
import { freePort } from './free-port';
import { Pgbouncer } from './pgbouncer';
import { type Postgres, startPostgres } from './postgres';
import { CredentialRegistry } from './rds/credential-registry';
import { RdsStandIn } from './rds/rds-stand-in';
import { removeFolder, tempFolder } from './temp';

export const USER = 'app_user';

export interface LoginPathOptions {
  /** Seconds that the database accepts a token, and that the refresher counts on. @default 900 */
  readonly tokenValiditySeconds?: number;
}

/**
 * The way of a login: a real PostgreSQL behind the RDS stand-in, a folder in the place of the pod's shared volume, and
 * a PgBouncer that reads its userlist there. The refresher is the test's to start.
 */
export class LoginPath {
  /** The shared volume. */
  readonly shared = tempFolder('shared');
  /** PEM of the stand-in's authority. */
  private readonly authority = join(tempFolder('authority'), 'ca.pem');
  /** The volume of PgBouncer's socket. */
  readonly sockets = tempFolder('sockets');
  private started: Pgbouncer | undefined;

  private constructor(
    readonly postgres: Postgres,
    readonly registry: CredentialRegistry,
    readonly rds: RdsStandIn,
    readonly poolerPort: number,
  ) {
    writeFileSync(this.authority, rds.ca);
  }

  static async start({ tokenValiditySeconds = 900 }: LoginPathOptions = {}): Promise<LoginPath> {
    const postgres = await startPostgres({ users: [USER] });
    const registry = new CredentialRegistry();
    const rds = await RdsStandIn.start({ backend: postgres, keys: registry, tokenValiditySeconds });
    return new LoginPath(postgres, registry, rds, await freePort());
  }

  get userlist(): string {
    return join(this.shared, 'userlist.txt');
  }

  get caBundle(): string {
    return join(this.shared, 'rds-ca.pem');
  }

  get pgbouncer(): Pgbouncer {
    if (this.started === undefined) throw new Error('startPgbouncer first');
    return this.started;
  }

  /** What the refresher needs to serve this path, with a retry every fraction of a second. */
  config(overrides: Partial<RefresherConfigInput> = {}): RefresherConfigInput {
    return {
      targets: [
        {
          host: this.rds.host,
          port: this.rds.port,
          user: USER,
          region: this.rds.region,
          outputs: [{ format: 'pgbouncer-userlist', path: this.userlist }],
        },
      ],
      poolers: [
        { authFile: this.userlist, socketDirectory: this.sockets, port: this.poolerPort, version: '1.18' },
      ],
      caBundle: { path: this.caBundle, source: this.authority },
      renewal: {
        tokenLifetimeSeconds: this.rds.tokenValiditySeconds,
        initialBackoffSeconds: 0.1,
        maxBackoffSeconds: 0.5,
        ...overrides.renewal,
      },
      ...overrides,
    };
  }

  /** Starts PgBouncer on the settings that the constructs give it, with logins so frequent that a stale token shows. */
  async startPgbouncer(): Promise<Pgbouncer> {
    const { listeningPort } = this.rds;
    this.started = await Pgbouncer.start({
      ini: [
        '[databases]',
        `app = host=localhost port=${listeningPort} dbname=${this.postgres.database} user=${USER}`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${this.poolerPort}`,
        `unix_socket_dir = ${this.sockets}`,
        'auth_type = trust',
        `auth_file = ${this.userlist}`,
        'admin_users = pgbouncer',
        'pool_mode = transaction',
        'server_tls_sslmode = verify-full',
        `server_tls_ca_file = ${this.caBundle}`,
        'server_login_retry = 1',
        'server_lifetime = 1',
      ].join('\n'),
    });
    return this.started;
  }

  /** One query on a new connection through PgBouncer. Rejects as the application would see it. */
  async query(sql = 'select current_user as user'): Promise<Record<string, unknown>[]> {
    const client = new Client({ host: '127.0.0.1', port: this.poolerPort, user: USER, database: 'app' });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async stopPgbouncer(): Promise<void> {
    await this.started?.stop();
    this.started = undefined;
  }

  async stop(): Promise<void> {
    await this.stopPgbouncer();
    await this.rds.stop();
    await this.postgres.stop();
    removeFolder(this.shared);
    removeFolder(this.sockets);
  }
}
