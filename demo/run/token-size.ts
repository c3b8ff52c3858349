/** What the machine's PgBouncer can take. Pure. */
import { pgbouncerPasswordLimit } from '../../sidecar-image/src/encode/limits';

export interface TokenSize {
  /** The version to synthesize for. */
  readonly pgbouncerVersion: string;
  /** Bytes of the session tokens that the credential stand-in hands out. @default - as long as AWS's */
  readonly sessionTokenBytes?: number;
  /** For people, where something is not as it would be. */
  readonly note?: string;
}

/** Longest tokens of a pod's role, in characters. */
const LONGEST_TOKEN = 1_900;
/** Makes tokens of about 850 characters. */
const SHORT_SESSION_TOKEN_BYTES = 300;
const SHORT_TOKEN = 900;

/** @throws if PgBouncer is so old that no token fits */
export function chooseTokenSize(pgbouncerVersion: string): TokenSize {
  const limit = pgbouncerPasswordLimit(pgbouncerVersion);
  if (limit >= LONGEST_TOKEN) return { pgbouncerVersion };
  if (limit < SHORT_TOKEN) {
    throw new Error(
      `PgBouncer ${pgbouncerVersion} reads passwords of at most ${limit} bytes, and RDS tokens are longer: install 1.17 or later (https://www.pgbouncer.org/install.html)`,
    );
  }
  return {
    // The constructs refuse older ones, and rightly.
    pgbouncerVersion: '1.17',
    sessionTokenBytes: SHORT_SESSION_TOKEN_BYTES,
    note: `PgBouncer ${pgbouncerVersion} reads at most ${limit} bytes of a token: shorter ones are used here`,
  };
}
