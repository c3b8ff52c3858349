import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ContextFile, contextHash, readContext } from '../../../modules/image/build-context';
import { describeWithDocker } from '../../support/docker/engine';
import { BuiltImage } from '../../support/docker/image';
import { removeFolder, tempFolder } from '../../support/temp';

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

  it('refuses what is copied and not there, saying what to do', () => {
    const path = folder();
    writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY bin/run dist/app.js dist/ca.pem /\n');
    expect(() => readContext(path)).toThrow(
      `the Dockerfile in "${path}" copies "dist/app.js" and "dist/ca.pem", which the build context doesn't hold: ` +
        'build first (npm run build), or let it through in .dockerignore',
    );
    mkdirSync(join(path, 'dist'));
    for (const name of ['app.js', 'ca.pem']) writeFileSync(join(path, 'dist', name), '');
    expect(readContext(path)).toHaveLength(4);
    writeFileSync(join(path, '.dockerignore'), 'dist/*.pem\n');
    expect(() => readContext(path)).toThrow('copies "dist/ca.pem", which');
  });

  it('refuses an ignore file that only some builders read', () => {
    const path = folder();
    writeFileSync(join(path, 'Dockerfile.dockerignore'), '*\n');
    expect(() => readContext(path)).toThrow('name it .dockerignore');
  });
});

describe('.dockerignore', () => {
  const FILES = [
    ...[
      'Dockerfile',
      'README.md',
      'a.txt',
      'docs/guide.md',
      'docs/deep/er/notes.md',
      'src/a.ts',
      'src/b.test.ts',
    ],
    ...[
      'dist/app.js',
      'dist/meta.json',
      'node_modules/x/index.js',
      '.git/HEAD',
      'src/node_modules/y.js',
      'A.TXT',
    ],
  ];

  function folder(ignore: string): string {
    const path = tempFolder('context');
    for (const file of FILES) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), file === 'Dockerfile' ? 'FROM scratch\nCOPY . /context/\n' : file);
    }
    writeFileSync(join(path, '.dockerignore'), ignore);
    return path;
  }

  it('decides what makes the image, and so its tag', () => {
    const path = folder('*\n!dist/app.js\n');
    const hash = () => contextHash(readContext(path), SETTINGS);
    const before = hash();
    writeFileSync(join(path, 'src/a.ts'), 'changed');
    writeFileSync(join(path, 'dist/meta.json'), 'changed');
    expect(hash()).toBe(before);
    writeFileSync(join(path, 'dist/app.js'), 'changed');
    expect(hash()).not.toBe(before);
  });

  it('may leave the Dockerfile out of the image: the copy leaves it out, too', () => {
    expect(readContext(folder('*\n!dist/app.js\n')).map(({ path }) => path)).toEqual([
      '.dockerignore',
      'Dockerfile',
      'dist/app.js',
    ]);
    const all = readContext(folder('src\n')).map(({ path }) => path);
    expect(all).toContain('Dockerfile');
    expect(all).toContain('.dockerignore');
  });

  describeWithDocker('is read as Docker reads it', () => {
    it.each([
      '',
      '*\n!dist/app.js\n!docs',
      '# comment\n\n  src  \n/dist/\n',
      '**/*.md\n!README.md',
      '**/node_modules\n.git',
      '*/*.md\n*.t?t\n.dockerignore',
      'docs/**\n!docs/deep/er',
      'Dockerfile\nsrc/**/*.js',
    ])('%j', async ignore => {
      const context = folder(ignore);
      const copy = folder('');
      // What is copied to the output of synth has to build the same image.
      removeFolder(copy);
      for (const { path, content } of readContext(context)) {
        mkdirSync(dirname(join(copy, path)), { recursive: true });
        writeFileSync(join(copy, path), content);
      }
      const built = async (from: string) => {
        const image = await BuiltImage.build({ context: from });
        try {
          return (await image.filesOfLastLayer())
            .map(({ path }) => path)
            .filter(path => path.startsWith('context/') && !path.endsWith('/'))
            .sort();
        } finally {
          await image.remove();
        }
      };
      const inImage = await built(context);
      expect(await built(copy)).toEqual(inImage);
      const read = readContext(context).map(({ path }) => `context/${path}`);
      const recipe = ['context/Dockerfile', 'context/.dockerignore'];
      expect(read.filter(path => inImage.includes(path) || !recipe.includes(path))).toEqual(inImage);
    });
  });
});
