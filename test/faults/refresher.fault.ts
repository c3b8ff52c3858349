import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually';
import { expectUnnoticed, FaultPath, Pod } from './support/pod';

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

/** A longer run: `FAULTS_SOAK_SECONDS=3600 npm run test:faults`. */
const SOAK_SECONDS = Number(process.env.FAULTS_SOAK_SECONDS ?? 0);
const ROTATIONS = 50;

it('nothing goes wrong over many rotations', { timeout: SOAK_SECONDS * 1000 + 240_000 }, async () => {
  const pod = await Pod.start(scene, { renewal: { threshold: 0.3 } });
  const publishes = async () => (await pod.status()).targets[0]?.publishes ?? 0;
  const outcome = await pod.suffer({
    section: 'refresher',
    fault: `none, over ${SOAK_SECONDS > 0 ? `${SOAK_SECONDS} s` : `${ROTATIONS} rotations`}`,
    seconds: SOAK_SECONDS,
    begin: async () => {
      await eventually(async () => (await publishes()) > ROTATIONS, { timeout: 180_000, interval: 200 });
    },
  });
  expectUnnoticed(pod, outcome);
  expect(outcome.rotations).toBeGreaterThanOrEqual(ROTATIONS);
  // Each rotation costs one reload, and no more than that.
  expect(outcome.reloads).toBeLessThanOrEqual(outcome.rotations + 2);
});

it('SIGTERM under load, and a new start', async () => {
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'refresher',
    fault: 'SIGTERM, 2 s of absence, started again',
    seconds: 3,
    begin: () =>
      pod.restartRefresher(async ({ process }) => {
        expect(await process.stop('SIGTERM')).toEqual({ code: 0, signal: null });
        await sleep(2_000);
      }),
  });
  expect(outcome).toMatchObject({ failures: [], refused: 0, deadSeconds: 0 });
});
