import { execFileSync, spawnSync } from 'node:child_process';
import { describe, it } from 'vitest';
import { onExit } from '../exit';
import { type Finished, type ProcessOptions, run } from '../process';

/** Builds of an image and its containers are slow on a busy machine. Milliseconds. */
export const DOCKER_TIMEOUT = 180_000;

/** Runs `docker` to its end. A status other than 0 is no error here. */
export function tryDocker(args: readonly string[], options: ProcessOptions = {}): Promise<Finished> {
  return run('docker', args, { ...options, timeout: DOCKER_TIMEOUT });
}

/**
 * Runs `docker` to its end, and gives its standard output without the last line end.
 *
 * @throws when its status is not 0; the error quotes its output.
 */
export async function docker(args: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryDocker(args, options);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with status ${code}:\n${stdout}${stderr}`);
  return stdout.trimEnd();
}

/** Has `docker` remove something when this process ends, should nothing have done so before. */
export function removeOnExit(...args: string[]): () => void {
  return onExit(() => spawnSync('docker', args, { stdio: 'ignore' }));
}

/** Why no Docker engine answers; undefined if one does. */
function missingEngine(): string | undefined {
  try {
    const version = execFileSync('docker', ['info', '--format', '{{.ServerVersion}}'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    });
    // Some clients end with status 0 all the same.
    return version.trim() === '' ? 'docker info names no server' : undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const reason = stderr?.trim() || (error instanceof Error ? error.message : String(error));
    return reason.replaceAll(/\s+/g, ' ');
  }
}

/**
 * `describe` for what needs a Docker engine. Where none answers, the suite fails in CI and is skipped elsewhere, with
 * the reason in its name.
 */
export function describeWithDocker(name: string, suite: () => void): void {
  const missing = missingEngine();
  if (missing === undefined) {
    describe(name, { timeout: DOCKER_TIMEOUT }, suite);
    return;
  }
  if (process.env.CI) {
    it(`${name}: needs a Docker engine`, () => {
      throw new Error(`no Docker engine answers: ${missing}`);
    });
    return;
  }
  process.stderr.write(`SKIPPED "${name}": no Docker engine answers: ${missing}\n`);
  describe.skip(`${name} (no Docker engine: ${missing})`, suite);
}
