import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureKind } from '../../../sidecar-image/src/errors';
import { isIntact, publishFile, removeLeftovers } from '../../../sidecar-image/src/publish/atomic-file';
import { RunningProcess } from '../../support/process';
import { removeFolder, tempFolder } from '../../support/temp';
import { unprivileged } from '../../support/unprivileged';

const isRoot = process.getuid?.() === 0;

let folder: string;
let path: string;

beforeEach(() => {
  folder = tempFolder('publish');
  path = join(folder, 'userlist.txt');
});

afterEach(() => removeFolder(folder));

const modeOf = (file: string) => lstatSync(file).mode & 0o7777;

/** A publish that must fail; its kind and the system's code. */
function failure(work: () => unknown): { kind: string; message: string; code: unknown } {
  try {
    work();
  } catch (error) {
    const { message, cause } = error as Error & { cause: { code: unknown } };
    return { kind: failureKind(error), message, code: cause.code };
  }
  throw new Error('it was published');
}

describe('publishFile', () => {
  it('writes the content, and nothing beside it', () => {
    publishFile(path, '"app" "token"\n', 0o640);
    expect(readFileSync(path, 'utf8')).toBe('"app" "token"\n');
    expect(readdirSync(folder)).toEqual(['userlist.txt']);
  });

  describe.each([0o000, 0o022, 0o077, 0o777])('under umask %o', umask => {
    let before: number;

    beforeEach(() => {
      before = process.umask(umask);
    });

    afterEach(() => {
      process.umask(before);
    });

    it.each([0o600, 0o640, 0o644])('gives exactly the mode %o', mode => {
      publishFile(path, 'x', mode);
      expect(modeOf(path)).toBe(mode);
    });
  });

  it('narrows a mode that was too wide', () => {
    writeFileSync(path, 'old');
    chmodSync(path, 0o666);
    publishFile(path, 'new', 0o600);
    expect(modeOf(path)).toBe(0o600);
  });

  it('never shows a reader a part, an empty file, a wider mode or no file at all', async () => {
    const mode = 0o640;
    // The content proves itself: the same number at both ends, and as many letters between as it says.
    const content = (i: number) => `${i} ${i % 3_000}\n${'t'.repeat(i % 3_000)}\n${i}`;
    publishFile(path, content(0), mode);
    const reader = await RunningProcess.start(process.execPath, ['-e', READER, path]);
    await reader.waitForOutput(/reading/);

    const publishes = 2_000;
    for (let i = 1; i <= publishes; i++) {
      publishFile(path, content(i), mode);
      // Readers get on in between on one processor too.
      if (i % 100 === 0) await new Promise(resolve => setTimeout(resolve, 5));
    }

    writeFileSync(`${path}.done`, '');
    await reader.exited;
    const { reads, versions, bad } = JSON.parse(reader.stdout.split('\n')[1] ?? '');
    expect(bad).toEqual([]);
    expect(versions).toBeGreaterThan(10);
    expect(reads).toBeGreaterThanOrEqual(versions);
    expect(readFileSync(path, 'utf8')).toBe(content(publishes));
  });

  it('leaves an open reader what it opened', () => {
    publishFile(path, 'old', 0o600);
    linkSync(path, join(folder, 'second-name'));
    publishFile(path, 'new', 0o600);
    expect(readFileSync(join(folder, 'second-name'), 'utf8')).toBe('old');
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  it('replaces a link and leaves alone what it points to', () => {
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'untouched');
    symlinkSync(elsewhere, path);
    publishFile(path, 'new', 0o600);
    expect(lstatSync(path).isSymbolicLink()).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readFileSync(elsewhere, 'utf8')).toBe('untouched');
  });

  it('replaces a link that points nowhere', () => {
    symlinkSync(join(folder, 'nowhere'), path);
    publishFile(path, 'new', 0o600);
    expect(readdirSync(folder)).toEqual(['userlist.txt']);
  });

  it('fails with a kind where the folder is not there', () => {
    const absent = join(folder, 'absent', 'f');
    expect(failure(() => publishFile(absent, 'x', 0o600))).toEqual({
      kind: 'publish',
      message: `can't publish "${absent}"`,
      code: 'ENOENT',
    });
  });

  it('fails with a kind where a folder has the name, and leaves nothing beside it', () => {
    mkdirSync(path);
    expect(failure(() => publishFile(path, 'x', 0o600))).toMatchObject({ kind: 'publish', code: 'EISDIR' });
    expect(readdirSync(folder)).toEqual(['userlist.txt']);
  });

  it('fails with a kind in a folder that is closed to it, and keeps the old file', () => {
    publishFile(path, 'old', 0o644);
    chmodSync(folder, 0o555);
    const denied = asUnprivileged(() => failure(() => publishFile(path, 'new', 0o600)));
    chmodSync(folder, 0o755);
    expect(denied).toMatchObject({ kind: 'publish', code: 'EACCES' });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['userlist.txt']);
  });

  // Only root can mount; elsewhere this is reported as skipped, and .ci runs as root.
  describe.runIf(isRoot && process.platform === 'linux')('on a volume of its own', () => {
    let volume: string;

    beforeEach(() => {
      volume = join(folder, 'volume');
      mkdirSync(volume);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', volume]);
    });

    afterEach(() => {
      execFileSync('umount', [volume]);
    });

    it('that is full, fails with a kind, keeps the old file, and recovers', () => {
      const file = join(volume, 'f');
      publishFile(file, 'old', 0o600);
      fill(join(volume, 'hog'));
      expect(failure(() => publishFile(file, 'n'.repeat(8_192), 0o600))).toMatchObject({
        kind: 'publish',
        code: 'ENOSPC',
      });
      expect(readFileSync(file, 'utf8')).toBe('old');
      expect(readdirSync(volume).sort()).toEqual(['f', 'hog']);

      rmSync(join(volume, 'hog'));
      publishFile(file, 'new', 0o600);
      expect(readFileSync(file, 'utf8')).toBe('new');
    });

    it('that is mounted read-only, fails with a kind and keeps the old file', () => {
      const file = join(volume, 'f');
      publishFile(file, 'old', 0o600);
      execFileSync('mount', ['-o', 'remount,ro', volume]);
      expect(failure(() => publishFile(file, 'new', 0o600))).toMatchObject({
        kind: 'publish',
        code: 'EROFS',
      });
      expect(readFileSync(file, 'utf8')).toBe('old');
      expect(readdirSync(volume)).toEqual(['f']);
    });
  });
});

