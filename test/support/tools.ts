/** Runs once before the tests: installs the programs they drive, where those are missing and it takes no password. */
import { installPackages } from './install';
import { PGBOUNCER_FOLDERS } from './pgbouncer';
import { findCommand } from './process';

interface Tool {
  readonly command: string;
  /** Where it may be besides PATH. */
  readonly folders: readonly string[];
  readonly apt: string;
  readonly brew: string;
}

const TOOLS: readonly Tool[] = [
  { command: 'pgbouncer', folders: PGBOUNCER_FOLDERS, apt: 'pgbouncer', brew: 'pgbouncer' },
  {
    command: 'psql',
    folders: ['/opt/homebrew/opt/libpq/bin', '/usr/local/opt/libpq/bin'],
    apt: 'postgresql-client',
    brew: 'libpq',
  },
  {
    command: 'my_print_defaults',
    folders: ['/opt/homebrew/opt/mysql-client/bin'],
    apt: 'default-mysql-client',
    brew: 'mysql-client',
  },
];

const missingTools = () =>
  TOOLS.filter(({ command, folders }) => findCommand([command], folders) === undefined);

/** A test whose program is still missing says so itself, and fails. */
export async function setup(): Promise<void> {
  const missing = missingTools();
  if (missing.length === 0) return;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say(`${missing.map(({ command }) => command).join(', ')} not found. Installing, which may take a minute:`);
  const problem = await installPackages(
    { apt: missing.map(({ apt }) => apt), brew: missing.map(({ brew }) => brew) },
    say,
  );
  const left = missingTools();
  if (left.length === 0) return;
  if (problem) say(problem);
  say(`Install them by hand: sudo apt-get install ${left.map(({ apt }) => apt).join(' ')}`);
}
