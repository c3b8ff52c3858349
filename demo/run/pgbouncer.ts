import { findCommand, run } from '../../test/support/process';

export interface InstalledPgbouncer {
  readonly path: string;
  /** Such as `1.24.1`. */
  readonly version: string;
}

/** Where Debian and Homebrew put it, which `PATH` may lack. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

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
  return findCommand(['pgbouncer'], FOLDERS);
}

async function install(say: (line: string) => void): Promise<string> {
  const commands = await installCommands();
  if (commands === undefined) throw new Error(`PgBouncer is not on this machine: ${HOW_TO_INSTALL}`);
  say('PgBouncer is not on this machine. Installing it, which may take a minute:');
  let problem = '';
  for (const command of commands) {
    say(`  ${command.join(' ')}`);
    const [program = '', ...args] = command;
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { code, stdout, stderr } = await run(program, args, { env, timeout: INSTALL_TIMEOUT_MS });
    // An update may fail for a package source that isn't needed: what counts is whether PgBouncer is there then.
    if (code !== 0) problem += stdout + stderr;
  }
  const path = find();
  if (path === undefined) {
    throw new Error(`PgBouncer could not be installed: ${HOW_TO_INSTALL}\n${problem.trimEnd()}`);
  }
  return path;
}

const INSTALL_TIMEOUT_MS = 5 * 60_000;

/** Undefined where nothing can be installed without asking somebody for a password. */
async function installCommands(): Promise<string[][] | undefined> {
  if (process.platform === 'darwin') {
    const brew = findCommand(['brew'], ['/opt/homebrew/bin', '/usr/local/bin']);
    return brew === undefined ? undefined : [[brew, 'install', 'pgbouncer']];
  }
  if (findCommand(['apt-get']) === undefined) return undefined;
  const root = await asRoot();
  return (
    root && [
      [...root, 'apt-get', 'update', '-qq'],
      [...root, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'pgbouncer'],
    ]
  );
}

async function asRoot(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  if (findCommand(['sudo']) === undefined) return undefined;
  const { code } = await run('sudo', ['-n', 'true']);
  return code === 0 ? ['sudo', '-n'] : undefined;
}
