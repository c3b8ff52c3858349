import type { Clock } from '../clock';
import type { PoolerConfig } from '../config/schema';
import { pgbouncerPasswordLimit } from '../encode/limits';
import type { AdminConsole } from './admin-console';

/**
 * Longest wait for a moment without server logins, in milliseconds. A RELOAD aborts logins in flight, and PgBouncer
 * counts them as failed; one that takes longer than this waits for a database that doesn't answer.
 */
const QUIET_MS = 5_000;
/**
 * Longest wait for a moment without waiting clients either, in milliseconds: for the first of them a login may start
 * between the look and the RELOAD. A pool that is used up has some all the time, and starts no logins.
 */
const CALM_MS = 2_500;
const POLL_MS = 20;

/** What the file holds that PgBouncer is about to read. */
export interface PublishedUserlist {
  readonly users: readonly string[];
  /** Of the longest password, in bytes. */
  readonly longestPassword: number;
  /** Whether the file is still as published. */
  intact(): boolean;
}

async function waitForQuiet(console: AdminConsole, clock: Clock, signal: AbortSignal): Promise<void> {
  const start = clock.now().monotonic;
  while (!signal.aborted) {
    const { inFlight, awaited } = await console.logins();
    const waited = clock.now().monotonic - start;
    if (inFlight === 0 && (awaited === 0 || waited >= CALM_MS)) return;
    if (waited >= QUIET_MS) return;
    await clock.sleep(POLL_MS, signal);
  }
}

/**
 * Makes PgBouncer take in its auth_file, and confirms that it did. Throws before the RELOAD if the file would do harm: a bad
 * one is an outage at once, while the old logins still serve. Returns PgBouncer's version.
 */
export async function reloadAndConfirm(
  pooler: PoolerConfig,
  userlist: PublishedUserlist,
  console: AdminConsole,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const version = await console.version();
  const limit = pgbouncerPasswordLimit(version);
  if (userlist.longestPassword > limit) {
    throw new Error(
      `PgBouncer ${version} reads passwords of ${limit} bytes and the userlist holds one of ${userlist.longestPassword}: ` +
        `not reloaded; upgrade it, or set poolers.version to what runs ("${pooler.version}" is configured)`,
    );
  }
  const authFile = await console.setting('auth_file');
  if (authFile !== pooler.authFile) {
    throw new Error(
      `PgBouncer's auth_file is "${authFile}" and not "${pooler.authFile}": set one to the other`,
    );
  }
  await waitForQuiet(console, clock, signal);
  if (!userlist.intact()) throw new Error(`"${pooler.authFile}" was changed by somebody else: not reloaded`);
  await console.reload();
  const known = await console.users();
  const missing = userlist.users.filter(user => !known.has(user));
  if (missing.length > 0)
    throw new Error(`PgBouncer reloaded but doesn't know ${missing.map(u => `"${u}"`).join(', ')}`);
  return version;
}
