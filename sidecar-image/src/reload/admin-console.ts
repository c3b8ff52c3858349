import { Client } from 'pg';
import type { PoolerConfig } from '../config/schema';

/** A command on PgBouncer's admin console, and what it is for. */
export interface AdminConsole {
  /** `1.24.1`. */
  version(): Promise<string>;
  /** The `auth_file` that PgBouncer reads. */
  authFile(): Promise<string>;
  /** Names of the users it knows. */
  users(): Promise<Set<string>>;
  /** Logins to database servers under way now. */
  loginsInFlight(): Promise<number>;
  /** Rereads configuration and auth_file. Resolves once PgBouncer has done so. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Longest wait for the console to answer, in milliseconds. It is one process on the same pod; beyond this it hangs.
 */
const ANSWER_MS = 5_000;

/** Connects over the unix socket: for a process of the same uid it asks for no password and needs no userlist. */
export async function connectAdminConsole(pooler: PoolerConfig): Promise<AdminConsole> {
  const client = new Client({
    host: pooler.socketDirectory,
    port: pooler.port,
    user: pooler.adminUser,
    // The admin console is a database of this name.
    database: 'pgbouncer',
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
    application_name: 'rds-iam-refresher',
  });
  // A connection that drops fails the query under way; between queries there is nobody to tell.
  client.on('error', () => {});
  await client.connect();

  const rows = async (command: string): Promise<Record<string, string>[]> =>
    (await client.query(command)).rows;
  return {
    async version() {
      const [row] = await rows('SHOW VERSION');
      const version = /\d+\.\d+(\.\d+)?/.exec(Object.values(row ?? {})[0] ?? '')?.[0];
      if (version === undefined) throw new Error('the admin console names no version');
      return version;
    },
    async authFile() {
      const setting = (await rows('SHOW CONFIG')).find(({ key }) => key === 'auth_file');
      return setting?.value ?? '';
    },
    async users() {
      return new Set((await rows('SHOW USERS')).map(({ name }) => name ?? ''));
    },
    async loginsInFlight() {
      return (await rows('SHOW POOLS')).reduce((sum, { sv_login }) => sum + Number(sv_login ?? 0), 0);
    },
    async reload() {
      await client.query('RELOAD');
    },
    close: () => client.end(),
  };
}

/** Whether the error says that no PgBouncer is there yet, rather than that one is there and unwell. */
export function isAbsent(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}
