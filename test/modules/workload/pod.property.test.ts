import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Container } from '../../../modules/workload/container';
import { planPod } from '../../../modules/workload/pod';
import type { PodPlan } from '../../../modules/workload/pod-plan';
import { nativeSidecarIndexes, podTemplate } from '../../../modules/workload/pod-template';
import type { Mount, Volume } from '../../../modules/workload/volume';
import { testSidecar } from './fixtures';

/** Few names, paths and ports, so that they often clash. */
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const volume: fc.Arbitrary<Volume> = fc.oneof(
  fc.record({ kind: fc.constant('emptyDir' as const), name, sizeLimit: fc.constantFrom('1Mi', '2Mi') }),
  fc.record({ kind: fc.constant('config' as const), name, files: fc.constant({ file: 'text' }) }),
);
const mount: fc.Arbitrary<Mount> = fc.record({
  volume,
  path: fc.constantFrom('/x', '/y', '/z', '/x/y'),
  readOnly: fc.boolean(),
});
const container: fc.Arbitrary<Container> = fc.record({
  name,
  image: fc.constant('image:1'),
  mounts: fc.array(mount, { maxLength: 2 }),
  ports: fc.array(fc.record({ name, port: fc.integer({ min: 1, max: 6 }) }), { maxLength: 1 }),
});
const sidecar = fc
  .record({
    name: fc.uuid(),
    containers: fc.array(container, { maxLength: 2 }),
    initContainers: fc.array(container, { maxLength: 1 }),
    appMounts: fc.array(mount, { maxLength: 1 }),
  })
  .map(({ name: id, ...contribution }) => testSidecar(id, contribution));
const pod = fc.record({
  app: container,
  sidecars: fc.array(sidecar, { maxLength: 3 }),
  initContainers: fc.array(container, { maxLength: 1 }),
  lifecycle: fc.constantFrom('native' as const, 'classic' as const),
});

const unique = (values: readonly unknown[]) => new Set(values).size === values.length;

function planned(...args: Parameters<typeof planPod>): PodPlan | undefined {
  try {
    return planPod(...args);
  } catch {
    return undefined;
  }
}

describe('any combination of sidecars', () => {
  it('is refused, or a pod without clashes', () => {
    let accepted = 0;
    fc.assert(
      fc.property(pod, candidate => {
        const plan = planned(candidate);
        if (!plan) return;
        accepted += 1;
        const { spec } = podTemplate(plan, {
          labels: {},
          serviceAccountName: 'app',
          configMapName: config => config.name,
        });
        const containers = [...spec.initContainer, ...spec.container];
        const volumes = spec.volume.map(one => one.name);
        expect(unique(containers.map(one => one.name))).toBe(true);
        expect(unique(volumes)).toBe(true);
        for (const { volumeMount } of containers) {
          expect(unique(volumeMount.map(one => one.mountPath))).toBe(true);
          expect(volumes).toEqual(expect.arrayContaining(volumeMount.map(one => one.name)));
        }
        const running = nativeSidecarIndexes(plan).map(index => spec.initContainer[index]);
        const ports = [...running, ...spec.container].flatMap(one => one?.port ?? []);
        expect(unique(ports.map(one => one.containerPort))).toBe(true);
        expect(running.map(one => one?.name)).toEqual(
          plan.lifecycle === 'native' ? plan.sidecars.map(one => one.name) : [],
        );
      }),
      { numRuns: 3000 },
    );
    // A generator that is always refused would prove nothing.
    expect(accepted).toBeGreaterThan(100);
  });
});
