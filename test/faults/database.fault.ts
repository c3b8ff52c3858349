import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectTruthful, FaultPath, type Outcome, Pod } from './support/pod';

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

/** PgBouncer's own wait after a failed login, and what a busy machine adds. */
const LOGGED_IN_AGAIN_SECONDS = 1 + 1.5;

/** The refresher never talks to the database: rotations go on, and nobody is refused for the token. */
function expectDatabaseOnly(pod: Pod, outcome: Outcome): void {
  expectTruthful(pod);
  expect(outcome).toMatchObject({ unreadySeconds: 0, deadSeconds: 0 });
  expect(outcome.rotations).toBeGreaterThanOrEqual(2);
  const { refusedByReason } = scene.path.rds.logins;
  expect(Object.keys(refusedByReason).filter(reason => reason !== 'fault')).toEqual([]);
  expect(outcome.loginRecovery).toBeLessThanOrEqual(LOGGED_IN_AGAIN_SECONDS);
}

it('is down', async () => {
  const { rds } = scene.path;
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'database',
    fault: 'database down',
    seconds: 6,
    begin: () => rds.goDown(),
    end: () => rds.comeBack(),
  });
  expectDatabaseOnly(pod, outcome);
});

it('refuses every login for a while', async () => {
  const { rds } = scene.path;
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'database',
    fault: 'database refuses every login',
    seconds: 6,
    begin: () => {
      rds.faults.refuseLogins = true;
    },
    end: () => {
      rds.faults.refuseLogins = false;
    },
  });
  expectDatabaseOnly(pod, outcome);
});

it('fails over: is gone, cuts connections, is slow, is back', async () => {
  const { rds } = scene.path;
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'database',
    fault: 'database fails over: gone 2 s, cuts connections 2 s, logins take 1 s for 4 s',
    seconds: 8,
    begin: async () => {
      await rds.goDown();
      await sleep(2_000);
      rds.faults.dropNewConnections = true;
      await rds.comeBack();
      await sleep(2_000);
      rds.faults.dropNewConnections = false;
      rds.faults.loginDelayMs = 1_000;
    },
    end: () => {
      rds.faults.loginDelayMs = 0;
    },
  });
  expectDatabaseOnly(pod, outcome);
});
