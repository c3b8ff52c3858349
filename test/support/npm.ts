import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { run } from './process';
import { removeFolder, tempFolder } from './temp';

/** What a clone doesn't hold. */
const NOT_IN_A_CLONE = new Set(['node_modules', 'dist', 'cdktf.out', '.git', '.terraform']);

/** A packed project, to be removed by the test. */
export interface Tarball {
  readonly path: string;
  remove(): void;
}

/** Packs a project as `npm publish` would, from a copy that nothing was built in. */
export async function pack(project: string): Promise<Tarball> {
  const clone = tempFolder('clone');
  cpSync(project, clone, { recursive: true, filter: path => !NOT_IN_A_CLONE.has(basename(path)) });
  symlinkSync(join(project, 'node_modules'), join(clone, 'node_modules'));
  const stdout = await npm(clone, 'pack', '--json');
  // A script that npm runs first may print, too.
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  return { path: join(clone, filename), remove: () => removeFolder(clone) };
}

/** An npm project of its own, outside of any other. What it installs takes half a gigabyte: remove it. */
export class NpmProject {
  readonly path = tempFolder('project');

  constructor(manifest: object) {
    this.write(
      'package.json',
      JSON.stringify({ name: 'shop', version: '1.0.0', private: true, ...manifest }),
    );
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
  }

  /** Adds packages, and installs all that `package.json` names. Runs no scripts of theirs. */
  async install(...packages: readonly string[]): Promise<void> {
    await npm(
      this.path,
      'install',
      '--prefer-offline',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      ...packages,
    );
  }

  /** Runs Node there. @throws when it fails; the error quotes its output */
  async node(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(process.execPath, args, { cwd: this.path, timeout: 120_000 });
    if (code !== 0) throw new Error(`node ${args.join(' ')} ended with status ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Path of one of its files or folders. */
  file(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  remove(): void {
    removeFolder(this.path);
  }
}

/** @throws when it fails; the error quotes its output */
async function npm(cwd: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('npm', args, { cwd, env: environment(), timeout: 240_000 });
  if (code !== 0) {
    throw new Error(
      `npm ${args.join(' ')} in ${relative('.', cwd)} ended with status ${code}:\n${stdout}${stderr}`,
    );
  }
  return stdout;
}

/** Without what an `npm test` around this one says about its own project. */
function environment(): NodeJS.ProcessEnv {
  const own = /^npm_(package_|lifecycle_|command|config_(local_prefix|json|ignore_scripts)$)|^INIT_CWD$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
