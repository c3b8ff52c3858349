import { loadConfig } from './config/load';
import type { RefresherConfig } from './config/schema';
import { describeError, EXIT_CODES, failureKind, RefresherError } from './errors';
import { createLogger, type Logger, SecretMask } from './log';
import { VERSION } from './version';

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_TIMEOUT_SECONDS = 60;

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds >= 0 && seconds <= 86_400)) {
    throw new RefresherError('usage', `--timeout must be 0 to 86400 seconds, received "${text}"`);
  }
  return seconds;
}

/** The subcommands, each loaded when it is the one. */
class Commands {
  constructor(
    private readonly env: Environment,
    private readonly mask: SecretMask,
  ) {}

  async run(): Promise<void> {
    const { config, log } = this.prepare();
    const { run } = await import('./commands/run');
    await run(config, log, this.mask);
  }

  async once(timeoutSeconds: number): Promise<void> {
    const { config, log } = this.prepare();
    const { once } = await import('./commands/once');
    await once(config, log, this.mask, timeoutSeconds);
  }

  async wait(timeoutSeconds: number): Promise<void> {
    const { wait } = await import('./commands/wait');
    await wait(loadConfig(this.env), timeoutSeconds);
  }

  async quit(): Promise<void> {
    const { quit } = await import('./commands/quit');
    await quit(loadConfig(this.env));
  }

  async check(): Promise<void> {
    const { check } = await import('./commands/check');
    process.stdout.write(check(loadConfig(this.env)));
  }

  private prepare(): { config: RefresherConfig; log: Logger } {
    const config = loadConfig(this.env);
    return { config, log: createLogger(config.logLevel, this.mask) };
  }
}

/** Everything but a bare `run`, which is what a container does and which doesn't wait for this to load. */
async function parse(args: readonly string[], commands: Commands): Promise<void> {
  const { Command, CommanderError } = await import('commander');
  const timeout = ['--timeout <seconds>', 'longest wait', parseSeconds, DEFAULT_TIMEOUT_SECONDS] as const;
  const program = new Command('refresher')
    .description('Keeps RDS IAM tokens fresh in files that a pooler or an application reads.')
    .version(VERSION)
    .exitOverride();
  program
    .command('run')
    .description('keep every token fresh until told to stop; the default')
    .action(() => commands.run());
  program
    .command('once')
    .description('publish every token once, then end')
    .option(...timeout)
    .action(options => commands.once(options.timeout));
  program
    .command('wait')
    .description('end once the refresher in this pod has published every token')
    .option(...timeout)
    .action(options => commands.wait(options.timeout));
  program
    .command('quit')
    .description('ask the refresher in this pod to end')
    .action(() => commands.quit());
  program
    .command('check')
    .description('judge the configuration and print it with every default')
    .action(() => commands.check());
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong, or printed the help that was asked for.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_CODES.usage;
  }
}

/** Ends the process badly: one JSON line on standard error, and the exit code of the kind of failure. */
function fail(error: unknown, mask: SecretMask): never {
  const kind = failureKind(error);
  const stack = kind === 'unexpected' && error instanceof Error ? error.stack : undefined;
  const line = { level: 'fatal', time: new Date().toISOString(), kind, msg: describeError(error), stack };
  process.stderr.write(`${mask.apply(JSON.stringify(line))}\n`);
  process.exit(EXIT_CODES[kind]);
}

/** Runs one command. Every way to end badly meets in `fail`. */
export async function main(args: readonly string[], env: Environment): Promise<void> {
  const mask = new SecretMask();
  process.on('uncaughtException', error => fail(error, mask));
  const commands = new Commands(env, mask);
  try {
    if (args.length === 0 || (args.length === 1 && args[0] === 'run')) await commands.run();
    else await parse(args, commands);
  } catch (error) {
    fail(error, mask);
  }
  // A request that nobody waits for any more must not hold the process.
  process.exit();
}
