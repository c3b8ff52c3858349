import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type EventuallyOptions, eventually, Hopeless, type Truth } from './eventually';
import { onExit } from './exit';
import type { Identity } from './unprivileged';

export interface ProcessOptions {
  /** The whole environment of the process. @default - that of this process */
  readonly env?: NodeJS.ProcessEnv;
  /** @default - that of this process */
  readonly cwd?: string;
  /** Whom to run as, see `unprivileged()`. @default - as ourselves */
  readonly identity?: Identity;
  /** Written to the process's standard input, which is then closed. @default - nothing */
  readonly input?: string;
  /** Sent when this process ends while the child still runs. @default SIGKILL */
  readonly exitSignal?: NodeJS.Signals;
}

/** How a process ended: one of the two is set. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A child process with what it printed so far. Neither it nor its own children outlive this process: it leads a process
 * group, which is killed as a whole. So a Ctrl-C in the terminal does not reach it either; who starts it stops it.
 */
export class RunningProcess {
  /** All it printed so far. */
  stdout = '';
  stderr = '';
  /** Settles when the process is gone and its output is complete; never rejects. */
  readonly exited: Promise<Exit>;
  private exit: Exit | undefined;

  private constructor(
    readonly command: string,
    private readonly child: ChildProcess,
    exitSignal: NodeJS.Signals,
  ) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // A process may end without reading its input.
    child.stdin?.on('error', () => {});
    const forget = onExit(() => this.killGroup(exitSignal));
    this.exited = new Promise(resolve => {
      child.once('close', (code, signal) => {
        forget();
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  /** @throws when the command can't be started at all. */
  static async start(
    command: string,
    args: readonly string[] = [],
    options: ProcessOptions = {},
  ): Promise<RunningProcess> {
    const { env, cwd, identity, input, exitSignal = 'SIGKILL' } = options;
    const child = spawn(command, args, {
      env: env ?? process.env,
      cwd,
      ...identity,
      stdio: 'pipe',
      detached: true,
    });
    await once(child, 'spawn');
    const running = new RunningProcess(command, child, exitSignal);
    child.stdin.end(input ?? '');
    return running;
  }

  get pid(): number {
    // Only a command that can't be started has none.
    return this.child.pid as number;
  }

  get running(): boolean {
    return this.exit === undefined;
  }

  /** Standard output, then standard error. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends a signal to it and all that it started. */
  killGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // They are gone already.
    }
  }

  /**
   * The first match in what the process printed, now or later.
   *
   * @throws when the process ends, or the time runs out, without a match.
   */
  async waitForOutput(pattern: RegExp, options?: EventuallyOptions): Promise<RegExpExecArray> {
    return this.waitUntil(`printed ${pattern}`, () => pattern.exec(this.output) ?? undefined, options);
  }

  /**
   * Waits until `condition` holds, and gives its answer.
   *
   * @throws when the process ends, or the time runs out, before.
   */
  async waitUntil<T>(
    description: string,
    condition: () => T | Promise<T>,
    options?: EventuallyOptions,
  ): Promise<Truth<T>> {
    return eventually(async () => {
      // Read before asking, so that what it did last still counts.
      const { exit } = this;
      let problem = 'not yet';
      try {
        const answer = await condition();
        if (answer !== undefined && answer !== false) return answer as Truth<T>;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      if (exit) problem = `it ended with ${exit.signal ?? `status ${exit.code}`}`;
      const report = `${this.command} never ${description}: ${problem}\n--- its output ---\n${this.output}`;
      throw exit ? new Hopeless(report) : new Error(report);
    }, options);
  }

  /** Sends `signal`, and SIGKILL where that has not ended the process after `timeout` milliseconds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeout = 10_000): Promise<Exit> {
    this.child.kill(signal);
    const timer = setTimeout(() => this.killGroup('SIGKILL'), timeout);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A finished process. */
export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end. A status other than 0 is no error here.
 *
 * @throws when it can't be started.
 */
export async function run(
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions & {
    /** Milliseconds until it is killed. @default 60_000 */ readonly timeout?: number;
  } = {},
): Promise<Finished> {
  const running = await RunningProcess.start(command, args, options);
  const timer = setTimeout(() => running.killGroup('SIGKILL'), options.timeout ?? 60_000);
  const exit = await running.exited;
  clearTimeout(timer);
  return { ...exit, stdout: running.stdout, stderr: running.stderr };
}

/** The first of `names` found in `PATH` or in one of `folders`. */
export function findCommand(names: readonly string[], folders: readonly string[] = []): string | undefined {
  const searched = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...folders];
  for (const name of names) {
    for (const folder of searched) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here: look on.
      }
    }
  }
  return undefined;
}
