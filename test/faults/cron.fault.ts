import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContainerCredentials } from '../support/aws/container-credentials';
import { LoginPath, USER } from '../support/login-path';
import { Pgbouncer } from '../support/pgbouncer';
import { findCommand, RunningProcess, run } from '../support/process';
import { unprivileged } from '../support/unprivileged';
import { Load } from './support/load';
import { record } from './support/table';

/** Two minutes are to fifteen as this is to that. Longer than elsewhere: a run of the AWS CLI can't be scaled. */
const PERIOD_SECONDS = 4;
const TOKEN_SECONDS = 30;

const SCRIPT = fileURLToPath(new URL('support/crond.sh', import.meta.url));

/** The AWS CLI. The distribution's comes first: one from pip may not get along with its neighbours. */
function findAws(): string {
  const found = existsSync('/usr/bin/aws') ? '/usr/bin/aws' : findCommand(['aws']);
  if (found === undefined)
    throw new Error('the AWS CLI is missing: install it with "apt-get install awscli"');
  return found;
}

let path: LoginPath;
let agent: ContainerCredentials;
let pooler: Pgbouncer | undefined;
let crond: RunningProcess | undefined;
let load: Load | undefined;

beforeAll(async () => {
  path = await LoginPath.start({ tokenValiditySeconds: TOKEN_SECONDS });
});
afterAll(() => path.stop());
beforeEach(async () => {
  agent = await ContainerCredentials.start({ registry: path.registry });
  writeFileSync(path.caBundle, path.rds.ca);
});
afterEach(async () => {
  await load?.stop();
  crond?.killGroup('SIGKILL');
  await crond?.exited;
  await pooler?.stop();
  path.rds.dropConnections();
  await agent.stop();
});

function cronEnv(reload: boolean): NodeJS.ProcessEnv {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI } = agent.environment();
  return {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    AWS: findAws(),
    PSQL: findCommand(['psql']),
    ...(reload && { ADMIN: `host=${path.sockets} port=${path.poolerPort} user=pgbouncer dbname=pgbouncer` }),
    PERIOD: `${PERIOD_SECONDS}`,
    RUNS: '60',
    USERLIST: path.userlist,
    DB_HOST: path.rds.host,
    DB_PORT: `${path.rds.port}`,
    DB_USER: USER,
    AWS_REGION: path.rds.region,
    AWS_CONTAINER_CREDENTIALS_FULL_URI,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: readFileSync(agent.tokenFile, 'utf8'),
  };
}

/** As in the write-ups: their settings, and logins as frequent as in the rest of this suite. */
function startPooler(): Promise<Pgbouncer> {
  return Pgbouncer.start({
    ini: [
      '[databases]',
      `app = host=localhost port=${path.rds.listeningPort} dbname=${path.postgres.database} user=${USER}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${path.poolerPort}`,
      `unix_socket_dir = ${path.sockets}`,
      'auth_type = trust',
      `auth_file = ${path.userlist}`,
      'admin_users = pgbouncer',
      'pool_mode = transaction',
      'server_tls_sslmode = verify-full',
      `server_tls_ca_file = ${path.caBundle}`,
      'server_lifetime = 1',
    ].join('\n'),
  });
}

interface Today {
  readonly fault: string;
  readonly reload: boolean;
  readonly seconds: number;
  readonly during?: () => Promise<void>;
}

async function measure({
  fault,
  reload,
  seconds,
  during,
}: Today): Promise<{ failed: number; refused: number }> {
  const env = cronEnv(reload);
  const options = { env, identity: unprivileged() };
  // An init container writes the first file, as cron's first run is minutes away.
  const first = await run('/bin/sh', [SCRIPT, 'once'], { ...options, env: { ...env, ADMIN: '' } });
  expect(first.stderr).toBe('');
  crond = await RunningProcess.start('/bin/sh', [SCRIPT], options);
  pooler = await startPooler();
  const begun = Date.now();
  load = new Load(path.poolerPort);
  await Promise.all([sleep(seconds * 1000), during?.()]);
  await load.stop();
  const lasted = (Date.now() - begun) / 1000;
  const refused = path.rds.logins.all.filter(({ accepted, at }) => !accepted && at >= begun).length;
  const lastFailure = Math.max(0, ...load.failures.map(({ at }) => at));
  const recovered = lastFailure === 0 ? undefined : load.lastSuccess > lastFailure ? undefined : null;
  record({
    section: 'cron',
    fault,
    seconds: lasted,
    transactions: load.transactions,
    failed: load.failures.length,
    refused,
    ...(recovered === null && { recovery: null }),
    note: `longest wait ${(load.longest / 1000).toFixed(1)} s`,
  });
  return { failed: load.failures.length, refused };
}

describe('cron and the AWS CLI', () => {
  it('without a reload every login fails once the first token is dead', async () => {
    const { refused } = await measure({
      fault: 'cron + AWS CLI, none',
      reload: false,
      seconds: TOKEN_SECONDS * 1.5,
    });
    expect(refused).toBeGreaterThan(0);
    // The file is fresh all the while: nobody told PgBouncer.
    expect(readFileSync(path.userlist, 'utf8')).toContain('X-Amz-Signature');
  });

  it('with a reload after each write', async () => {
    await measure({ fault: 'cron + AWS CLI + RELOAD, none', reload: true, seconds: TOKEN_SECONDS * 1.5 });
  });

  it('with a reload, and a source of credentials that is down for a moment', async () => {
    const { failed } = await measure({
      fault: `cron + AWS CLI + RELOAD, container endpoint is down for ${2 * PERIOD_SECONDS} s`,
      reload: true,
      seconds: TOKEN_SECONDS,
      during: async () => {
        await sleep(TOKEN_SECONDS * 250);
        await agent.goDown();
        await sleep(2 * PERIOD_SECONDS * 1000);
        await agent.comeBack();
      },
    });
    expect(failed).toBeGreaterThan(0);
  });
});
