import { type Finished, findCommand, run } from './process';

/** Where psql logs in. Names are libpq's parameters; see https://www.postgresql.org/docs/current/libpq-connect.html. */
export interface PsqlConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
  readonly password?: string;
  readonly sslmode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** Path of the authority's PEM. */
  readonly sslrootcert?: string;
  /** Path of a .pgpass file. */
  readonly passfile?: string;
}

/**
 * Runs SQL, or meta-commands, with the real psql: unaligned, without headers, stopping at the first error.
 *
 * @throws when psql is not installed.
 */
export async function psql(connection: PsqlConnection, script: string): Promise<Finished> {
  const { host, port, user, dbname, password, sslmode, sslrootcert, passfile } = connection;
  const command = findCommand(['psql'], ['/opt/homebrew/opt/libpq/bin', '/usr/local/opt/libpq/bin']);
  if (!command) {
    throw new Error(
      'psql is not in PATH: install it with "apt-get install postgresql-client" or "brew install libpq"',
    );
  }
  const env = {
    PATH: process.env.PATH,
    // Without, psql may read a user's ~/.pgpass, ~/.psqlrc and ~/.postgresql/root.crt.
    HOME: '/nonexistent',
    PGHOST: host,
    PGPORT: `${port}`,
    PGUSER: user,
    PGDATABASE: dbname,
    PGPASSWORD: password,
    PGSSLMODE: sslmode,
    PGSSLROOTCERT: sslrootcert,
    PGPASSFILE: passfile,
    PGCONNECT_TIMEOUT: '20',
  };
  const defined = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  const options = ['--no-psqlrc', '--no-password', '--quiet', '--no-align', '--tuples-only'];
  return run(command, [...options, '--set=ON_ERROR_STOP=1'], { env: defined, input: script });
}
