import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { toManifests } from '../../../stacks/manifests/convert';
import { resolveReferences } from '../../../stacks/manifests/references';
import { toYaml } from '../../../stacks/manifests/yaml';
import type { Json } from '../../support/synth';

const deployment = (spec: Json, other: Json = {}): Json => ({
  resource: {
    kubernetes_deployment_v1: {
      app: { metadata: { name: 'app' }, spec: { template: { spec } }, ...other },
    },
  },
});
const podOf = (spec: Json): Json => {
  const [manifest] = toManifests(deployment(spec));
  if (manifest === undefined) throw new Error('nothing came out');
  const object: Json = manifest.object;
  return object.spec.template.spec;
};

describe('a resource', () => {
  it('becomes an object of the API, without what is for Terraform alone', () => {
    const meta = {
      depends_on: ['a.b'],
      lifecycle: { ignore_changes: [] },
      timeouts: {},
      wait_for_rollout: true,
    };
    expect(toManifests(deployment({}, meta))).toEqual([
      {
        address: 'kubernetes_deployment_v1.app',
        object: {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'app' },
          spec: { template: { spec: {} } },
        },
        unresolvedNumbers: [],
      },
    ]);
  });

  it('of a type that has no form is an error', () => {
    const json = { resource: { kubernetes_ingress_v1: { web: {} }, aws_iam_role: { a: {} } } };
    expect(() => toManifests(json)).toThrow('"kubernetes_ingress_v1.web" is of a type that has no form here');
  });

  it('of another provider has none', () => {
    expect(toManifests({ resource: { aws_iam_role: { a: { name: 'a' } } } })).toEqual([]);
    expect(toManifests({})).toEqual([]);
  });

  it('comes after its namespace and its service account', () => {
    const one = (name: string) => ({ a: { metadata: { name } } });
    const resource = {
      kubernetes_deployment_v1: one('c'),
      kubernetes_service_account_v1: one('b'),
      kubernetes_namespace_v1: one('a'),
    };
    expect(toManifests({ resource }).map(({ object }) => object.kind)).toEqual([
      'Namespace',
      'ServiceAccount',
      'Deployment',
    ]);
  });
});

describe('a field', () => {
  it('takes the name of the API', () => {
    expect(
      podOf({ host_ipc: false, host_pid: false, service_account_name: 'a', container: [{ name: 'a' }] }),
    ).toEqual({ hostIPC: false, hostPID: false, serviceAccountName: 'a', containers: [{ name: 'a' }] });
  });

  it('that the provider repeats and the API does not is one', () => {
    const probe = { tcp_socket: [{ port: '80' }] };
    const lifecycle = { pre_stop: [{ exec: { command: ['sleep', '1'] } }] };
    expect(podOf({ container: [{ liveness_probe: probe, lifecycle }] }).containers[0]).toEqual({
      livenessProbe: { tcpSocket: { port: 80 } },
      lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
    });
    expect(() => podOf({ container: [{ liveness_probe: { tcp_socket: [{}, {}] } }] })).toThrow(
      'spec.template.spec.container.liveness_probe.tcp_socket of "kubernetes_deployment_v1.app" has 2 blocks, and the API takes one',
    );
  });

  it('keeps the order of lists, and what is empty', () => {
    const env = [
      { name: 'b', value: '2' },
      { name: 'a', value: '1' },
    ];
    expect(podOf({ container: [{ env, port: [] }], volume: [{ name: 'a', empty_dir: {} }] })).toEqual({
      containers: [{ env, ports: [] }],
      volumes: [{ name: 'a', emptyDir: {} }],
    });
  });

  it('of a native sidecar keeps its restart policy', () => {
    expect(podOf({ init_container: [{ name: 'a', restart_policy: 'Always' }] }).initContainers).toEqual([
      { name: 'a', restartPolicy: 'Always' },
    ]);
  });

  it('with keys of the user’s own is left as it is', () => {
    const limits = { cpu: '1', my_resource: '2' };
    expect(podOf({ container: [{ resources: { limits } }], node_selector: { my_key: 'x' } })).toEqual({
      containers: [{ resources: { limits } }],
      nodeSelector: { my_key: 'x' },
    });
  });

  it('that is null is not there', () => {
    expect(podOf({ node_name: null })).toEqual({});
  });

  it('that Terraform makes from other values is an error', () => {
    expect(() => podOf({ dynamic: { container: {} } })).toThrow('has a dynamic block');
  });
});

