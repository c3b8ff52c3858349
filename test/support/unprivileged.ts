import { execFileSync } from 'node:child_process';
import { chownSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Whom a process runs as: an empty object is "as ourselves". Fits `spawn`'s options. */
export interface Identity {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Whom servers run as. PostgreSQL and PgBouncer refuse root, so under root it is `nobody`: an account that every
 * Unix has (`initdb` needs one with an entry in the user database). Otherwise ourselves.
 *
 * All of a test's servers share it, because PgBouncer's unix socket admits an admin only when the uids are equal.
 */
export function unprivileged(): Identity {
  if (process.getuid?.() !== 0) return {};
  nobody ??= { uid: idOf('-u'), gid: idOf('-g') };
  return nobody;
}

/** Gives a file or a folder with all it holds to `unprivileged()`. Does nothing unless we are root. */
export function giveToUnprivileged(path: string): void {
  const { uid, gid } = unprivileged();
  if (uid === undefined || gid === undefined) return;
  const stats = lstatSync(path);
  // Following a link would change the owner of something outside.
  if (stats.isSymbolicLink()) return;
  chownSync(path, uid, gid);
  if (stats.isDirectory()) for (const entry of readdirSync(path)) giveToUnprivileged(join(path, entry));
}

let nobody: Identity | undefined;

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
}
