import { posix } from 'node:path';
import type { RdsTarget } from '../database/rds-target';
import type { SharedVolume } from '../workload/shared-volume';

/** A file to keep fresh for a login. Paths are in the shared volume: a file name, or the absolute path of one. */
export type RefresherOutput =
  | {
      /** libpq's password file, mode 0600: whoever reads it must run with the refresher's uid. */
      readonly format: 'pgpass';
      /** Several targets may share it. @default .pgpass */
      readonly path?: string;
      /** Database the line is for. @default * - any */
      readonly database?: string;
    }
  | {
      /** PgBouncer's `auth_file`. Not needed for poolers that the refresher is given. */
      readonly format: 'pgbouncer-userlist';
      /** Several targets may share it. @default userlist.txt */
      readonly path?: string;
      /** `owner` is mode 0600, `group` 0640 with the pod's fsGroup. @default group */
      readonly access?: 'owner' | 'group';
    }
  | {
      /** The bare token, without a line end. */
      readonly format: 'token';
      /** @default <target>.token */
      readonly path?: string;
      /** `owner` is mode 0600, `group` 0640 with the pod's fsGroup. @default group */
      readonly access?: 'owner' | 'group';
    }
  | {
      /** Option file of MySQL and MariaDB clients, for `--defaults-extra-file`. */
      readonly format: 'mysql-option-file';
      /** @default <target>.cnf */
      readonly path?: string;
      /** `owner` is mode 0600, `group` 0640 with the pod's fsGroup. @default group */
      readonly access?: 'owner' | 'group';
    };

/** The same output with its absolute path. */
export type PlacedOutput = RefresherOutput & { readonly path: string };

/** What a target gets that names no output and has no pooler: its engine's own client file. */
export function defaultOutput({ engine }: RdsTarget): RefresherOutput {
  return engine === 'mysql' ? { format: 'mysql-option-file' } : { format: 'pgpass' };
}

/**
 * @throws if the file would not be in the folder that the refresher can write
 */
export function placeOutput(output: RefresherOutput, target: RdsTarget, shared: SharedVolume): PlacedOutput {
  const path = posix.resolve(shared.path, output.path ?? defaultFile(output.format, target));
  if (posix.dirname(path) !== posix.normalize(shared.path)) {
    throw new Error(
      `output "${output.path}" of target "${target.name}" isn't a file right in the shared volume at "${shared.path}", the one folder that the refresher writes: use a plain file name`,
    );
  }
  return { ...output, path };
}

function defaultFile(format: RefresherOutput['format'], target: RdsTarget): string {
  switch (format) {
    case 'pgpass':
      return '.pgpass';
    case 'pgbouncer-userlist':
      return 'userlist.txt';
    case 'token':
      return `${target.name}.token`;
    case 'mysql-option-file':
      return `${target.name}.cnf`;
  }
}
