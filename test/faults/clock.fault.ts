import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeClock } from './support/fake-clock';
import { expectUnnoticed, FaultPath, OUTAGE_SECONDS, Pod } from './support/pod';

/** A real token's life: what ten minutes are to it is what these faults are about. */
const REAL_LIFE_SECONDS = 900;
const TEN_MINUTES = 600;
/** A stepped clock is noticed at the loop's next look; then the pooler has to be told. */
const NOTICED_SECONDS = 1 + 2.5;
/** PgBouncer's own wait after a failed login. */
const LOGIN_RETRY_SECONDS = 1;

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

async function podWithClock(offsetSeconds: number): Promise<{ pod: Pod; clock: FakeClock }> {
  const clock = new FakeClock();
  clock.step(offsetSeconds);
  const env = { ...scene.agent.environment(), ...clock.env };
  return { clock, pod: await Pod.start(scene, { env, tokenSeconds: REAL_LIFE_SECONDS }) };
}

it('a clock ten minutes behind is set right', async () => {
  const { pod, clock } = await podWithClock(-TEN_MINUTES);
  const outcome = await pod.suffer({
    section: 'clock',
    fault: 'clock 10 min behind is set right',
    seconds: NOTICED_SECONDS,
    begin: () => clock.step(0),
    restSeconds: 2,
  });
  expectUnnoticed(pod, outcome);
  // What was signed by the wrong clock would have died five minutes after it was signed.
  expect(outcome.rotations).toBe(1);
});

it('a clock falls ten minutes behind and is set right', async () => {
  const { pod, clock } = await podWithClock(0);
  const outcome = await pod.suffer({
    section: 'clock',
    fault: 'clock steps 10 min back, and forward again',
    seconds: NOTICED_SECONDS,
    begin: () => clock.step(-TEN_MINUTES),
    end: () => clock.step(0),
    restSeconds: NOTICED_SECONDS,
  });
  expectUnnoticed(pod, outcome);
  expect(outcome.rotations).toBe(2);
});

it('a clock runs ten minutes ahead, where AWS takes no signature, and is set right', async () => {
  const { pod, clock } = await podWithClock(0);
  const outcome = await pod.suffer({
    section: 'clock',
    fault: 'clock steps 10 min forward, and back again',
    seconds: NOTICED_SECONDS,
    begin: () => clock.step(TEN_MINUTES),
    end: () => clock.step(0),
    restSeconds: NOTICED_SECONDS,
    note: 'AWS takes no signature from 5 min ahead',
  });
  expect(pod.watch.livenessFailures).toBe(0);
  expect(outcome.loginRecovery).toBeLessThanOrEqual(NOTICED_SECONDS + LOGIN_RETRY_SECONDS);
  expect(outcome.rotations).toBe(2);
});

it('the process is stopped for longer than a token lives, and goes on', async () => {
  const pod = await Pod.start(scene);
  const outcome = await pod.suffer({
    section: 'clock',
    fault: 'refresher stopped (SIGSTOP) for longer than a token lives',
    seconds: OUTAGE_SECONDS,
    begin: () => pod.refresher.process.kill('SIGSTOP'),
    end: async () => {
      pod.refresher.process.kill('SIGCONT');
      await sleep(0);
    },
  });
  expect(outcome.deadSeconds).toBeGreaterThan(0);
  expect(outcome).toMatchObject({ failedWhileValid: 0, refusedWhileValid: 0 });
  // Stopped, it answers nothing at all; but what it answers is true.
  expect(pod.watch.unreadyWhileValid.filter(answer => !answer.startsWith('0 '))).toEqual([]);
  expect(pod.watch.readyWhileDead).toEqual([]);
  expect(outcome.refresherRecovery).toBeLessThanOrEqual(2);
  expect(outcome.loginRecovery).toBeLessThanOrEqual(2 + LOGIN_RETRY_SECONDS);
});
