import { installPackages } from '../../test/support/install';
import { PGBOUNCER_FOLDERS } from '../../test/support/pgbouncer';
import { findCommand, run } from '../../test/support/process';

export interface InstalledPgbouncer {
  readonly path: string;
  /** Such as `1.24.1`. */
  readonly version: string;
}

const HOW_TO_INSTALL =
  'install it with "sudo apt-get install pgbouncer" (Debian, Ubuntu), "brew install pgbouncer" (macOS) or as https://www.pgbouncer.org/install.html says, and run the demo again';

/**
 * The machine's PgBouncer; where there is none, it is installed if that takes no password.
 *
 * @param say tells the user what is done to the machine
 * @throws if there is none and it can't be installed; the error says how to
 */
export async function ensurePgbouncer(say: (line: string) => void): Promise<InstalledPgbouncer> {
  const path = find() ?? (await install(say));
  const { stdout, stderr } = await run(path, ['--version']);
  const version = /\b1\.\d+(\.\d+)?\b/.exec(stdout + stderr)?.[0];
  if (version === undefined)
    throw new Error(`"${path} --version" doesn't say its version: ${stdout}${stderr}`);
  return { path, version };
}

function find(): string | undefined {
  return findCommand(['pgbouncer'], PGBOUNCER_FOLDERS);
}

async function install(say: (line: string) => void): Promise<string> {
  say('PgBouncer is not on this machine. Installing it, which may take a minute:');
  const problem = await installPackages({ apt: ['pgbouncer'], brew: ['pgbouncer'] }, say);
  const path = find();
  if (path !== undefined) return path;
  if (problem === undefined) throw new Error(`PgBouncer is not on this machine: ${HOW_TO_INSTALL}`);
  throw new Error(`PgBouncer could not be installed: ${HOW_TO_INSTALL}\n${problem}`);
}
