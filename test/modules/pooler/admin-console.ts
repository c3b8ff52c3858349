import { findCommand, run } from '../../support/process';
import { unprivileged } from '../../support/unprivileged';

/** Rows of an admin command, by column name. */
export type Rows = Record<string, string>[];

/**
 * Asks PgBouncer's admin console on its unix socket, with PgBouncer's own uid and without a password: as the refresher
 * does.
 */
export async function askConsole(socketDirectory: string, port: number, command: string): Promise<Rows> {
  const psql = findCommand(['psql'], ['/opt/homebrew/opt/libpq/bin', '/usr/local/opt/libpq/bin']);
  if (!psql) throw new Error('psql is not in PATH: install it with "apt-get install postgresql-client"');
  const { code, stdout, stderr } = await run(
    psql,
    [
      '--no-psqlrc',
      '--no-password',
      '--no-align',
      '--field-separator-zero',
      '--record-separator=\u0001',
      '--pset=footer=off',
      `--command=${command}`,
    ],
    {
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        PGHOST: socketDirectory,
        PGPORT: String(port),
        PGUSER: 'pgbouncer',
        PGDATABASE: 'pgbouncer',
        PGCLIENTENCODING: 'UTF8',
      },
      identity: unprivileged(),
    },
  );
  if (code !== 0) throw new Error(`psql ended with status ${code}: ${stderr}`);
  const [header = [], ...rows] = stdout
    .replace(/[\u0001\n]$/, '')
    .split('\u0001')
    .map(record => record.split('\u0000'));
  return rows.map(row => Object.fromEntries(header.map((name, index) => [name, row[index] ?? ''])));
}
