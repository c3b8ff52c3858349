import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onExit } from '../../support/exit';
import { unprivileged } from '../../support/unprivileged';

/** A memory-backed volume of its own over a folder, as `emptyDir` with `medium: Memory` makes it. Needs root. */
export class Tmpfs {
  private readonly forget: () => void;
  private readonly filler: string;

  constructor(private readonly folder: string) {
    if (process.getuid?.() !== 0)
      throw new Error('only root can mount the volume that is to fail: run this as root');
    const { uid, gid } = unprivileged();
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=512k,mode=755,uid=${uid},gid=${gid}`, 'tmpfs', folder]);
    this.filler = join(folder, 'filler');
    this.forget = onExit(() => this.unmount());
  }

  /** Leaves no room for another file's content. */
  fill(): void {
    try {
      writeFileSync(this.filler, Buffer.alloc(1_048_576));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  free(): void {
    rmSync(this.filler, { force: true });
  }

  remount(mode: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${mode}`, this.folder]);
  }

  stop(): void {
    this.forget();
    this.unmount();
  }

  private unmount(): void {
    execFileSync('umount', ['-l', this.folder]);
  }
}
