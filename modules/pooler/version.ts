/** PgBouncer versions, as `1.24` or `1.24.1`. */
const VERSION = /^1\.(\d{1,2})(\.\d{1,3})?$/;

/** The first that reads passwords as long as the tokens of a pod's role. Source: PgBouncer's changelog, 1.17.0. */
const OLDEST_MINOR = 17;

/**
 * The minor version.
 *
 * @throws if the text is no version, or one that can't hold a token
 */
export function minorVersion(version: string): number {
  const minor = VERSION.exec(version)?.[1];
  if (minor === undefined) {
    throw new Error(`pgbouncer version "${version}" is invalid: use one such as 1.24 or 1.24.1`);
  }
  if (Number(minor) < OLDEST_MINOR) {
    throw new Error(
      `pgbouncer version "${version}" reads passwords of at most 995 bytes, and the token of a pod's role has up to 1900: use 1.${OLDEST_MINOR} or later`,
    );
  }
  return Number(minor);
}
