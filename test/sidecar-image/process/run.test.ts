import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ContainerCredentials } from '../../support/aws/container-credentials';
import { Sts } from '../../support/aws/sts';
import { eventually } from '../../support/eventually';
import { LoginPath, USER } from '../../support/login-path';
import { Refresher, runRefresher, startRefresher } from '../../support/refresher';

let path: LoginPath;
let refresher: Refresher | undefined;

/** Long-term keys that the stand-in knows, as environment variables. */
function staticKeys(): Record<string, string> {
  const keys = path.registry.add({
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  });
  return { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey };
}

async function start(options: Parameters<typeof Refresher.start>[0]): Promise<Refresher> {
  refresher = await Refresher.start(options);
  return refresher;
}

beforeAll(async () => {
  path = await LoginPath.start({ tokenValiditySeconds: 3 });
});
afterAll(() => path.stop());
afterEach(async () => {
  await refresher?.stop();
  refresher = undefined;
  rmSync(path.userlist, { force: true });
});

describe('a pod that logs in', () => {
  it('keeps logging in through PgBouncer while tokens expire', async () => {
    const running = await start({ config: path.config(), env: staticKeys() });
    await running.waitForCode('/startup', 200);
    await path.startPgbouncer();
    const refusedBefore = path.rds.logins.refusedCount;

    const until = Date.now() + 10_000;
    let queries = 0;
    while (Date.now() < until) {
      expect(await path.query()).toEqual([{ user: USER }]);
      queries += 1;
      await new Promise(resolve => setTimeout(resolve, 100));
    }

    expect(queries).toBeGreaterThan(20);
    expect(path.rds.logins.refusedCount).toBe(refusedBefore);
    const { targets, poolers } = await running.status();
    // 10 s of tokens that live 3 s: a token from the start would have died long ago.
    expect(targets[0]?.publishes).toBeGreaterThanOrEqual(4);
    expect(poolers[0]).toMatchObject({ failedReloads: 0, version: expect.stringMatching(/^1\.\d+/) });
    expect(poolers[0]?.reloads).toBeGreaterThanOrEqual(3);
    expect(
      new Set(path.rds.logins.all.filter(login => login.accepted).map(({ at }) => at)).size,
    ).toBeGreaterThan(3);
  });

  it('answers for a pooler that is up, and for one that went away', async () => {
    const running = await start({ config: path.config(), env: staticKeys() });
    await running.waitForCode('/poolers/pgbouncer', 200);
    await path.stopPgbouncer();
    await running.waitForCode('/poolers/pgbouncer', 503);
    expect(await running.code('/readiness')).toBe(200);
    expect(await running.code('/liveness')).toBe(200);
  });
});

describe('credentials', () => {
  it.each([
    ['web-identity', (registry: LoginPath['registry']) => Sts.start({ registry })],
    ['container', (registry: LoginPath['registry']) => ContainerCredentials.start({ registry })],
  ] as const)('come from %s, and sign tokens the database accepts', async (source, endpoint) => {
    const aws = await endpoint(path.registry);
    try {
      const config = path.config({ credentials: source });
      const running = await start({ config, env: { ...aws.environment(), AWS_REGION: path.rds.region } });
      await running.waitForCode('/startup', 200);
      await path.startPgbouncer();
      expect(await path.query()).toEqual([{ user: USER }]);
      expect(aws.issuedCount).toBe(1);
      expect(running.output).not.toContain(aws.lastIssued?.secretAccessKey);
      expect(running.output).not.toContain(aws.lastIssued?.sessionToken);
    } finally {
      await path.stopPgbouncer();
      await aws.stop();
    }
  });

  it('that die before the token would decide when it expires', async () => {
    const aws = await ContainerCredentials.start({ registry: path.registry, issue: { lifetimeSeconds: 5 } });
    const config = path.config({ renewal: { tokenLifetimeSeconds: 900 } });
    const running = await start({ config, env: aws.environment() });
    await running.waitForCode('/startup', 200);
    const [target] = (await running.status()).targets;
    expect(target?.expiresAt).toBe(aws.lastIssued?.expiration.toISOString());
    expect(await running.metric('rds_iam_refresher_token_expiry_timestamp_seconds{target="default"}')).toBe(
      (aws.lastIssued?.expiration.getTime() ?? 0) / 1000,
    );

    await aws.goDown();
    // Ready to the last: the published token still logs in.
    expect(await running.code('/readiness')).toBe(200);
    await running.waitForCode('/readiness', 503);
    expect(Date.now()).toBeGreaterThanOrEqual(
      aws.lastIssued?.expiration.getTime() ?? Number.POSITIVE_INFINITY,
    );
    expect(await running.code('/liveness')).toBe(200);
    await aws.comeBack();
    await running.waitForCode('/readiness', 200);
    await aws.stop();
  });

  it('that come back unchanged are not published again', async () => {
    const aws = await ContainerCredentials.start({ registry: path.registry, issue: { lifetimeSeconds: 4 } });
    aws.faults.cached = true;
    const running = await start({
      config: path.config({ renewal: { tokenLifetimeSeconds: 900 } }),
      env: aws.environment(),
    });
    await running.waitForCode('/startup', 200);
    await running.process.waitForOutput(/waiting for the source to renew them/);
    expect((await running.status()).targets[0]).toMatchObject({ publishes: 1, alive: true });
    aws.faults.cached = false;
    await running.process.waitForOutput(/"publishes":2/);
    await aws.stop();
  });
});

