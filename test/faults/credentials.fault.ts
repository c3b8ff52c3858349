import { afterAll, beforeAll, expect, it } from 'vitest';
import { ContainerCredentials } from '../support/aws/container-credentials';
import { expectUnnoticed, FaultPath, Pod } from './support/pod';

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

it('credentials that die long before the token would', async () => {
  const aws = await ContainerCredentials.start({
    registry: scene.path.registry,
    issue: { lifetimeSeconds: 6 },
  });
  try {
    const pod = await Pod.start(scene, { env: aws.environment(), tokenSeconds: 900 });
    const outcome = await pod.suffer({
      section: 'credentials',
      fault: 'credentials live 6 s, tokens 900 s',
      seconds: 10,
      begin: () => {},
    });
    expectUnnoticed(pod, outcome);
    expect(outcome.rotations).toBeGreaterThanOrEqual(4);
  } finally {
    await aws.stop();
  }
});
