import type { Server } from 'node:net';
import { Client } from 'pg';
import { type Postgres, startPostgres } from '../../test/support/postgres';
import { CredentialRegistry } from '../../test/support/rds/credential-registry';
import { RdsStandIn } from '../../test/support/rds/rds-stand-in';
import { chooseLocalHost, forward } from './loopback';

export interface DatabaseOptions {
  readonly user: string;
  readonly database: string;
  readonly region: string;
  /** Seconds that the database accepts a token. RDS: 900. */
  readonly tokenLifetimeSeconds: number;
}

/** What a client was told that logged in by itself. */
export interface LoginAnswer {
  readonly refused: boolean;
  readonly message: string;
}

/** A real PostgreSQL behind a stand-in for RDS, which checks each login's token as RDS does. */
export class Database {
  private constructor(
    private readonly options: DatabaseOptions,
    private readonly postgres: Postgres,
    /** The access keys that exist. */
    readonly registry: CredentialRegistry,
    readonly rds: RdsStandIn,
    private readonly forwarders: readonly Server[],
    /** Of PostgreSQL. */
    readonly version: string,
  ) {}

  static async start(options: DatabaseOptions): Promise<Database> {
    const { user, database, region, tokenLifetimeSeconds: tokenValiditySeconds } = options;
    const postgres = await startPostgres({ users: [user], database });
    const registry = new CredentialRegistry();
    const { name, otherAddresses } = await chooseLocalHost();
    const rds = await RdsStandIn.start({
      backend: postgres,
      keys: registry,
      region,
      tokenValiditySeconds,
      advertisedHost: name,
    });
    const forwarders = await Promise.all(otherAddresses.map(address => forward(address, rds.listeningPort)));
    return new Database(options, postgres, registry, rds, forwarders, await versionOf(postgres));
  }

  /** Logs in with this token over TLS, past the pooler. */
  async tryLogin(token: string): Promise<LoginAnswer> {
    const { user, database } = this.options;
    const { host, port, ca } = this.rds;
    const client = new Client({ host, port, user, database, password: token, ssl: { ca } });
    client.on('error', () => {});
    try {
      await client.connect();
      return { refused: false, message: 'logged in' };
    } catch (error) {
      return { refused: true, message: error instanceof Error ? error.message : String(error) };
    } finally {
      await client.end().catch(() => {});
    }
  }

  async stop(): Promise<void> {
    for (const server of this.forwarders) server.close();
    await this.rds.stop();
    await this.postgres.stop();
  }
}

async function versionOf({ superuserUrl }: Postgres): Promise<string> {
  const client = new Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version.split(' ')[0] ?? '';
  } finally {
    await client.end();
  }
}
