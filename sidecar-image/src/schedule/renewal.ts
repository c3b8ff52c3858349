/**
 * Every decision about when, as pure functions of now, the token, the last failure and a random draw in [0, 1).
 */

import type { Instant } from '../clock';
import type { RenewalConfig } from '../config/schema';
import type { Token } from '../token/token';

/**
 * A wall clock that moved this much against the monotonic one was stepped, not slewed: chrony and the kernel slew by
 * 500 ppm at most, 0.45 s in a token's 15 minutes.
 */
export const CLOCK_STEP_MS = 2_000;

/**
 * Life left in a token, in milliseconds; negative once it is dead. Both clocks must agree that it lives: a stepped wall
 * clock alone would stretch it, the monotonic clock alone would miss that its date was wrong.
 */
export function remainingMs(token: Token, now: Instant): number {
  const byWall = token.expiresAt - now.wall;
  const byMonotonic = token.expiresAt - token.observedAt.wall - (now.monotonic - token.observedAt.monotonic);
  return Math.min(byWall, byMonotonic);
}

/** Whether the wall clock was stepped since the token was signed: AWS may date it differently than we did. */
export function clockStepped(token: Token, now: Instant): boolean {
  const wall = now.wall - token.observedAt.wall;
  const monotonic = now.monotonic - token.observedAt.monotonic;
  return Math.abs(wall - monotonic) > CLOCK_STEP_MS;
}

/**
 * Life a token has left when its renewal is due, in milliseconds. A share of the effective life, not a fixed time: a
 * token cut short by its credentials is renewed in proportion. The jitter keeps replicas from signing in step.
 */
export function renewalMarginMs(lifeMs: number, renewal: RenewalConfig, random: number): number {
  return lifeMs * (1 - renewal.threshold + renewal.jitter * random);
}

/** Delay before the next try after `failures` failures in a row, in milliseconds: doubling, capped, half of it random. */
export function backoffMs(failures: number, renewal: RenewalConfig, random: number): number {
  const doubled = renewal.initialBackoffSeconds * 2 ** (failures - 1);
  return Math.min(doubled, renewal.maxBackoffSeconds) * 1000 * (0.5 + 0.5 * random);
}

/** What the schedule knows of a target. */
export interface TargetSchedule {
  /** The published token; undefined before the first publish. */
  readonly token?: Token;
  /** Life that `token` has left when its renewal is due, in milliseconds. */
  readonly renewalMarginMs: number;
  /** Failures since the last publish. */
  readonly failures: number;
  /** Earliest next try after a failure, on the monotonic clock in milliseconds. */
  readonly retryAt: number;
}

export const UNPUBLISHED: TargetSchedule = { renewalMarginMs: 0, failures: 0, retryAt: 0 };

/** Milliseconds until the target's next try; 0 if it is due. */
export function dueInMs(schedule: TargetSchedule, now: Instant): number {
  const { token } = schedule;
  if (schedule.failures > 0) return Math.max(0, schedule.retryAt - now.monotonic);
  if (token === undefined || clockStepped(token, now)) return 0;
  return Math.max(0, remainingMs(token, now) - schedule.renewalMarginMs);
}

export function afterPublish(
  token: Token,
  now: Instant,
  renewal: RenewalConfig,
  random: number,
): TargetSchedule {
  const lifeMs = Math.max(0, remainingMs(token, now));
  return { token, renewalMarginMs: renewalMarginMs(lifeMs, renewal, random), failures: 0, retryAt: 0 };
}

export function afterFailure(
  schedule: TargetSchedule,
  now: Instant,
  renewal: RenewalConfig,
  random: number,
): TargetSchedule {
  const failures = schedule.failures + 1;
  return { ...schedule, failures, retryAt: now.monotonic + backoffMs(failures, renewal, random) };
}

/**
 * Whether a new token is worth publishing: only if it outlives the one in place. Cached credentials sign tokens that
 * die when the old one does, and each publish costs the pooler a reload.
 */
export function outlives(candidate: Token, published: Token | undefined, now: Instant): boolean {
  if (published === undefined) return true;
  return remainingMs(candidate, now) > remainingMs(published, now) + 500;
}

/**
 * Which targets of a group that share files are renewed together. When one renewal is due, every other target that holds
 * a token and isn't backing off joins it, so that the shared file changes, and its reader reloads, once and not once a
 * target. A retry takes nobody along.
 */
export function selectDue<T extends { readonly schedule: TargetSchedule }>(
  group: readonly T[],
  now: Instant,
): T[] {
  const due = group.filter(({ schedule }) => dueInMs(schedule, now) === 0);
  const renewal = due.some(({ schedule }) => schedule.token !== undefined && schedule.failures === 0);
  if (!renewal) return due;
  return group.filter(
    target => due.includes(target) || (target.schedule.token !== undefined && target.schedule.failures === 0),
  );
}
