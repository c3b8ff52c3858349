/**
 * One attempt, from target to published file. It reads in the order of the data: credentials, token, entry, file.
 * Reloading the pooler comes after, in reload/, and nothing flows back from there.
 */

import type { Clock, Instant } from '../clock';
import type { RenewalConfig, TargetConfig } from '../config/schema';
import { type Credentials, expiryOf } from '../credentials/credentials';
import type { Encoder } from '../encode/encoder';
import { describeError, failureKind, RefresherError } from '../errors';
import { type Fingerprint, isIntact } from '../publish/atomic-file';
import { afterFailure, afterPublish, dueInMs, outlives } from '../schedule/renewal';
import { readToken, type Token } from '../token/token';
import type { FileState, GroupState, TargetState } from './state';

/** What an attempt acts through; a test gives its own. */
export interface RenewalPorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly credentials: () => Promise<Credentials>;
  readonly sign: (target: TargetConfig, credentials: Credentials) => Promise<string>;
  readonly encode: Encoder;
  readonly publish: (path: string, content: string, mode: number) => Fingerprint;
}

/** Who wants to know: the log, the poolers. */
export interface RenewalEvents {
  published(target: TargetState): void;
  failed(target: TargetState, error: unknown): void;
  /** A file was replaced; its readers hold old logins until they reload. */
  replaced(file: FileState): void;
}

interface Renewed {
  readonly target: TargetState;
  readonly token: Token;
  /** By path. */
  readonly entries: ReadonlyMap<string, string>;
}

/** What a retry goes on with, unless it would be due for renewal itself. */
function unfinishedToken({ unfinished }: TargetState, now: Instant): Token | undefined {
  return unfinished !== undefined && dueInMs(unfinished, now) > 0 ? unfinished.token : undefined;
}

async function sign(
  { config }: TargetState,
  credentials: Credentials,
  renewal: RenewalConfig,
  ports: RenewalPorts,
): Promise<Token> {
  const text = await ports.sign(config, credentials);
  return readToken(text, ports.clock.now(), {
    credentialsExpireAt: expiryOf(credentials),
    lifetimeSeconds: renewal.tokenLifetimeSeconds,
  });
}

/**
 * Signs for one target and encodes the token for each of its files. Throws without having changed anything. Undefined if
 * there is nothing to gain for a target that only came along with another's renewal.
 */
async function prepare(
  target: TargetState,
  credentials: Credentials,
  renewal: RenewalConfig,
  ports: RenewalPorts,
): Promise<Renewed | undefined> {
  const token =
    unfinishedToken(target, ports.clock.now()) ?? (await sign(target, credentials, renewal, ports));
  const now = ports.clock.now();
  if (!outlives(token, target.schedule.token, now)) {
    if (dueInMs(target.schedule, now) > 0) return undefined;
    throw new RefresherError(
      'credentials',
      'the credentials at hand sign no token that outlives the published one: waiting for the source to renew them',
    );
  }
  const entries = new Map<string, string>();
  for (const output of target.config.outputs) {
    entries.set(output.path, ports.encode(target.config, output, token));
  }
  return { target, token, entries };
}

/** Whether the file holds these entries already, and is as it was published. */
function holds(file: FileState, renewed: readonly Renewed[]): boolean {
  return (
    renewed.every(
      ({ target, entries }) => file.entries.get(target.config.name) === entries.get(file.plan.path),
    ) &&
    file.fingerprint !== undefined &&
    isIntact(file.plan.path, file.fingerprint)
  );
}

/** Writes a file from the entries in hand, the newest of each target. */
function writeFile(file: FileState, renewed: readonly Renewed[], ports: RenewalPorts): void {
  const entries = new Map(file.entries);
  for (const { target, entries: fresh } of renewed) {
    const entry = fresh.get(file.plan.path);
    if (entry !== undefined) entries.set(target.config.name, entry);
  }
  const content = file.plan.entries.map(({ target }) => entries.get(target.name) ?? '').join('');
  file.fingerprint = ports.publish(file.plan.path, content, file.plan.mode);
  for (const [name, entry] of entries) file.entries.set(name, entry);
}

/** Renews `due`, members of `group`. Never throws: what fails is recorded with the target, and the old file stays. */
export async function renew(
  group: GroupState,
  due: readonly TargetState[],
  renewal: RenewalConfig,
  ports: RenewalPorts,
  events: RenewalEvents,
): Promise<void> {
  const startedAt = ports.clock.now().monotonic;
  // One draw an attempt: targets of a shared file stay in step, so that it is replaced once for all of them.
  const draw = ports.random();
  const errors = new Map<TargetState, unknown>();

  const renewed: Renewed[] = [];
  try {
    const credentials = await ports.credentials();
    for (const target of due) {
      try {
        const one = await prepare(target, credentials, renewal, ports);
        if (one !== undefined) renewed.push(one);
      } catch (error) {
        errors.set(target, error);
      }
    }
  } catch (error) {
    for (const target of due) errors.set(target, error);
  }

  const replaced: FileState[] = [];
  for (const file of group.files) {
    const affected = renewed.filter(({ entries }) => entries.has(file.plan.path));
    if (affected.length === 0 || holds(file, affected)) continue;
    try {
      writeFile(file, affected, ports);
      replaced.push(file);
    } catch (error) {
      for (const { target } of affected) errors.set(target, error);
    }
  }

  const now = ports.clock.now();
  for (const { target, token } of renewed) {
    if (errors.has(target)) {
      if (target.unfinished?.token !== token) target.unfinished = afterPublish(token, now, renewal, draw);
      continue;
    }
    target.unfinished = undefined;
    target.schedule = afterPublish(token, now, renewal, draw);
    target.published += 1;
    target.lastDurationSeconds = (now.monotonic - startedAt) / 1000;
    events.published(target);
  }
  for (const [target, error] of errors) {
    const kind = failureKind(error);
    target.schedule = afterFailure(target.schedule, now, renewal, draw);
    target.failed.set(kind, (target.failed.get(kind) ?? 0) + 1);
    target.lastFailure = { at: now.wall, kind, message: describeError(error) };
    events.failed(target, error);
  }
  for (const file of replaced) events.replaced(file);
}

/** Puts back files that somebody changed or removed: the logins in hand are still the newest. Throws kind `publish`. */
export function repair(group: GroupState, ports: RenewalPorts, events: RenewalEvents): void {
  for (const file of group.files) {
    if (file.fingerprint === undefined || isIntact(file.plan.path, file.fingerprint)) continue;
    writeFile(file, [], ports);
    file.repaired += 1;
    events.replaced(file);
  }
}
