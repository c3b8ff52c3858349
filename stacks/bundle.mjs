/**
 * Runs TypeScript of this folder as plain JavaScript.
 *
 * Bundling takes esbuild a fraction of a second. A TypeScript loader would hook into every stack trace, and cdktf
 * captures one for each token.
 */
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The folder of this file. */
export const STACKS = dirname(fileURLToPath(import.meta.url));

/** Sets what every script of this folder needs. */
export function prepare() {
  process.env.SIDECAR_ENVIRONMENTS ??= join(STACKS, 'environments');
  // cdktf 0.21 calls functions that newer versions of Node warn about; nobody who reads the warning could help it.
  process.noDeprecation = true;
}

/**
 * @param {string} entry file of this folder
 * @returns {Promise<Record<string, unknown>>} what it exports
 */
export async function runTypeScript(entry) {
  // Below node_modules, where the bundle finds the packages it leaves outside; a name of its own for each run.
  const folder = join(dirname(STACKS), 'node_modules', '.cache', 'stacks');
  const bundle = join(folder, `${entry.replace(/\W/g, '-')}-${process.pid}.cjs`);
  try {
    await build({
      entryPoints: [join(STACKS, entry)],
      outfile: bundle,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      logLevel: 'warning',
    });
    return createRequire(import.meta.url)(bundle);
  } finally {
    rmSync(bundle, { force: true });
  }
}
