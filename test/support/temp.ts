import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onExit } from './exit';
import { giveToUnprivileged } from './unprivileged';

/**
 * A new, empty folder that belongs to whom the servers run as, and that is removed when this process ends.
 *
 * The path is short (macOS has a long temp folder, and a unix socket's path at most 104 bytes) and real, without
 * links.
 */
export function tempFolder(name = 'rds-iam'): string {
  const parent = process.platform === 'win32' ? tmpdir() : '/tmp';
  const folder = realpathSync(mkdtempSync(join(parent, `${name}-`)));
  chmodSync(folder, 0o755);
  giveToUnprivileged(folder);
  onExit(() => removeFolder(folder));
  return folder;
}

/** Removes a folder with all it holds; no error when it is gone already. */
export function removeFolder(folder: string): void {
  // The retries, up to 3 s, cover a server that is still writing its last files.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
