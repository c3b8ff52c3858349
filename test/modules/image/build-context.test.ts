import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ContextFile, contextHash, readContext } from '../../../modules/image/build-context';
import { tempFolder } from '../../support/temp';

const SETTINGS = { platforms: ['linux/amd64'], buildArgs: {} };

const file = fc.record({
  path: fc.stringMatching(/^[a-z]{1,3}(\/[a-z]{1,3})?$/),
  executable: fc.boolean(),
  content: fc.uint8Array({ maxLength: 4 }).map(bytes => Buffer.from(bytes)),
});
const context = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 4 });

describe('contextHash', () => {
  it('does not depend on the order of the files', () => {
    fc.assert(
      fc.property(context, files => {
        expect(contextHash(files.toReversed(), SETTINGS)).toBe(contextHash(files, SETTINGS));
      }),
    );
  });

  it('tells all contexts apart', () => {
    const key = (files: readonly ContextFile[]) =>
      JSON.stringify(files.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
    fc.assert(
      fc.property(context, context, (a, b) => {
        expect(contextHash(a, SETTINGS) === contextHash(b, SETTINGS)).toBe(key(a) === key(b));
      }),
    );
  });

  it('cannot be misled by where one part ends and the next begins', () => {
    const of = (path: string, content: string) =>
      contextHash([{ path, executable: false, content: Buffer.from(content) }], SETTINGS);
    expect(of('ab', 'c')).not.toBe(of('a', 'bc'));
    const hash = (buildArgs: Record<string, string>) => contextHash([], { ...SETTINGS, buildArgs });
    expect(hash({ A: '1', B: '2' })).not.toBe(hash({ A: '1B2' }));
  });

  it('depends on all that the image depends on', () => {
    const base = { path: 'a', executable: false, content: Buffer.from('x') };
    const hashes = [
      contextHash([base], SETTINGS),
      contextHash([{ ...base, executable: true }], SETTINGS),
      contextHash([base], { ...SETTINGS, platforms: ['linux/arm64'] }),
      contextHash([base], { ...SETTINGS, buildArgs: { A: '1' } }),
      contextHash([base], { ...SETTINGS, buildArgs: { A: '2' } }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('is the same for all time: another hash would push every image again', () => {
    const files = [
      { path: 'Dockerfile', executable: false, content: Buffer.from('FROM scratch\n') },
      { path: 'bin/run', executable: true, content: Buffer.from([0, 255]) },
    ];
    const settings = { platforms: ['linux/amd64', 'linux/arm64'], buildArgs: { B: '2', A: '1' } };
    expect(contextHash(files, settings)).toMatchInlineSnapshot(
      `"2af012fe7cea98e06e46332433960d421e1ef40c22212d774f8049839c4be8e5"`,
    );
  });
});

describe('readContext', () => {
  const folder = () => {
    const path = tempFolder('context');
    writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\n');
    mkdirSync(join(path, 'bin'));
    writeFileSync(join(path, 'bin', 'run'), 'run');
    chmodSync(join(path, 'bin', 'run'), 0o755);
    return path;
  };

  it('reads every file with its path, its mode and its bytes', () => {
    expect(readContext(folder())).toEqual([
      { path: 'Dockerfile', executable: false, content: Buffer.from('FROM scratch\n') },
      { path: 'bin/run', executable: true, content: Buffer.from('run') },
    ]);
  });

  it('does not see where the folder is, whose it is and how old', () => {
    const [a, b] = [folder(), folder()];
    chmodSync(join(b, 'Dockerfile'), 0o600);
    utimesSync(join(b, 'Dockerfile'), 1, 1);
    expect(readContext(a)).toEqual(readContext(b));
  });

  it('follows links', () => {
    const path = folder();
    symlinkSync('run', join(path, 'bin', 'also'));
    expect(readContext(path)).toContainEqual({
      path: 'bin/also',
      executable: true,
      content: Buffer.from('run'),
    });
  });

  it('refuses a folder that is not there, or holds no Dockerfile', () => {
    const path = tempFolder('context');
    expect(() => readContext(path)).toThrow(
      `"${path}" holds no Dockerfile: pass the folder that an image is built from`,
    );
    expect(() => readContext(join(path, 'none'))).toThrow(
      `the build context "${join(path, 'none')}" can't be read: pass a folder that exists when the app runs`,
    );
  });
});
