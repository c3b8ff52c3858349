import { randomBytes, randomInt } from 'node:crypto';

/** Keys as AWS would know them. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** @default - long-term keys, which have none */
  readonly sessionToken?: string;
  /** @default - never */
  readonly expiration?: Date;
  /** Database users that the keys' policy lets connect (`rds-db:connect`). @default - all */
  readonly allowedUsers?: readonly string[];
}

/** Keys of a session: what STS and Pod Identity hand out. */
export type SessionCredentials = Credentials & Required<Pick<Credentials, 'sessionToken' | 'expiration'>>;

export interface IssueOptions {
  /** Seconds that the credentials live. @default 3600 */
  readonly lifetimeSeconds?: number;
  /** See `Credentials`. @default - all */
  readonly allowedUsers?: readonly string[];
  /**
   * Bytes behind the base64 of the session token. An RDS token carries it percent-encoded, about 1.4 characters a
   * byte, and 350 to 400 characters beside it.
   *
   * @default - random, 800 to 1,000: RDS tokens of about 1,470 to 1,820 characters, as AWS's are
   */
  readonly sessionTokenBytes?: number;
}

/** All access keys that exist. Whoever verifies a signature looks its secret up here. */
export class CredentialRegistry {
  private readonly known = new Map<string, Credentials>();

  constructor(private readonly now: () => number = Date.now) {}

  find(accessKeyId: string): Credentials | undefined {
    return this.known.get(accessKeyId);
  }

  /** Makes keys known that were made elsewhere; replaces keys of the same id. */
  add<T extends Credentials>(credentials: T): T {
    this.known.set(credentials.accessKeyId, credentials);
    return credentials;
  }

  /** Makes new session credentials, as an STS call would. */
  issue(options: IssueOptions = {}): SessionCredentials {
    const { lifetimeSeconds = 3600, allowedUsers, sessionTokenBytes = randomInt(800, 1001) } = options;
    // AWS gives whole seconds.
    const expiration = new Date(Math.floor(this.now() / 1000 + lifetimeSeconds) * 1000);
    return this.add({
      accessKeyId: `ASIA${randomLetters(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(sessionTokenBytes).toString('base64'),
      expiration,
      ...(allowedUsers && { allowedUsers }),
    });
  }

  /** Makes keys unknown, as deleting them would. */
  revoke(accessKeyId: string): void {
    this.known.delete(accessKeyId);
  }
}

function randomLetters(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return Array.from(randomBytes(length), byte => alphabet[byte % alphabet.length]).join('');
}
