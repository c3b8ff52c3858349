/**
 * Longest password PgBouncer reads from its auth_file, in bytes, by the version that set it. One entry over the limit
 * makes its loader stop, and every later user in the file fails too.
 * Source: MAX_PASSWORD in PgBouncer's include/bouncer.h at each release.
 */
const PGBOUNCER_PASSWORD_LIMITS: readonly { readonly since: number; readonly bytes: number }[] = [
  { since: 26, bytes: 65_530 },
  { since: 17, bytes: 2_047 },
  { since: 16, bytes: 995 },
  { since: 11, bytes: 159 },
  { since: 0, bytes: 127 },
];

/** Longest password that a PgBouncer of this version reads, in bytes. `version` is `1.24` or `1.24.1`. */
export function pgbouncerPasswordLimit(version: string): number {
  const minor = Number(/^1\.(\d+)/.exec(version)?.[1]);
  const limit = PGBOUNCER_PASSWORD_LIMITS.find(({ since }) => minor >= since);
  if (limit === undefined) throw new Error(`not a PgBouncer version: "${version}"`);
  return limit.bytes;
}

/**
 * Longest user name PgBouncer reads from its auth_file, in bytes; a longer one stops its loader just so.
 * Source: MAX_USERNAME there, since 1.16. Before, it was 63, but those read no token either.
 */
export const PGBOUNCER_USER_LIMIT = 127;

/** What a userlist is held to when no pooler is configured for it: 1.17, the oldest release that reads session tokens. */
export const DEFAULT_PGBOUNCER_VERSION = '1.17';

/** MySQL's clients read an option file through a buffer of 4,096 bytes a line; the name and quotes take some. */
export const MYSQL_LINE_LIMIT = 4_000;
