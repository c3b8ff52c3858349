import { Client } from 'pg';
import type { PoolerConfig } from '../config/schema';

/** A command on PgBouncer's admin console, and what it is for. */
export interface AdminConsole {
  /** `1.24.1`. */
  version(): Promise<string>;
  /** A setting in force, such as `auth_file`; empty where there is none. */
  setting(name: string): Promise<string>;
  /** Names of the users it knows. */
  users(): Promise<Set<string>>;
  /** Logins to database servers, now. */
  logins(): Promise<{
    readonly inFlight: number;
    /**
     * Clients that wait for a server connection where others have one: PgBouncer may start a login for them at any
     * moment. Where nobody has one, logins fail or are yet to begin, and there is nothing to be careful of.
     */
    readonly awaited: number;
  }>;
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
  const setting = async (name: string): Promise<string> =>
    (await rows('SHOW CONFIG')).find(({ key }) => key === name)?.value ?? '';
  return {
    async version() {
      const [row] = await rows('SHOW VERSION');
      const version = /\d+\.\d+(\.\d+)?/.exec(Object.values(row ?? {})[0] ?? '')?.[0];
      if (version === undefined) throw new Error('the admin console names no version');
      return version;
    },
    setting,
    async users() {
      return new Set((await rows('SHOW USERS')).map(({ name }) => name ?? ''));
    },
    async logins() {
      const pools = await rows('SHOW POOLS');
      const sum = (among: typeof pools, ...columns: string[]) =>
        among.reduce((total, pool) => columns.reduce((all, name) => all + Number(pool[name] ?? 0), total), 0);
      const inUse = pools.filter(pool => sum([pool], 'sv_active', 'sv_idle', 'sv_used', 'sv_tested') > 0);
      return { inFlight: sum(pools, 'sv_login'), awaited: sum(inUse, 'cl_waiting') };
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
