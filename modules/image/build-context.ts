import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One file of a build context. */
export interface ContextFile {
  /** Relative to the context, with `/` between the parts. */
  readonly path: string;
  /** Whether its owner may run it: the one bit of a file's mode that a fresh clone keeps. */
  readonly executable: boolean;
  readonly content: Buffer;
}

/** How an image is built from its context: what else its content depends on. */
export interface BuildSettings {
  readonly platforms: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
}

/**
 * Hash over all that makes an image: 64 hexadecimal digits. It is the same on every machine, whatever the order of
 * the files, their owners and their dates.
 */
export function contextHash(files: readonly ContextFile[], settings: BuildSettings): string {
  const hash = createHash('sha256');
  // Each part is written with its length, so that no two contexts can read the same.
  const add = (part: string | Buffer) => hash.update(`${Buffer.byteLength(part)}:`).update(part);
  const byPath = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, executable, content } of byPath) {
    add(path);
    add(executable ? 'x' : '-');
    add(content);
  }
  add('platforms');
  for (const platform of settings.platforms) add(platform);
  add('arguments');
  for (const name of Object.keys(settings.buildArgs).sort()) {
    add(name);
    add(settings.buildArgs[name] ?? '');
  }
  return hash.digest('hex');
}

/**
 * The files below a directory. Links are followed, as they are when the context is copied to the output.
 *
 * @throws if the directory doesn't exist, or holds no `Dockerfile`
 */
export function readContext(directory: string): ContextFile[] {
  const files = listFiles(directory, directory, '');
  if (!files.some(({ path }) => path === 'Dockerfile')) {
    throw new Error(`"${directory}" holds no Dockerfile: pass the folder that an image is built from`);
  }
  return files;
}

function listFiles(root: string, directory: string, prefix: string): ContextFile[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    throw new Error(
      `the build context "${root}" can't be read: pass a folder that exists when the app runs`,
      {
        cause: error,
      },
    );
  }
  return names.flatMap(name => {
    const absolute = join(directory, name);
    const path = `${prefix}${name}`;
    const stat = statSync(absolute);
    if (stat.isDirectory()) return listFiles(root, absolute, `${path}/`);
    if (!stat.isFile()) return [];
    return [{ path, executable: (stat.mode & 0o100) !== 0, content: readFileSync(absolute) }];
  });
}
