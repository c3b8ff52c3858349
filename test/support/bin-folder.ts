import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand } from './process';
import { tempFolder } from './temp';

/** What the script that pushes images calls, besides docker and aws. */
export const SCRIPT_TOOLS = [
  ...[
    'sh',
    'basename',
    'cat',
    'chmod',
    'cut',
    'dirname',
    'grep',
    'ln',
    'ls',
    'mkdir',
    'mktemp',
    'printenv',
    'rm',
    'sed',
    'sleep',
  ],
] as const;

/**
 * A folder for `PATH` with commands of this machine and with made-up ones, and nothing else.
 *
 * @param madeUp shell scripts by the names of the commands
 */
export function binFolder(tools: readonly string[], madeUp: Readonly<Record<string, string>> = {}): string {
  const folder = join(tempFolder('bin'), 'bin');
  mkdirSync(folder);
  for (const tool of tools) {
    const path = findCommand([tool]);
    if (path === undefined) throw new Error(`${tool} was not found in PATH`);
    symlinkSync(path, join(folder, tool));
  }
  for (const [name, script] of Object.entries(madeUp)) {
    writeFileSync(join(folder, name), script, { mode: 0o755 });
  }
  return folder;
}
