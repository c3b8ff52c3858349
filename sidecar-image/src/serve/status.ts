/** What an operator may see: one snapshot of the state, without a secret in it, that every view is made from. */

import type { Instant } from '../clock';
import type { FailureKind } from '../errors';
import type { PoolerState } from '../reload/reloader';
import type { GroupState, TargetState } from '../renewal/state';
import { dueInMs, remainingMs } from '../schedule/renewal';

export interface TargetStatus {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region: string;
  readonly published: boolean;
  /** Whether the published token would still log in. */
  readonly alive: boolean;
  /** ISO 8601. */
  readonly signedAt?: string;
  /** Effective expiry, ISO 8601. */
  readonly expiresAt?: string;
  readonly secondsLeft?: number;
  readonly nextAttemptInSeconds: number;
  readonly publishes: number;
  readonly failures: Readonly<Partial<Record<FailureKind, number>>>;
  readonly failuresInARow: number;
  readonly lastDurationSeconds?: number;
  readonly lastFailure?: { readonly at: string; readonly kind: FailureKind; readonly message: string };
}

export interface FileStatus {
  readonly path: string;
  readonly format: string;
  readonly targets: readonly string[];
  readonly published: boolean;
  readonly repairs: number;
}

export interface PoolerStatus {
  readonly name: string;
  readonly version?: string;
  readonly reloadPending: boolean;
  readonly reloads: number;
  readonly failedReloads: number;
  readonly lastReloadSeconds?: number;
  readonly lastFailure?: string;
}

export interface Status {
  /** Every target was published at least once. */
  readonly started: boolean;
  /** Every target's published token is alive. */
  readonly ready: boolean;
  readonly targets: readonly TargetStatus[];
  readonly files: readonly FileStatus[];
  readonly poolers: readonly PoolerStatus[];
}

const iso = (ms: number) => new Date(ms).toISOString();
const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000;

function targetStatus({ config, schedule, ...state }: TargetState, now: Instant): TargetStatus {
  const { token } = schedule;
  const { lastFailure } = state;
  const leftMs = token === undefined ? undefined : remainingMs(token, now);
  return {
    name: config.name,
    host: config.host,
    port: config.port,
    user: config.user,
    region: config.region,
    published: token !== undefined,
    alive: leftMs !== undefined && leftMs > 0,
    signedAt: token && iso(token.signedAt),
    expiresAt: token && iso(token.expiresAt),
    secondsLeft: leftMs === undefined ? undefined : rounded(leftMs / 1000),
    nextAttemptInSeconds: rounded(dueInMs(schedule, now) / 1000),
    publishes: state.published,
    failures: Object.fromEntries(state.failed),
    failuresInARow: schedule.failures,
    lastDurationSeconds: state.lastDurationSeconds && rounded(state.lastDurationSeconds),
    lastFailure: lastFailure && { ...lastFailure, at: iso(lastFailure.at) },
  };
}

function poolerStatus(state: PoolerState): PoolerStatus {
  return {
    name: state.config.name,
    version: state.version,
    reloadPending: state.pending,
    reloads: state.confirmed,
    failedReloads: state.failed,
    lastReloadSeconds: state.lastSeconds && rounded(state.lastSeconds),
    lastFailure: state.lastFailure,
  };
}

export function takeStatus(
  groups: readonly GroupState[],
  poolers: readonly PoolerState[],
  now: Instant,
): Status {
  const targets = groups.flatMap(group => group.targets.map(target => targetStatus(target, now)));
  const files = groups.flatMap(group =>
    group.files.map(({ plan, fingerprint, repaired }) => ({
      path: plan.path,
      format: plan.entries[0]?.output.format ?? '',
      targets: plan.entries.map(({ target }) => target.name),
      published: fingerprint !== undefined,
      repairs: repaired,
    })),
  );
  return {
    started: targets.every(({ published }) => published),
    ready: targets.every(({ alive }) => alive),
    targets,
    files,
    poolers: poolers.map(poolerStatus),
  };
}
