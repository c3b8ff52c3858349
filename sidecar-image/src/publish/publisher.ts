import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { RefresherError } from '../errors';
import { type Fingerprint, publishFile } from './atomic-file';

export type Publish = (path: string, content: string, mode: number) => Fingerprint;

/**
 * Publishes files, and puts back a folder that held one and that somebody removed. A folder that never was there stays
 * an error: it is a volume that isn't mounted, or a mistake in the path.
 */
export function createPublisher(): Publish {
  const modes = new Map<string, number>();
  return (path, content, mode) => {
    const folder = dirname(path);
    restoreFolder(folder, modes.get(folder));
    const fingerprint = publishFile(path, content, mode);
    if (!modes.has(folder)) modes.set(folder, statSync(folder).mode & 0o7777);
    return fingerprint;
  };
}

function restoreFolder(folder: string, mode: number | undefined): void {
  if (mode === undefined || existsSync(folder)) return;
  try {
    mkdirSync(folder);
    chmodSync(folder, mode);
  } catch (error) {
    throw new RefresherError('publish', `can't put back the folder "${folder}"`, { cause: error });
  }
}
