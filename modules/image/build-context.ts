import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { copiedPaths } from './dockerfile';

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
  for (const { path, executable, content } of byPath(files)) {
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
 * What Docker would build from: the files below the directory that its `.dockerignore` lets through, and the
 * `Dockerfile`, by path. Links are followed.
 *
 * @throws if the directory doesn't exist, holds no `Dockerfile`, or lacks a file that the `Dockerfile` copies
 */
export function readContext(directory: string): ContextFile[] {
  if (isFile(join(directory, 'Dockerfile.dockerignore'))) {
    throw new Error(
      `"${directory}" holds a Dockerfile.dockerignore, which only some builders read: name it .dockerignore`,
    );
  }
  const files = listFiles(directory, ignoreRules(directory));
  const context = byPath(withDockerfile(directory, files));
  checkCopied(directory, context);
  return context;
}

const IGNORE_FILE = '.dockerignore';

interface IgnoreRules {
  ignores(path: string): boolean;
  /** Whether something below an ignored folder may be let through after all. */
  readonly haveExceptions: boolean;
}

function ignoreRules(directory: string): IgnoreRules {
  const file = join(directory, IGNORE_FILE);
  const text = isFile(file) ? readFileSync(file, 'utf8') : '';
  const rules = dockerignore({ ignorecase: false }).add(text);
  return { ignores: path => rules.ignores(path), haveExceptions: /^\s*!/m.test(text) };
}

function listFiles(root: string, rules: IgnoreRules, folder = ''): ContextFile[] {
  return namesIn(root, folder).flatMap(name => {
    const path = `${folder}${name}`;
    const ignored = rules.ignores(path);
    if (ignored && !rules.haveExceptions) return [];
    const stat = statSync(join(root, path));
    if (stat.isDirectory()) return listFiles(root, rules, `${path}/`);
    return stat.isFile() && !ignored ? [readContextFile(root, path)] : [];
  });
}

function namesIn(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder));
  } catch (error) {
    throw new Error(
      `the build context "${root}" can't be read: pass a folder that exists when the app runs`,
      { cause: error },
    );
  }
}

/**
 * Docker always reads the `Dockerfile`, and `COPY .` leaves it out where it is ignored. The copy has to behave the
 * same, so it goes with a `.dockerignore` of its own then.
 */
function withDockerfile(directory: string, files: readonly ContextFile[]): ContextFile[] {
  const has = (name: string) => files.some(({ path }) => path === name);
  if (has('Dockerfile')) return [...files];
  if (!isFile(join(directory, 'Dockerfile'))) {
    throw new Error(`"${directory}" holds no Dockerfile: pass the folder that an image is built from`);
  }
  const content = Buffer.from(`Dockerfile\n${IGNORE_FILE}\n`);
  const ignoreFile = has(IGNORE_FILE) ? [] : [{ path: IGNORE_FILE, executable: false, content }];
  return [...files, ...ignoreFile, readContextFile(directory, 'Dockerfile')];
}

function checkCopied(directory: string, files: readonly ContextFile[]): void {
  const dockerfile = files.find(({ path }) => path === 'Dockerfile')?.content.toString('utf8') ?? '';
  const missing = copiedPaths(dockerfile).filter(
    copied => !files.some(({ path }) => path === copied || path.startsWith(`${copied}/`)),
  );
  if (missing.length === 0) return;
  const names = missing.map(path => `"${path}"`).join(' and ');
  throw new Error(
    `the Dockerfile in "${directory}" copies ${names}, which the build context doesn't hold: ` +
      'build first (npm run build), or let it through in .dockerignore',
  );
}

function readContextFile(root: string, path: string): ContextFile {
  const file = join(root, path);
  return { path, executable: (statSync(file).mode & 0o100) !== 0, content: readFileSync(file) };
}

function byPath(files: readonly ContextFile[]): ContextFile[] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