describe('a number', () => {
  it('in text becomes one', () => {
    expect(podOf({ security_context: { run_as_user: '65532', fs_group: 1 } }).securityContext).toEqual({
      runAsUser: 65_532,
      fsGroup: 1,
    });
  });

  it('of permissions is octal', () => {
    expect(
      podOf({ volume: [{ config_map: { default_mode: '0444' } }] }).volumes[0].configMap.defaultMode,
    ).toBe(0o444);
  });

  it('may be a name or a percentage, where the API takes both', () => {
    const probe = (port: string) => podOf({ container: [{ startup_probe: { http_get: { port } } }] });
    expect(probe('9810').containers[0].startupProbe.httpGet.port).toBe(9810);
    expect(probe('http').containers[0].startupProbe.httpGet.port).toBe('http');
  });

  it('stays text where it is text', () => {
    expect(podOf({ container: [{ args: ['1'], env: [{ name: 'A', value: '1' }] }] }).containers[0]).toEqual({
      args: ['1'],
      env: [{ name: 'A', value: '1' }],
    });
  });

  it('that only Terraform knows has a stand-in, and is named', () => {
    const json = deployment({ security_context: { run_as_user: '${var.uid}' } });
    json.resource.kubernetes_deployment_v1.app.spec.replicas = '${var.replicas}';
    const [manifest] = toManifests(json);
    expect(manifest?.object).toMatchObject({
      spec: {
        replicas: 1,
        template: { spec: { securityContext: { runAsUser: 1 } } },
      },
    });
    expect(manifest?.unresolvedNumbers).toEqual([
      { path: ['spec', 'template', 'spec', 'securityContext', 'runAsUser'], expression: '${var.uid}' },
      { path: ['spec', 'replicas'], expression: '${var.replicas}' },
    ]);
  });

  it('that is none is an error', () => {
    expect(() => podOf({ security_context: { run_as_user: 'root' } })).toThrow(
      'spec.template.spec.security_context.run_as_user of "kubernetes_deployment_v1.app" is "root", and the API takes a number',
    );
  });
});

describe('text', () => {
  const json: Json = {
    resource: {
      kubernetes_namespace_v1: { ns: { metadata: { name: 'shop' } } },
      kubernetes_config_map_v1: {
        one: { metadata: { name: 'one', namespace: '${kubernetes_namespace_v1.ns.metadata[0].name}' } },
        loop: { metadata: { name: '${kubernetes_config_map_v1.loop.metadata[0].name}' } },
      },
      aws_ecr_repository: { 'a-b': { name: 'refresher' } },
    },
  };
  it.each([
    ['${kubernetes_namespace_v1.ns.metadata[0].name}', 'shop'],
    ['x-${kubernetes_config_map_v1.one.metadata[0].namespace}-y', 'x-shop-y'],
    ['${aws_ecr_repository.a-b.name}', 'refresher'],
    ['${aws_ecr_repository.a-b.repository_url}:1', '${aws_ecr_repository.a-b.repository_url}:1'],
    ['${kubernetes_namespace_v1.ns.metadata}', '${kubernetes_namespace_v1.ns.metadata}'],
    [
      '${kubernetes_config_map_v1.loop.metadata[0].name}',
      '${kubernetes_config_map_v1.loop.metadata[0].name}',
    ],
    ['${var.name} ${upper("a")}', '${var.name} ${upper("a")}'],
    ['$${aws_ecr_repository.a-b.name}', '$${aws_ecr_repository.a-b.name}'],
  ])('%s becomes %s', (text, expected) => {
    expect(resolveReferences(text, json)).toBe(expected);
  });

  it('is what Kubernetes will read, where Terraform needs an escape', () => {
    const data = { 'a.conf': 'tag $${HOSTNAME} %%{if} $$${x}' };
    const [manifest] = toManifests({ resource: { kubernetes_config_map_v1: { a: { data } } } });
    expect(manifest?.object.data).toEqual({ 'a.conf': 'tag ${HOSTNAME} %{if} $${x}' });
  });
});

describe('as YAML', () => {
  const manifest = {
    address: 'kubernetes_config_map_v1.a',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      data: { a: 'on', b: '0444', c: 'x\ny\n', d: '1:30' },
      replicas: 1,
    },
    unresolvedNumbers: [{ path: ['replicas'], expression: '${var.replicas}' }],
  };

  it('says where an object comes from, and what only Terraform knows', () => {
    const yaml = toYaml([manifest], 'production');
    expect(yaml).toMatch(/^---\n# production: kubernetes_config_map_v1\.a\napiVersion: v1\n/);
    expect(yaml).toContain('\nreplicas: 1 # ${var.replicas}\n');
  });

  it('means the same to a reader of YAML 1.1, which Kubernetes is', () => {
    const yaml = toYaml([manifest]);
    expect(parseDocument(yaml, { version: '1.1' }).toJS()).toEqual(manifest.object);
  });
});
