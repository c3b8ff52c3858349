import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from '../../support/temp';

const LIBRARIES = ['x86_64', 'aarch64'].map(
  machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`,
);

/** The wall clock of one process, which can be stepped while it runs. Its monotonic clock goes on as it should. */
export class FakeClock {
  private readonly file = join(tempFolder('clock'), 'offset');

  constructor() {
    this.step(0);
  }

  /** What the process must be started with. */
  get env(): Record<string, string> {
    const library = LIBRARIES.find(existsSync);
    if (library === undefined)
      throw new Error('libfaketime is missing: install it with "apt-get install faketime"');
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      // File times are the kernel's and stay right when a process's clock is not.
      NO_FAKE_STAT: '1',
    };
  }

  /** Sets the clock that many seconds off the real one. */
  step(offsetSeconds: number): void {
    // The library reads the file at every call: it must never be seen half written.
    writeFileSync(`${this.file}.new`, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`, { mode: 0o644 });
    renameSync(`${this.file}.new`, this.file);
  }
}
