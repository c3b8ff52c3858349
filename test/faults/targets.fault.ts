import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually';
import { freePort } from '../support/free-port';
import { USER } from '../support/login-path';
import { Refresher } from '../support/refresher';
import { giveToUnprivileged } from '../support/unprivileged';
import { BACKOFF_CAP_SECONDS, FaultPath, OUTAGE_SECONDS, Pod } from './support/pod';
import { tokenIn } from './support/published';
import { record } from './support/table';

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

const TARGETS = 100;
const BROKEN = 3;

it('three of a hundred targets fail, and the others never notice', async () => {
  const { path, secrets } = scene;
  const own = join(path.shared, 'own');
  const broken = join(path.shared, 'broken');
  for (const folder of [own, broken]) mkdirSync(folder);
  giveToUnprivileged(path.shared);
  const targets = Array.from({ length: TARGETS }, (_, index) => ({
    name: `target-${index}`,
    host: path.rds.host,
    port: path.rds.port,
    // The application's is a healthy one.
    user: index === TARGETS - 1 ? USER : `user_${index}`,
    region: path.rds.region,
    outputs: [
      { format: 'pgbouncer-userlist' as const, path: path.userlist },
      { format: 'token' as const, path: join(index < BROKEN ? broken : own, `${index}`) },
    ],
  }));
  const pod = await Pod.start(scene, { config: { targets } });
  const deadBroken: number[] = [];
  const outcome = await pod.suffer({
    section: 'refresher',
    fault: `${BROKEN} of ${TARGETS} targets can't write one of their files`,
    seconds: OUTAGE_SECONDS,
    begin: () => chmodSync(broken, 0o555),
    end: async () => {
      const { targets: now } = await pod.status();
      deadBroken.push(now.filter(({ alive }) => !alive).length);
      chmodSync(broken, 0o755);
    },
  });
  expect(outcome).toMatchObject({ failures: [], refused: 0 });
  // Their own readiness is the pod's: a target without a living token everywhere is a target that can't log in.
  expect(deadBroken).toEqual([BROKEN]);
  expect(pod.watch.livenessFailures).toBe(0);
  expect(outcome.refresherRecovery).toBeLessThanOrEqual(BACKOFF_CAP_SECONDS + 1.5);
  // The failing ones share the healthy ones' userlist. Were it replaced at each retry, the pooler would reload all the time.
  const retries = OUTAGE_SECONDS / BACKOFF_CAP_SECONDS;
  expect(outcome.reloads).toBeLessThan(retries);
  expect(secrets.foundIn(readFileSync(path.userlist, 'utf8')).length).toBeGreaterThan(0);
  expect(tokenIn(readFileSync(path.userlist, 'utf8'))).toBeDefined();
});

it('10,000 tokens do not make it grow', async () => {
  const MANY = 400;
  const TOKENS = 10_000;
  const folder = join(scene.path.shared, 'many');
  mkdirSync(folder);
  giveToUnprivileged(folder);
  const refresher = await Refresher.start({
    config: {
      targets: Array.from({ length: MANY }, (_, index) => ({
        name: `target-${index}`,
        host: 'localhost',
        port: 5432,
        user: `user_${index}`,
        region: 'eu-central-1',
        outputs: [{ format: 'token', path: join(folder, `${index}`) }],
      })),
      renewal: { tokenLifetimeSeconds: 2, threshold: 0.6 },
      listen: { probePort: await freePort(), controlPort: await freePort() },
      logLevel: 'warn',
    },
    // As the image starts it.
    env: { ...scene.agent.environment(), NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=32' },
  });
  const tokens = async () => {
    const { targets } = await refresher.status();
    return targets.reduce((sum, { publishes }) => sum + publishes, 0);
  };
  const megabytes = async () => ((await refresher.metric('process_resident_memory_bytes')) ?? 0) / 1_048_576;
  const begun = performance.now();
  const reaches = (count: number) =>
    eventually(async () => (await tokens()) >= count, { timeout: 200_000, interval: 250 });
  await reaches(TOKENS / 4);
  const early = await megabytes();
  await reaches(TOKENS);
  const late = await megabytes();
  await refresher.stop();
  record({
    section: 'refresher',
    fault: `10,000 tokens in one process, ${MANY} targets`,
    seconds: (performance.now() - begun) / 1000,
    note: `resident memory ${early.toFixed(0)} MiB after 2,500, ${late.toFixed(0)} MiB after 10,000`,
  });
  expect(late - early).toBeLessThan(25);
  expect(scene.secrets.foundIn(refresher.output)).toEqual([]);
});
