import type { Status } from '../../sidecar-image/src/serve/status';
import type { CredentialEndpoint } from '../../test/support/aws/credential-endpoint';
import type { RdsStandIn } from '../../test/support/rds/rds-stand-in';
import type { Snapshot } from '../show/snapshot';
import { readAppReport } from './app-report';

export interface ObserverOptions {
  /** Of the refresher. */
  readonly probePort: number;
  readonly rds: RdsStandIn;
  readonly credentials: CredentialEndpoint;
  /** What the app printed so far. */
  readonly appOutput: () => string;
  readonly totalSeconds: number;
  readonly tokenLifetimeSeconds: number;
}

/** Puts together what the refresher, the database and the app each say about themselves. */
export class Observer {
  private readonly begun = performance.now();
  /** When each token that was seen expires, by when it was signed; both in milliseconds, the first token first. */
  private readonly expiries = new Map<number, number>();
  /** What the refresher said last. */
  private status: Status | undefined;

  constructor(private readonly options: ObserverOptions) {}

  get elapsedSeconds(): number {
    return (performance.now() - this.begun) / 1000;
  }

  get firstTokenAgeSeconds(): number {
    const [signedAt = Date.now()] = this.expiries.keys();
    return (Date.now() - signedAt) / 1000;
  }

  async look(): Promise<Snapshot> {
    const { rds, credentials, appOutput, totalSeconds, tokenLifetimeSeconds } = this.options;
    const answer = await this.ask();
    this.status = answer ?? this.status;
    const { targets = [], poolers = [] } = this.status ?? {};
    for (const { signedAt, expiresAt } of targets) {
      if (signedAt !== undefined && expiresAt !== undefined) {
        this.expiries.set(Date.parse(signedAt), Date.parse(expiresAt));
      }
    }
    const now = Date.now();
    const [signedAt, expiresAt] = [...this.expiries].at(-1) ?? [now, now];
    const sum = <T>(items: readonly T[], value: (item: T) => number) =>
      items.reduce((total, item) => total + value(item), 0);
    const accepted = rds.logins.all.flatMap(login => (login.accepted ? [login] : []));
    return {
      elapsedSeconds: this.elapsedSeconds,
      totalSeconds,
      token: {
        ageSeconds: (now - signedAt) / 1000,
        secondsLeft: (expiresAt - now) / 1000,
      },
      tokenLifetimeSeconds,
      refresherAnswers: answer !== undefined,
      published: sum(targets, ({ publishes }) => publishes),
      expired: [...this.expiries.values()].filter(expiry => expiry <= now).length,
      failedPublishes: sum(targets, ({ failures }) => sum(Object.values(failures), value => value)),
      reloads: {
        confirmed: sum(poolers, ({ reloads }) => reloads),
        failed: sum(poolers, ({ failedReloads }) => failedReloads),
        pending: poolers.some(({ reloadPending }) => reloadPending),
      },
      credentials: credentials.issuedCount,
      logins: {
        accepted: accepted.length,
        refused: rds.logins.refusedCount,
        reasons: Object.keys(rds.logins.refusedByReason),
        oldestTokenSeconds: Math.max(0, ...accepted.map(({ tokenAgeSeconds }) => tokenAgeSeconds)),
      },
      queries: readAppReport(appOutput()),
    };
  }

  /** Undefined when the refresher doesn't answer: what it does to the logins is still to be seen. */
  private async ask(): Promise<Status | undefined> {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const response = await fetch(`http://127.0.0.1:${this.options.probePort}/status`, { signal });
      return (await response.json()) as Status;
    } catch {
      return undefined;
    }
  }
}

const ANSWER_MS = 1_000;