describe('files', () => {
  it('are private to the pod, and put back when somebody removes them', async () => {
    const running = await start({ config: path.config({ renewal: {} }), env: staticKeys() });
    await running.waitForCode('/startup', 200);
    expect((statSync(path.userlist).mode & 0o7777).toString(8)).toBe('640');
    expect((statSync(path.caBundle).mode & 0o7777).toString(8)).toBe('644');
    const published = readFileSync(path.userlist, 'utf8');
    rmSync(path.userlist);
    await eventually(() => existsSync(path.userlist), { timeout: 8_000 });
    expect(readFileSync(path.userlist, 'utf8')).toBe(published);
    expect((await running.status()).files[0]?.repairs).toBe(1);
  });

  it('of several formats and targets stand side by side', async () => {
    const outputs = (name: string) => [
      { format: 'pgbouncer-userlist' as const, path: path.userlist },
      { format: 'pgpass' as const, path: join(path.shared, 'pgpass') },
      { format: 'token' as const, path: join(path.shared, `${name}.token`) },
      { format: 'mysql-option-file' as const, path: join(path.shared, `${name}.cnf`) },
    ];
    const target = (name: string) => ({
      name,
      host: 'localhost',
      port: 5432,
      user: name,
      region: 'eu-central-1',
      outputs: outputs(name),
    });
    const config = { targets: [target('reader'), target('writer')], renewal: {} };
    const { code } = await runRefresher(['once'], { config, env: staticKeys() });
    expect(code).toBe(0);
    const userlist = readFileSync(path.userlist, 'utf8').trimEnd().split('\n');
    expect(userlist.map(line => line.split(' ')[0])).toEqual(['"reader"', '"writer"']);
    const token = readFileSync(join(path.shared, 'writer.token'), 'utf8');
    expect(userlist[1]).toBe(`"writer" "${token}"`);
    expect(statSync(join(path.shared, 'pgpass')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(path.shared, 'reader.cnf'), 'utf8')).toContain('[client]\n');
  });
});

describe('the end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with 0, files in place', async signal => {
    const running = await start({ config: path.config({ renewal: {} }), env: staticKeys() });
    await running.waitForCode('/startup', 200);
    expect(await running.process.stop(signal)).toEqual({ code: 0, signal: null });
    expect(existsSync(path.userlist)).toBe(true);
  });

  it('quit ends the refresher of the same pod, and says so when there is none', async () => {
    const config = path.config({ renewal: {} });
    const running = await start({ config, env: staticKeys() });
    const waited = await runRefresher(['wait', '--timeout', '10'], { env: running.env });
    expect(waited.code).toBe(0);
    expect((await runRefresher(['quit'], { env: running.env })).code).toBe(0);
    expect(await running.process.exited).toEqual({ code: 0, signal: null });
    expect((await runRefresher(['quit'], { env: running.env })).code).toBe(9);
    expect((await runRefresher(['wait', '--timeout', '0.2'], { env: running.env })).code).toBe(8);
  });

  it.each([
    ['once', 4, /not published before SIGTERM: default: credentials /],
    ['wait', 8, /nothing published before SIGTERM/],
  ])('%s ends at once when told to, and says why nothing came of it', async (command, code, message) => {
    const config = path.config({ credentials: 'web-identity' });
    const waiting = await startRefresher([command], { config });
    await new Promise(resolve => setTimeout(resolve, 500));
    expect(await waiting.stop('SIGTERM', 3_000)).toEqual({ code, signal: null });
    expect(waiting.stderr).toMatch(message);
  });

  it('a port that is taken ends it with 7 after the first publish', async () => {
    const { listeningPort } = path.rds;
    const config = path.config({ renewal: {}, listen: { probePort: listeningPort } });
    const running = await start({ config, env: staticKeys() });
    expect((await running.process.exited).code).toBe(7);
    expect(existsSync(path.userlist)).toBe(true);
  });
});

describe('exit codes of what can not work', () => {
  it.each([
    ['no configuration', {}, 3, /name at least one output/],
    ['a file that is not there', { REFRESHER_CONFIG: '/nowhere.json' }, 3, /nowhere\.json/],
    ['an unknown variable', { REFRESHER_USRLIST: '/x' }, 3, /unknown variable REFRESHER_USRLIST/],
  ])('%s', async (_name, env, code, message) => {
    const finished = await runRefresher([], { env });
    expect(finished.code).toBe(code);
    expect(finished.stderr).toMatch(message);
  });

  it('no credentials: 4, and what to do', async () => {
    const config = path.config({ credentials: 'web-identity' });
    const finished = await runRefresher(['once', '--timeout', '0.5'], { config, env: {} });
    expect(finished.code).toBe(4);
    expect(finished.stderr).toContain('eks.amazonaws.com/role-arn');
  });

  it('a volume that is not there: 6', async () => {
    const config = path.config({ caBundle: undefined, poolers: [] });
    const [target] = config.targets;
    if (target) target.outputs = [{ format: 'token', path: '/nowhere/token' }];
    const finished = await runRefresher(['once', '--timeout', '0.5'], { config, env: staticKeys() });
    expect(finished.code).toBe(6);
    expect(finished.stderr).toContain('/nowhere/token');
  });

  it('a command that does not exist: 2', async () => {
    const finished = await runRefresher(['publish'], { config: path.config(), env: {} });
    expect(finished.code).toBe(2);
    expect(finished.stderr).toContain("unknown command 'publish'");
  });
});