describe('isIntact', () => {
  it('is true of what was published, and of what was published over it', () => {
    const first = publishFile(path, 'one', 0o640);
    expect(isIntact(path, first)).toBe(true);
    const second = publishFile(path, 'two', 0o640);
    expect(isIntact(path, second)).toBe(true);
    expect(isIntact(path, first)).toBe(false);
  });

  it.each<[string, () => void]>([
    ['removed', () => rmSync(path)],
    ['emptied', () => writeFileSync(path, '')],
    ['written over, of equal length', () => writeFileSync(path, 'two')],
    ['replaced by its equal', () => publishFile(path, 'one', 0o640)],
    ['opened to everybody', () => chmodSync(path, 0o644)],
    ['touched', () => utimesSync(path, new Date(0), new Date(0))],
    [
      'replaced by a link to its equal',
      () => {
        rmSync(path);
        writeFileSync(join(folder, 'equal'), 'one');
        symlinkSync(join(folder, 'equal'), path);
      },
    ],
    [
      'replaced by a folder',
      () => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  ])('is false of a file that was %s', (_, change) => {
    const published = publishFile(path, 'one', 0o640);
    utimesSync(path, new Date(1_000), new Date(1_000));
    const aged = { ...published, modifiedMs: 1_000 };
    expect(isIntact(path, aged)).toBe(true);
    change();
    expect(isIntact(path, aged)).toBe(false);
  });
});

describe('removeLeftovers', () => {
  const NOW = Date.now();

  function place(name: string, ageMs: number): void {
    const file = join(folder, name);
    writeFileSync(file, 'old token');
    utimesSync(file, new Date(NOW - ageMs), new Date(NOW - ageMs));
  }

  it('removes what a crash left for this file, once it is old', () => {
    place('.userlist.txt.0123456789ab.tmp', 61_000);
    place('.userlist.txt.ba9876543210.tmp', 59_000);
    place('.pgpass.0123456789ab.tmp', 61_000);
    place('userlist.txt', 3_600_000);
    place('.userlist.txt.swp', 3_600_000);
    place('userlist.txt.tmp', 3_600_000);
    removeLeftovers(path, NOW);
    expect(readdirSync(folder).sort()).toEqual([
      '.pgpass.0123456789ab.tmp',
      '.userlist.txt.ba9876543210.tmp',
      '.userlist.txt.swp',
      'userlist.txt',
      'userlist.txt.tmp',
    ]);
  });

  it('does nothing, and throws nothing, where the folder is not there', () => {
    expect(() => removeLeftovers(join(folder, 'absent', 'f'), NOW)).not.toThrow();
  });
});

/** Runs as `nobody` under root, who would be let in everywhere. */
function asUnprivileged<T>(work: () => T): T {
  const { uid } = unprivileged();
  if (uid === undefined) return work();
  process.seteuid?.(uid);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

/** Takes all the space there is. */
function fill(file: string): void {
  for (const size of [65_536, 4_096]) {
    try {
      for (;;) writeFileSync(file, 'x'.repeat(size), { flag: 'a' });
    } catch {
      // Full, at this size.
    }
  }
  expect(statSync(file).size).toBeGreaterThan(0);
}

/** Reads as fast as it can until told to stop, and reports what it should never have seen. */
const READER = `
  const fs = require('node:fs');
  const path = process.argv[1];
  const bad = [], versions = new Set();
  let reads = 0;
  console.log('reading');
  for (;;) {
    const last = fs.existsSync(path + '.done');
    try {
      const descriptor = fs.openSync(path, 'r');
      const mode = fs.fstatSync(descriptor).mode & 0o7777;
      const text = fs.readFileSync(descriptor, 'utf8');
      fs.closeSync(descriptor);
      reads++;
      const parts = /^(\\d+) (\\d+)\\n(t*)\\n(\\d+)$/.exec(text);
      if (mode !== 0o640) bad.push('mode ' + mode.toString(8));
      else if (!parts || parts[1] !== parts[4] || Number(parts[2]) !== parts[3].length) bad.push('torn: ' + text.length);
      else versions.add(parts[1]);
    } catch (error) {
      bad.push(error.code);
    }
    if (last || bad.length > 5) break;
  }
  console.log(JSON.stringify({ reads, versions: versions.size, bad }));
`;
