/**
 * The app of the demo's pod: one query a second, over a connection that it keeps, as most apps do. It knows the pooler by
 * libpq's variables, which the pod gives it, and no password at all.
 *
 * It reports on standard output, in lines of JSON: see `app-report.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { AppLine } from './app-report';

const PERIOD_MS = 1000;
/** A query that takes longer has failed. */
const TIMEOUT_MS = 10_000;

let client: Client | undefined;

async function connected(): Promise<Client> {
  if (client) return client;
  const fresh = new Client({ query_timeout: TIMEOUT_MS, connectionTimeoutMillis: TIMEOUT_MS });
  fresh.on('error', forget);
  await fresh.connect();
  client = fresh;
  return fresh;
}

function forget(): void {
  client?.end().catch(() => {});
  client = undefined;
}

async function query(): Promise<void> {
  report({ state: 'asked' });
  const begun = performance.now();
  let error: string | undefined;
  try {
    await (await connected()).query('select current_user');
  } catch (caught) {
    error = caught instanceof Error ? caught.message : String(caught);
    forget();
  }
  const ms = Math.round(performance.now() - begun);
  report(error === undefined ? { state: 'answered', ms } : { state: 'failed', ms, error });
}

function report(line: AppLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function queryForever(): Promise<never> {
  let next = performance.now();
  for (;;) {
    await query();
    // A slow query delays the next one; those that it held up are not made up for.
    next = Math.max(next + PERIOD_MS, performance.now());
    await sleep(next - performance.now());
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
void queryForever();
