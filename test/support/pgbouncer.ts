import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { findCommand, RunningProcess } from './process';
import { removeFolder, tempFolder } from './temp';
import { giveToUnprivileged, unprivileged } from './unprivileged';

/** Where Debian and Homebrew put it, which `PATH` may lack. */
export const PGBOUNCER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

export interface PgbouncerOptions {
  /** Text of `pgbouncer.ini`, or a function that makes it from the folder it will lie in. */
  readonly ini?: string | ((folder: string) => string);
  /** Path of an ini file that exists already; instead of `ini`. */
  readonly iniPath?: string;
  /** Where `ini` is put. @default - a temporary folder, removed by `stop` */
  readonly folder?: string;
}

/** A real PgBouncer. */
export class Pgbouncer {
  /** Folder of the ini file. */
  readonly folder: string;
  private current: RunningProcess | undefined;
  private earlier = '';

  private constructor(
    private readonly iniPath: string,
    private readonly ownsFolder: boolean,
  ) {
    this.folder = dirname(iniPath);
  }

  /**
   * Starts PgBouncer and waits until it accepts connections. Under root it runs as `unprivileged()`, and its folder is
   * given to that user.
   *
   * @throws when PgBouncer is not installed, or does not start; the error quotes its log.
   */
  static async start(options: PgbouncerOptions): Promise<Pgbouncer> {
    const folder = options.folder ?? (options.iniPath ? dirname(options.iniPath) : tempFolder('pgbouncer'));
    const iniPath = options.iniPath ?? join(folder, 'pgbouncer.ini');
    if (options.ini !== undefined) {
      writeFileSync(iniPath, typeof options.ini === 'string' ? options.ini : options.ini(folder));
    }
    const pgbouncer = new Pgbouncer(iniPath, options.folder === undefined && options.iniPath === undefined);
    try {
      await pgbouncer.launch();
    } catch (error) {
      await pgbouncer.stop();
      throw error;
    }
    return pgbouncer;
  }

  /** All it logged, over restarts too. */
  get log(): string {
    return this.earlier + (this.current?.output ?? '');
  }

  get pid(): number {
    return this.current?.pid ?? -1;
  }

  get running(): boolean {
    return this.current?.running ?? false;
  }

  /** `listen_port` of the ini file. */
  get port(): number {
    return Number(setting(readFileSync(this.iniPath, 'utf8'), 'listen_port') ?? 6432);
  }

  /** Sends a signal, such as SIGHUP to make it read its files again. */
  signal(name: NodeJS.Signals): void {
    this.current?.kill(name);
  }

  /** Stops it at once and starts it again on the same ini file. */
  async restart(): Promise<void> {
    await this.end();
    await this.launch();
  }

  /** Ends it at once, open connections or not, and removes its folder if it was made here. */
  async stop(): Promise<void> {
    await this.end();
    if (this.ownsFolder) removeFolder(this.folder);
  }

  private async end(): Promise<void> {
    // SIGTERM is immediate up to 1.22, and waits for clients from 1.23 on; SIGQUIT is immediate since then.
    // SIGKILL is the same everywhere, and PgBouncer has no state to save: but its socket file stays behind.
    await this.current?.stop('SIGKILL');
    this.earlier = this.log;
    this.current = undefined;
    const socket = this.socketPath();
    if (socket) removeFolder(socket);
  }

  private async launch(): Promise<void> {
    giveToUnprivileged(this.folder);
    this.current = await RunningProcess.start(findPgbouncer(), [this.iniPath], {
      cwd: this.folder,
      identity: unprivileged(),
    });
    await this.current.waitUntil('accepted connections', () => this.accepts());
  }

  /** By TCP where it listens there, else by its unix socket. */
  private async accepts(): Promise<boolean> {
    const ini = readFileSync(this.iniPath, 'utf8');
    const socket = this.socketPath();
    if (!setting(ini, 'listen_addr') && socket) return existsSync(socket);
    return canConnect(this.port);
  }

  private socketPath(): string | undefined {
    const folder = setting(readFileSync(this.iniPath, 'utf8'), 'unix_socket_dir');
    return folder && join(folder, `.s.PGSQL.${this.port}`);
  }
}

/** @throws when PgBouncer is not on this machine; the error says how to install it. */
export function findPgbouncer(): string {
  const found = findCommand(['pgbouncer'], PGBOUNCER_FOLDERS);
  if (found) return found;
  throw new Error(
    'pgbouncer is neither in PATH nor in /usr/sbin: install it with "apt-get install pgbouncer" (Debian, Ubuntu) ' +
      'or "brew install pgbouncer" (macOS)',
  );
}

function setting(ini: string, name: string): string | undefined {
  return new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*(.*?)[ \\t]*$`, 'm').exec(ini)?.[1] || undefined;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
