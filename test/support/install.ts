import { findCommand, run } from './process';

/** The same programs in the words of each package manager. */
export interface Packages {
  readonly apt: readonly string[];
  readonly brew: readonly string[];
}

const TIMEOUT_MS = 5 * 60_000;

/**
 * Installs packages if that takes no password. Whether it helped is the caller's to see: an update may fail for a package
 * source that isn't needed.
 *
 * @param say tells the user what is done to the machine
 * @returns what the package manager complained of; undefined if there is none that can be asked
 */
export async function installPackages(
  packages: Packages,
  say: (line: string) => void,
): Promise<string | undefined> {
  const commands = await installCommands(packages);
  if (commands === undefined) return undefined;
  let problem = '';
  for (const command of commands) {
    say(`  ${command.join(' ')}`);
    const [program = '', ...args] = command;
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { code, stdout, stderr } = await run(program, args, { env, timeout: TIMEOUT_MS });
    if (code !== 0) problem += stdout + stderr;
  }
  return problem.trimEnd();
}

async function installCommands({ apt, brew }: Packages): Promise<string[][] | undefined> {
  if (process.platform === 'darwin') {
    const command = findCommand(['brew'], ['/opt/homebrew/bin', '/usr/local/bin']);
    return command === undefined ? undefined : [[command, 'install', ...brew]];
  }
  if (findCommand(['apt-get']) === undefined) return undefined;
  const root = await asRoot();
  return (
    root && [
      [...root, 'apt-get', 'update', '-qq'],
      [...root, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...apt],
    ]
  );
}

async function asRoot(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  if (findCommand(['sudo']) === undefined) return undefined;
  const { code } = await run('sudo', ['-n', 'true']);
  return code === 0 ? ['sudo', '-n'] : undefined;
}
