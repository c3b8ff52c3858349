import type { Instant } from '../clock';
import { MAX_TOKEN_LIFETIME_SECONDS } from '../config/schema';

/** A database login for a while. */
export interface Token {
  /** The secret itself: never logged, never put in an error. */
  readonly text: string;
  /** When it was signed, by the date inside it. Wall clock, ms. */
  readonly signedAt: number;
  /**
   * Effective expiry: the earlier of signing plus its lifetime and the expiry of the credentials that signed it.
   * Nothing in the token says the latter, and RDS refuses the token from then on. Wall clock, ms.
   */
  readonly expiresAt: number;
  /** When this process got it, on both clocks. */
  readonly observedAt: Instant;
}

/** Reads what a signed token says of itself. Throws if it isn't a presigned `connect` request. */
export function readToken(
  text: string,
  observedAt: Instant,
  options: { credentialsExpireAt?: number; lifetimeSeconds?: number } = {},
): Token {
  const query = new URLSearchParams(text.slice(text.indexOf('?') + 1));
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date') ?? '');
  const lifetime = Number(query.get('X-Amz-Expires'));
  if (date === null || !(lifetime > 0))
    throw new Error('the signer returned a token without date or lifetime');
  const [year, month, day, hour, minute, second] = date.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const signedAt = Date.UTC(year, month - 1, day, hour, minute, second);
  const ownExpiry =
    signedAt + Math.min(lifetime, options.lifetimeSeconds ?? MAX_TOKEN_LIFETIME_SECONDS) * 1000;
  return {
    text,
    signedAt,
    expiresAt: Math.min(ownExpiry, options.credentialsExpireAt ?? Number.POSITIVE_INFINITY),
    observedAt,
  };
}
