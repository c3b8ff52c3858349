import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually';
import { USER } from '../support/login-path';
import {
  expectTruthful,
  expectUnnoticed,
  FaultPath,
  HICCUP_SECONDS,
  OUTAGE_SECONDS,
  type Outcome,
  Pod,
} from './support/pod';

/** What PgBouncer needs to hear of a token that was published while it could not: a retry of the reload, and its own wait. */
const CAUGHT_UP_SECONDS = 1 + 1 + 1.5;

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

/** The pooler is the application's way: without it nothing gets through. But no login is refused, and the token stays alive. */
function expectPoolerOnly(pod: Pod, outcome: Outcome): void {
  expectTruthful(pod);
  expect(outcome).toMatchObject({ unreadySeconds: 0, deadSeconds: 0 });
  expect(outcome.refresherRecovery).toBeLessThanOrEqual(CAUGHT_UP_SECONDS);
  expect(outcome.loginRecovery).toBeLessThanOrEqual(CAUGHT_UP_SECONDS);
}

it('is down for longer than a token lives', async () => {
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'pooler',
    fault: 'PgBouncer down, for longer than a token lives',
    seconds: OUTAGE_SECONDS,
    begin: () => scene.path.stopPgbouncer(),
    end: () => scene.path.startPgbouncer(),
  });
  expectPoolerOnly(pod, outcome);
  expect(outcome.refused).toBe(0);
});

it('restarts', async () => {
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'pooler',
    fault: 'PgBouncer restarts three times',
    seconds: 6,
    begin: async () => {
      for (let i = 0; i < 3; i += 1) {
        await scene.path.pgbouncer.restart();
        await new Promise(resolve => setTimeout(resolve, 1_500));
      }
    },
  });
  expectPoolerOnly(pod, outcome);
  expect(outcome.refused).toBe(0);
});

it.each([
  ['for a moment', HICCUP_SECONDS],
  ['for longer than a token lives', OUTAGE_SECONDS],
])('hangs %s', async (name, seconds) => {
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'pooler',
    fault: `PgBouncer hangs (SIGSTOP) on a RELOAD, ${name}`,
    seconds,
    atRenewal: true,
    begin: () => scene.path.pgbouncer.signal('SIGSTOP'),
    end: () => scene.path.pgbouncer.signal('SIGCONT'),
  });
  if (seconds === HICCUP_SECONDS) expectUnnoticed(pod, outcome);
  else expectPoolerOnly(pod, outcome);
});

it.each([
  ['for a moment', HICCUP_SECONDS],
  ['for longer than a token lives', OUTAGE_SECONDS],
])('refuses the admin user %s', async (name, seconds) => {
  // PgBouncer never refuses the user "pgbouncer" of its own uid. Any other has to be named, and to be in the auth_file.
  const poolers = scene.path.config().poolers?.map(pooler => ({ ...pooler, adminUser: USER }));
  const pod = await Pod.start(scene, { config: { poolers } });
  const ini = join(scene.path.pgbouncer.folder, 'pgbouncer.ini');
  const both = readFileSync(ini, 'utf8').replace(
    'admin_users = pgbouncer',
    `admin_users = pgbouncer, ${USER}`,
  );
  writeFileSync(ini, both);
  // Over the console: to make it read the file would take a reload that nobody chose the moment of.
  const { sockets, poolerPort } = scene.path;
  const admin = new Client({ host: sockets, port: poolerPort, user: 'pgbouncer', database: 'pgbouncer' });
  await admin.connect();
  await admin.query(`SET admin_users = 'pgbouncer, ${USER}'`);
  await eventually(async () => (await pod.status()).poolers.every(({ reloadPending }) => !reloadPending));
  const outcome = await pod.suffer({
    section: 'pooler',
    fault: `PgBouncer refuses the admin user, ${name}`,
    seconds,
    atRenewal: true,
    begin: () => admin.query("SET admin_users = 'pgbouncer'"),
    end: async () => {
      await admin.query(`SET admin_users = 'pgbouncer, ${USER}'`);
      await admin.end();
    },
  });
  expect(pod.refresher.output).toContain('not allowed');
  if (seconds === HICCUP_SECONDS) expectUnnoticed(pod, outcome);
  else expectPoolerOnly(pod, outcome);
});

it('starts before the first publish, and after it', async () => {
  const { path } = scene;
  rmSync(path.userlist, { force: true });
  await scene.agent.goDown();
  const pod = await Pod.start(scene, { withoutPooler: true });
  // PgBouncer verifies servers with the CA bundle, which the refresher puts there before it asks for anything.
  await pod.refresher.process.waitUntil(
    'published the CA bundle',
    () => readFileSync(path.caBundle, 'utf8') !== '',
  );
  // It could not verify the server without the CA bundle, which is there before anything is asked of AWS.
  await path.startPgbouncer();
  pod.startLoad();
  const outcome = await pod.suffer({
    section: 'pooler',
    fault: 'PgBouncer starts 4 s before the first publish',
    seconds: 4,
    begin: () => {},
    end: () => scene.agent.comeBack(),
  });
  expectTruthful(pod);
  expect(outcome.refused).toBe(0);
  expect(outcome.loginRecovery).toBeLessThanOrEqual(CAUGHT_UP_SECONDS);

  const late = await Pod.start(scene);
  const outcomeLate = await late.suffer({
    section: 'pooler',
    fault: 'PgBouncer starts after the first publish',
    seconds: 2,
    begin: () => {},
  });
  expectUnnoticed(late, outcomeLate);
});

it('stays unready for its own probe alone while it is down', async () => {
  const pod = await Pod.start(scene);
  await scene.path.stopPgbouncer();
  await eventually(async () => (await pod.refresher.code('/poolers/pgbouncer')) === 503);
  expect(await pod.refresher.code('/readiness')).toBe(200);
  expect(await pod.refresher.code('/liveness')).toBe(200);
  await pod.stop();
});
