import type { Clock } from '../clock';
import type { PoolerConfig } from '../config/schema';
import { describeError } from '../errors';
import { type AdminConsole, isAbsent } from './admin-console';
import { type PublishedUserlist, reloadAndConfirm } from './reload';

/** Delay before a reload is tried again, in milliseconds: a token's renewal leaves minutes, a starting pooler seconds. */
const RETRY_MS = 1_000;

export interface ReloaderPorts {
  readonly clock: Clock;
  readonly connect: (pooler: PoolerConfig) => Promise<AdminConsole>;
  readonly userlist: (path: string) => PublishedUserlist;
}

export interface ReloaderEvents {
  confirmed(pooler: PoolerConfig, seconds: number): void;
  /** `absent`: nothing listens yet, which is no error; it reads the file when it starts. */
  deferred(pooler: PoolerConfig, reason: 'absent' | 'failed', error: unknown): void;
}

/** What is known of one pooler. */
export interface PoolerState {
  readonly config: PoolerConfig;
  /** A publish that no reload has confirmed yet. */
  pending: boolean;
  confirmed: number;
  failed: number;
  /** As the console said at the last reload. */
  version?: string;
  /** From the publish to the confirmed reload, of the last one. */
  lastSeconds?: number;
  lastFailure?: string;
}

/** Keeps one PgBouncer up to date with its file: a request is held until a reload is confirmed. */
export class Reloader {
  readonly state: PoolerState;
  private requestedAt = 0;
  private requests = 0;
  private wake = new AbortController();

  constructor(
    config: PoolerConfig,
    private readonly ports: ReloaderPorts,
    private readonly events: ReloaderEvents,
  ) {
    this.state = { config, pending: false, confirmed: 0, failed: 0 };
  }

  /** The file was replaced. */
  request(): void {
    this.requestedAt = this.ports.clock.now().monotonic;
    this.requests += 1;
    this.state.pending = true;
    this.wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.wake.abort();
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      this.wake = new AbortController();
      if (this.state.pending) await this.tryOnce(signal);
      if (signal.aborted) break;
      const idle = this.state.pending ? RETRY_MS : Number.POSITIVE_INFINITY;
      await this.idle(idle);
    }
    signal.removeEventListener('abort', stop);
  }

  /** Whether PgBouncer accepts connections and answers, right now. */
  async probe(): Promise<void> {
    const console = await this.ports.connect(this.state.config);
    try {
      await console.version();
    } finally {
      await console.close();
    }
  }

  private async idle(ms: number): Promise<void> {
    const { signal } = this.wake;
    // Timers can't wait for ever; nothing is lost by waking once an hour.
    if (!signal.aborted) await this.ports.clock.sleep(Math.min(ms, 3_600_000), signal);
  }

  private async tryOnce(signal: AbortSignal): Promise<void> {
    const { config } = this.state;
    const request = this.requests;
    let console: AdminConsole | undefined;
    try {
      console = await this.ports.connect(config);
      const userlist = this.ports.userlist(config.authFile);
      this.state.version = await reloadAndConfirm(config, userlist, console, this.ports.clock, signal);
      this.state.confirmed += 1;
      this.state.lastFailure = undefined;
      this.state.lastSeconds = (this.ports.clock.now().monotonic - this.requestedAt) / 1000;
      // A publish during the reload may have come too late for it.
      this.state.pending = this.requests !== request;
      this.events.confirmed(config, this.state.lastSeconds);
    } catch (error) {
      const absent = console === undefined && isAbsent(error);
      if (!absent) this.state.failed += 1;
      this.state.lastFailure = describeError(error);
      this.events.deferred(config, absent ? 'absent' : 'failed', error);
    } finally {
      await console?.close().catch(() => {});
    }
  }
}
