import { describe, expect, it } from 'vitest';
import type { ApiObject } from '../../stacks/manifests/convert';
import { manifestsOf, STACKS, synthExample } from '../examples/fixtures';
import { admissionProblems } from '../support/kubernetes/admission';
import { canRun } from '../support/kubernetes/needs';
import { noSchemas, SUPPORTED_VERSIONS, schemaProblems } from '../support/kubernetes/schemas';
import type { Json } from '../support/synth';

const ready = canRun('the Kubernetes API schema', noSchemas);

/** The Deployment of an example with something changed in it. */
function changed(change: (deployment: Json) => void): ApiObject {
  const found = manifestsOf(synthExample('django-pgbouncer')).find(
    ({ object }) => object.kind === 'Deployment',
  );
  const object = structuredClone(found?.object) as Json;
  change(object);
  return object;
}

describe.skipIf(!ready)('the schema of the Kubernetes API', () => {
  it('is there for every version since 1.29', () => {
    expect(SUPPORTED_VERSIONS.slice(0, 7)).toEqual(['1.29', '1.30', '1.31', '1.32', '1.33', '1.34', '1.35']);
  });

  it.each(STACKS)('takes every object of %s', (_, stack) => {
    const manifests = manifestsOf(stack);
    expect(manifests.length).toBeGreaterThan(3);
    const problems = SUPPORTED_VERSIONS.flatMap(version =>
      manifests.flatMap(({ address, object }) =>
        schemaProblems(object, version).map(problem => `${version} ${address}: ${problem}`),
      ),
    );
    expect(problems).toEqual([]);
  });

  it.each<[string, (deployment: Json) => void, string]>([
    [
      'a misspelled field',
      ({ spec }) => {
        spec.template.spec.containers[0].readynessProbe = {};
      },
      'spec.template.spec.containers.0 must NOT have additional properties "readynessProbe"',
    ],
    [
      'a field in snake case',
      ({ spec }) => {
        spec.template.spec.host_network = false;
      },
      'spec.template.spec must NOT have additional properties "host_network"',
    ],
    [
      'a number as text',
      ({ spec }) => {
        spec.replicas = '2';
      },
      'spec.replicas must be integer,null',
    ],
    [
      'a list without its list',
      ({ spec }) => {
        spec.template.spec.containers = spec.template.spec.containers[0];
      },
      'spec.template.spec.containers must be array',
    ],
    [
      'a selector that is missing',
      ({ spec }) => {
        delete spec.selector;
      },
      "spec must have required property 'selector'",
    ],
    [
      'a port without its number',
      ({ spec }) => {
        delete spec.template.spec.containers[0].ports[0].containerPort;
      },
      "spec.template.spec.containers.0.ports.0 must have required property 'containerPort'",
    ],
    [
      'a field of another kind',
      object => {
        object.data = {};
      },
      'object must NOT have additional properties "data"',
    ],
  ])('refuses %s', (_, change, problem) => {
    for (const version of SUPPORTED_VERSIONS)
      expect(schemaProblems(changed(change), version)).toContain(problem);
  });

  it('refuses native sidecars of a version that has none', () => {
    expect(
      schemaProblems(
        changed(() => {}),
        '1.27',
      ),
    ).toContain('spec.template.spec.initContainers.0 must NOT have additional properties "restartPolicy"');
  });
});

describe('the API server', () => {
  it.each(STACKS)('would take every object of %s', (_, stack) => {
    const problems = manifestsOf(stack).flatMap(({ address, object }) =>
      admissionProblems(object, '1.29').map(problem => `${address}: ${problem}`),
    );
    expect(problems).toEqual([]);
  });

  const containers = ({ spec }: Json): Json[] => spec.template.spec.containers;
  const init = ({ spec }: Json): Json[] => spec.template.spec.initContainers;

  it.each<[string, (deployment: Json) => void, string]>([
    [
      'a restartPolicy of an app container',
      object => {
        containers(object)[0].restartPolicy = 'Always';
      },
      'container app has a restartPolicy, which is for init containers',
    ],
    [
      'a probe of an init container that runs once',
      object => {
        delete init(object)[0].restartPolicy;
      },
      'init container refresher has a livenessProbe, and runs once',
    ],
    [
      'a mount without its volume',
      ({ spec }) => {
        spec.template.spec.volumes.shift();
      },
      "which the pod doesn't have",
    ],
    [
      'a selector of other pods',
      ({ spec }) => {
        spec.template.metadata.labels = {};
      },
      'the selector selects other pods',
    ],
    [
      'a volume of two kinds',
      ({ spec }) => {
        spec.template.spec.volumes[0].configMap = { name: 'a' };
      },
      'takes exactly one of its kinds',
    ],
    [
      'a probe that asks nothing',
      object => {
        delete containers(object)[0].livenessProbe.httpGet;
      },
      'livenessProbe of container app takes exactly one of its kinds, and has none',
    ],
    [
      'a request above its limit',
      object => {
        containers(object)[0].resources.requests.memory = '1Gi';
      },
      'container app requests more memory than its limit',
    ],
    [
      'a label that is none',
      ({ metadata }) => {
        metadata.labels.team = 'a/b';
      },
      'label team can\'t be "a/b"',
    ],
    [
      'a name that is none',
      ({ metadata }) => {
        metadata.name = 'Shop';
      },
      '"Shop" is no name',
    ],
    [
      'two containers of one name',
      object => {
        init(object)[0].name = 'app';
      },
      'there are two of the container app',
    ],
  ])('would refuse %s', (_, change, problem) => {
    expect(admissionProblems(changed(change), '1.29').join('\n')).toContain(problem);
  });

  it('would refuse native sidecars before 1.29', () => {
    expect(
      admissionProblems(
        changed(() => {}),
        '1.28',
      ),
    ).toEqual([
      'init container refresher restarts always, which takes 1.29',
      'init container pgbouncer restarts always, which takes 1.29',
    ]);
  });
});
