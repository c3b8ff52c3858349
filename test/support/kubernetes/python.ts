import { spawnSync } from 'node:child_process';
import { findCommand } from '../process';

const interpreters = [findCommand(['python3']), findCommand(['python'])].filter(path => path !== undefined);

/** Folder of a Python package that is installed for the Python in `PATH`. */
export function pythonPackage(name: string): string | undefined {
  const script = `import importlib.util as u; s = u.find_spec(${JSON.stringify(name)}); print(s.submodule_search_locations[0] if s else '')`;
  for (const interpreter of interpreters) {
    const folder = spawnSync(interpreter, ['-c', script], {
      encoding: 'utf8',
      timeout: 20_000,
    }).stdout?.trim();
    if (folder) return folder;
  }
  return undefined;
}
