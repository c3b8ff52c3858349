import type { TargetConfig } from '../config/schema';
import type { FailureKind } from '../errors';
import type { Fingerprint } from '../publish/atomic-file';
import { type TargetSchedule, UNPUBLISHED } from '../schedule/renewal';
import type { FilePlan, GroupPlan } from './plan';

/** What happened to a target so far. */
export interface TargetState {
  readonly config: TargetConfig;
  schedule: TargetSchedule;
  /**
   * Of a token that some of the target's files hold and others don't, because they could not be written. Retries go on
   * with it: a new one each time would replace the good files each time, and cost their readers a reload.
   */
  unfinished?: TargetSchedule;
  published: number;
  readonly failed: Map<FailureKind, number>;
  lastFailure?: { readonly at: number; readonly kind: FailureKind; readonly message: string };
  /** Seconds from asking for credentials to the last file in place, of the last publish. */
  lastDurationSeconds?: number;
}

/** What lies, or should lie, in a published file. */
export interface FileState {
  readonly plan: FilePlan;
  /** The entry of each target that has one, by the target's name. Secrets. */
  readonly entries: Map<string, string>;
  /** Of the file as published; undefined before. */
  fingerprint?: Fingerprint;
  /** Times the file was found changed or gone and was put back. */
  repaired: number;
}

export interface GroupState {
  readonly targets: readonly TargetState[];
  readonly files: readonly FileState[];
  /** An attempt is under way. */
  busy: boolean;
}

export function initialState({ targets, files }: GroupPlan): GroupState {
  return {
    targets: targets.map(config => ({ config, schedule: UNPUBLISHED, published: 0, failed: new Map() })),
    files: files.map(plan => ({ plan, entries: new Map(), repaired: 0 })),
    busy: false,
  };
}
