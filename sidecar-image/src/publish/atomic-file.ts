/**
 * Replacing a file so that a reader sees the old one or the new one, never a part: write beside it, set the mode, rename.
 *
 * Synchronous on purpose: the files are a few kilobytes on a memory-backed volume, and the thread pool that
 * asynchronous calls need costs more than the calls.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RefresherError } from '../errors';

/** What tells a published file from one that somebody put in its place. */
export interface Fingerprint {
  readonly inode: number;
  readonly size: number;
  readonly modifiedMs: number;
  readonly mode: number;
}

/** A temporary file this old was left by a crash; a living writer renames its own within milliseconds. */
const LEFTOVER_MS = 60_000;

const temporaryPrefix = (path: string) => `.${basename(path)}.`;
const TEMPORARY_SUFFIX = '.tmp';

function fingerprint(path: string): Fingerprint {
  const { ino, size, mtimeMs, mode } = lstatSync(path);
  return { inode: ino, size, modifiedMs: mtimeMs, mode };
}

/** Whether the file is still the one that was published. */
export function isIntact(path: string, published: Fingerprint): boolean {
  try {
    const now = fingerprint(path);
    return (
      now.inode === published.inode &&
      now.size === published.size &&
      now.modifiedMs === published.modifiedMs &&
      now.mode === published.mode
    );
  } catch {
    return false;
  }
}

/**
 * Publishes `content` at `path` with exactly `mode`. Throws kind `publish`, with the old file untouched.
 * The temporary name is drawn at random: in containers every process has the same id.
 */
export function publishFile(path: string, content: string, mode: number): Fingerprint {
  const temporary = join(
    dirname(path),
    `${temporaryPrefix(path)}${randomBytes(6).toString('hex')}${TEMPORARY_SUFFIX}`,
  );
  try {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const descriptor = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeFileSync(descriptor, content);
      // The mode given to open is cut by the umask; this one is not.
      fchmodSync(descriptor, mode);
      // On a disk, a rename can outlive a crash that the data does not.
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    const written = fingerprint(temporary);
    renameSync(temporary, path);
    return written;
  } catch (error) {
    discard(temporary);
    throw new RefresherError('publish', `can't publish "${path}"`, { cause: error });
  }
}

/** Never the error that is reported: what made the publish fail says more. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

/** Removes temporary files that a crash left beside `path`. Best effort: they do no harm but hold old tokens. */
export function removeLeftovers(path: string, nowMs: number): void {
  const folder = dirname(path);
  try {
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(temporaryPrefix(path)) || !name.endsWith(TEMPORARY_SUFFIX)) continue;
      const leftover = join(folder, name);
      if (nowMs - lstatSync(leftover).mtimeMs > LEFTOVER_MS) rmSync(leftover, { force: true });
    }
  } catch {
    // A folder that can't be read fails at publish, with a better message.
  }
}
