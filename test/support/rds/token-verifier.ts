/**
 * Whether RDS would let somebody in with this token. Pure: the time is given, and the only state is the keys that exist.
 *
 * The claims are checked before the signature, which would refuse most of them as well: so a refusal names its cause.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Credentials } from './credential-registry';
import { ALGORITHM, signatureOf, TERMINATOR } from './sigv4';
import { parseTimestamp, parseToken } from './token';

/** Why a token is no good. RDS says none of this to the client. */
export type TokenRefusal =
  /** Not `host:port/?...` with the parameters that belong there. */
  | 'malformed'
  /** Signed for another host or port than the database's own: a CNAME, a tunnel. */
  | 'wrong-endpoint'
  | 'wrong-action'
  /** Signed for another user than the one who logs in. */
  | 'wrong-user'
  | 'wrong-algorithm'
  /** The scope's day is not the day of signing. */
  | 'wrong-scope-date'
  | 'wrong-region'
  | 'wrong-service'
  | 'wrong-scope-end'
  /** Signed headers are not the host alone. */
  | 'wrong-signed-headers'
  | 'unknown-key'
  /** Absent, though the keys have one; there, though they have none; or another one's. */
  | 'wrong-session-token'
  | 'signed-in-the-future'
  | 'expired'
  | 'credentials-expired'
  | 'wrong-signature'
  /** All in order, but no policy allows the user. */
  | 'not-authorized';

export interface Verified {
  readonly ok: true;
  readonly accessKeyId: string;
  /** Milliseconds since the epoch. */
  readonly signedAt: number;
  /** Milliseconds since the epoch: when the token, or the credentials behind it, expire. */
  readonly expiresAt: number;
}

export interface Refused {
  readonly ok: false;
  readonly reason: TokenRefusal;
}

/** The database that somebody logs in to. */
export interface Database {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  /** Seconds from signing that a token is good for, at most. RDS: 900. */
  readonly tokenValiditySeconds: number;
}

export interface Login {
  readonly user: string;
  readonly token: string;
}

/** Where a key's secret is looked up. */
export interface KeyStore {
  find(accessKeyId: string): Credentials | undefined;
}

/** How far ahead of AWS's clock a signer's may be, in milliseconds. Source: SigV4's allowance of five minutes. */
const ALLOWED_SKEW_MS = 5 * 60 * 1000;
/** Longest `X-Amz-Expires`, in seconds. Source: SigV4's limit of seven days. */
const LONGEST_EXPIRES_SECONDS = 604_800;

/** @param now milliseconds since the epoch */
export function verifyToken(
  { user, token }: Login,
  database: Database,
  keys: KeyStore,
  now: number,
): Verified | Refused {
  const parsed = parseToken(token);
  if (!parsed) return refuse('malformed');
  const claim = (name: string) => parsed.parameters.get(name) ?? '';

  const timestamp = claim('X-Amz-Date');
  const signedAt = parseTimestamp(timestamp);
  const expires = wholeSeconds(claim('X-Amz-Expires'));
  const [accessKeyId, date, region, service, end, ...rest] = claim('X-Amz-Credential').split('/');
  const signature = claim('X-Amz-Signature');
  if (signedAt === undefined || expires === undefined) return refuse('malformed');
  if (!accessKeyId || !date || !region || !service || !end || rest.length > 0) return refuse('malformed');
  if (!/^[0-9a-f]{64}$/.test(signature)) return refuse('malformed');

  if (parsed.endpoint !== `${database.host}:${database.port}`) return refuse('wrong-endpoint');
  if (claim('Action') !== 'connect') return refuse('wrong-action');
  if (claim('DBUser') !== user) return refuse('wrong-user');
  if (claim('X-Amz-Algorithm') !== ALGORITHM) return refuse('wrong-algorithm');
  if (date !== timestamp.slice(0, 8)) return refuse('wrong-scope-date');
  if (region !== database.region) return refuse('wrong-region');
  if (service !== 'rds-db') return refuse('wrong-service');
  if (end !== TERMINATOR) return refuse('wrong-scope-end');
  if (claim('X-Amz-SignedHeaders') !== 'host') return refuse('wrong-signed-headers');

  const credentials = keys.find(accessKeyId);
  if (!credentials) return refuse('unknown-key');
  if (parsed.parameters.get('X-Amz-Security-Token') !== credentials.sessionToken) {
    return refuse('wrong-session-token');
  }

  const signed = new Map(parsed.parameters);
  signed.delete('X-Amz-Signature');
  const request = { host: parsed.endpoint, query: signed, timestamp, scope: { date, region, service } };
  const expected = signatureOf(request, credentials.secretAccessKey);
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signature))) return refuse('wrong-signature');

  const tokenExpiresAt = signedAt + Math.min(expires, database.tokenValiditySeconds) * 1000;
  const credentialsExpireAt = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
  if (signedAt - now > ALLOWED_SKEW_MS) return refuse('signed-in-the-future');
  if (now >= tokenExpiresAt) return refuse('expired');
  if (now >= credentialsExpireAt) return refuse('credentials-expired');
  if (credentials.allowedUsers && !credentials.allowedUsers.includes(user)) return refuse('not-authorized');

  return { ok: true, accessKeyId, signedAt, expiresAt: Math.min(tokenExpiresAt, credentialsExpireAt) };
}

function refuse(reason: TokenRefusal): Refused {
  return { ok: false, reason };
}

function wholeSeconds(text: string): number | undefined {
  if (!/^[1-9]\d{0,5}$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds <= LONGEST_EXPIRES_SECONDS ? seconds : undefined;
}
