import type { Clock } from '../clock';
import { RefresherError } from '../errors';
import { type CredentialProvider, type Credentials, expiryOf } from './credentials';

export interface CredentialCacheOptions {
  readonly provider: CredentialProvider;
  readonly clock: Clock;
  /** Credentials with at least this much life left are used again, in milliseconds. */
  readonly wantedLifeMs: number;
  /** Longest wait for the source, in milliseconds. */
  readonly timeoutMs: number;
  /** Told of every answer, so that its secrets can be masked before anything is done with them. */
  readonly onObtained?: (credentials: Credentials) => void;
  /** Told when the source failed but the credentials in hand still serve. */
  readonly onStale?: (error: unknown) => void;
}

/**
 * Credentials shared by all targets: one request at a time, whoever asks. They are renewed while they could still cut a
 * token short, and the last good ones serve until they expire if the source is down.
 */
export class CredentialCache {
  private last?: Credentials;
  private pending?: Promise<Credentials>;

  constructor(private readonly options: CredentialCacheOptions) {}

  async get(): Promise<Credentials> {
    if (this.last !== undefined && this.lifeMs(this.last) >= this.options.wantedLifeMs) return this.last;
    try {
      return await this.renew();
    } catch (error) {
      if (this.last === undefined || this.lifeMs(this.last) <= 0) throw error;
      this.options.onStale?.(error);
      return this.last;
    }
  }

  private lifeMs(credentials: Credentials): number {
    return (expiryOf(credentials) ?? Number.POSITIVE_INFINITY) - this.options.clock.now().wall;
  }

  private renew(): Promise<Credentials> {
    this.pending ??= this.request().finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  private async request(): Promise<Credentials> {
    const { provider, clock, timeoutMs, onObtained } = this.options;
    const answered = new AbortController();
    const timeout = clock.sleep(timeoutMs, answered.signal).then(() => {
      throw new RefresherError('credentials', `no credentials within ${timeoutMs / 1000} s`);
    });
    // The loser of the race must not surface as an unhandled rejection.
    timeout.catch(() => {});
    try {
      const credentials = await Promise.race([provider(), timeout]);
      if (this.lifeMs(credentials) <= 0) {
        throw new RefresherError(
          'credentials',
          'the source handed out credentials that have expired already',
        );
      }
      onObtained?.(credentials);
      this.last = credentials;
      return credentials;
    } finally {
      answered.abort();
    }
  }
}
