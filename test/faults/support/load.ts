import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { USER } from '../../support/login-path';

/** An application's trouble. */
export interface Failure {
  /** Milliseconds since the epoch, when it was told. */
  readonly at: number;
  readonly message: string;
}

const PERSISTENT = 6;
const CONNECTING = 4;
/** Milliseconds between two transactions of a client. */
const PAUSE = 20;
/** A client that waits longer than this has given up: PgBouncer's own limit is 120 s. */
const PATIENCE_MS = 20_000;

/**
 * An application: clients that keep their connection to the pooler, and clients that make a new one for each
 * transaction. Nothing is retried, so that whatever goes wrong counts.
 */
export class Load {
  transactions = 0;
  readonly failures: Failure[] = [];
  /** Milliseconds of the transaction that took longest. */
  longest = 0;
  /** When the last one succeeded, milliseconds since the epoch. */
  lastSuccess = 0;
  private stopped = false;
  private readonly clients: Promise<void>[];

  constructor(private readonly port: number) {
    this.clients = [
      ...Array.from({ length: PERSISTENT }, () => this.persistent()),
      ...Array.from({ length: CONNECTING }, () => this.connecting()),
    ];
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  private async persistent(): Promise<void> {
    let client: Client | undefined;
    while (!this.stopped) {
      await this.transaction(async () => {
        client ??= await this.connect();
        await client.query('select 1');
      }).catch(() => {
        client?.end().catch(() => {});
        client = undefined;
      });
      await sleep(PAUSE);
    }
    await client?.end().catch(() => {});
  }

  private async connecting(): Promise<void> {
    while (!this.stopped) {
      await this.transaction(async () => {
        const client = await this.connect();
        try {
          await client.query('select 1');
        } finally {
          client.end().catch(() => {});
        }
      }).catch(() => {});
      await sleep(PAUSE);
    }
  }

  private async transaction(work: () => Promise<void>): Promise<void> {
    const started = performance.now();
    this.transactions += 1;
    try {
      await work();
      this.lastSuccess = Date.now();
    } catch (error) {
      this.failures.push({ at: Date.now(), message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      this.longest = Math.max(this.longest, performance.now() - started);
    }
  }

  private async connect(): Promise<Client> {
    const client = new Client({
      host: '127.0.0.1',
      port: this.port,
      user: USER,
      database: 'app',
      connectionTimeoutMillis: PATIENCE_MS,
      query_timeout: PATIENCE_MS,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}
