import { createHash } from 'node:crypto';
import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import { TerraformVariable } from 'cdktf';
import { afterEach, describe, expect, it } from 'vitest';
import { PgBouncerSidecar } from '../../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher } from '../../../modules/refresher/token-refresher';
import type { Container } from '../../../modules/workload/container';
import { SidecarDeployment, type SidecarDeploymentProps } from '../../../modules/workload/sidecar-deployment';
import type { ConfigVolume } from '../../../modules/workload/volume';
import { type Json, synthStack, testStack } from '../../support/synth';
import { deploy, testIdentity, testSidecar } from './fixtures';
import { target } from './target';

const container = (name: string): Container => ({ name, image: `${name}:1` });
const sidecars = ['first', 'second'].map(name => testSidecar(name, { containers: [container(name)] }));
const names = (containers: Json[]) => containers.map(({ name }) => name);

/** A stack with several deployments. */
function stackOf(...workloads: Partial<SidecarDeploymentProps>[]) {
  const stack = testStack();
  new KubernetesProvider(stack, 'kubernetes', {});
  workloads.forEach((props, index) => {
    const name = `workload-${index}`;
    new SidecarDeployment(stack, name, { name, image: 'app:1', ...props });
  });
  return stack;
}

const providerVersion = (json: Json) => json.terraform.required_providers.kubernetes.version;

describe('a SidecarDeployment', () => {
  it('has defaults', () => {
    const pgbouncer = new PgBouncerSidecar({ databases: [{ target: target(), database: 'orders' }] });
    const { synthesized } = deploy({
      identity: testIdentity(),
      sidecars: [
        new TokenRefresher({ image: 'registry.example.com/refresher:1', pooler: pgbouncer }),
        pgbouncer,
      ],
      ports: [{ name: 'http', port: 8000 }],
      service: true,
    });
    const { resource } = synthesized.json;
    for (const byName of Object.values<Json>(resource)) {
      for (const one of Object.values<Json>(byName)) delete one['//'];
    }
    expect(resource).toMatchSnapshot();
  });

  it('rolls without losing capacity, and lets Kubernetes say why it failed', () => {
    const { synthesized } = deploy();
    expect(synthesized.resource('kubernetes_deployment_v1')).toMatchObject({
      spec: {
        replicas: '2',
        progress_deadline_seconds: 600,
        revision_history_limit: 5,
        strategy: { type: 'RollingUpdate', rolling_update: { max_unavailable: '0', max_surge: '1' } },
      },
      timeouts: { create: '900s', update: '900s', delete: '900s' },
      wait_for_rollout: true,
    });
  });

  it('selects by what never changes', () => {
    const { synthesized, template, deployment } = deploy({
      component: 'api',
      partOf: 'shop',
      instance: 'orders-blue',
      labels: { team: 'a' },
      service: true,
      ports: [{ name: 'http', port: 8000 }],
    });
    const selector = { 'app.kubernetes.io/name': 'orders', 'app.kubernetes.io/instance': 'orders-blue' };
    const labels = {
      ...selector,
      team: 'a',
      'app.kubernetes.io/component': 'api',
      'app.kubernetes.io/part-of': 'shop',
      'app.kubernetes.io/managed-by': 'terraform',
    };
    const resource = synthesized.resource('kubernetes_deployment_v1');
    expect(resource.metadata.labels).toEqual(labels);
    expect(template.metadata.labels).toEqual(labels);
    expect(resource.spec.selector.match_labels).toEqual(selector);
    expect(synthesized.resource('kubernetes_service_v1').spec.selector).toEqual(selector);
    expect(synthesized.resource('kubernetes_pod_disruption_budget_v1').spec.selector.match_labels).toEqual(
      selector,
    );
    expect(deployment.selectorLabels).toEqual(selector);
  });

  it('lists variables in order, those of the sidecars first', () => {
    const brings = testSidecar('brings', { appEnv: { B: 'sidecar', A: 'sidecar' } });
    const { template } = deploy({
      sidecars: [brings],
      env: {
        Z: '1',
        A: 'app',
        SECRET: { secret: 'db', key: 'password' },
        CONFIG: { configMap: 'settings', key: 'mode' },
        POD_IP: { field: 'status.podIP' },
      },
    });
    expect(template.spec.container[0].env).toEqual([
      { name: 'B', value: 'sidecar' },
      { name: 'A', value: 'app' },
      { name: 'Z', value: '1' },
      { name: 'SECRET', value_from: { secret_key_ref: { name: 'db', key: 'password' } } },
      { name: 'CONFIG', value_from: { config_map_key_ref: { name: 'settings', key: 'mode' } } },
      { name: 'POD_IP', value_from: { field_ref: { field_path: 'status.podIP' } } },
    ]);
  });

  it('writes probes, hooks and ports as Kubernetes has them', () => {
    const { template } = deploy({
      ports: [
        { name: 'http', port: 8000 },
        { name: 'local', port: 9000, exposed: false },
      ],
      startupProbe: { check: { kind: 'http', path: '/up', port: 8000 }, failureThreshold: 30 },
      readinessProbe: { check: { kind: 'tcp', port: 8000 }, periodSeconds: 5 },
      livenessProbe: {
        check: { kind: 'exec', command: ['true'] },
        initialDelaySeconds: 9,
        timeoutSeconds: 4,
      },
      preStop: ['sleep', '5'],
      workingDir: '/srv',
    });
    expect(template.spec.container[0]).toMatchObject({
      port: [{ name: 'http', container_port: 8000, protocol: 'TCP' }],
      startup_probe: { http_get: { path: '/up', port: '8000' }, failure_threshold: 30, period_seconds: 10 },
      readiness_probe: { tcp_socket: [{ port: '8000' }], period_seconds: 5, failure_threshold: 3 },
      liveness_probe: { exec: { command: ['true'] }, initial_delay_seconds: 9, timeout_seconds: 4 },
      lifecycle: { pre_stop: [{ exec: { command: ['sleep', '5'] } }] },
      working_dir: '/srv',
    });
  });

  it('runs where and how it is told', () => {
    const { template, synthesized } = deploy({
      namespace: 'shop',
      containerName: 'web',
      priorityClassName: 'high',
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'spot', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }],
      imagePullSecrets: ['registry'],
      topologySpread: [{ topologyKey: 'zone', maxSkew: 2, whenUnsatisfiable: 'DoNotSchedule' }],
      terminationGracePeriodSeconds: 45,
      runAsUser: 1000,
      fsGroup: 2000,
      security: { readOnlyRootFilesystem: false },
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerm: [] } },
      },
      podAnnotations: { note: 'x' },
      ignoreReplicaChanges: true,
    });
    expect(template).toMatchObject({
      metadata: { annotations: { 'kubectl.kubernetes.io/default-container': 'web', note: 'x' } },
      spec: {
        priority_class_name: 'high',
        node_selector: { disk: 'fast' },
        toleration: [{ key: 'spot', operator: 'Exists', effect: 'NoExecute', toleration_seconds: '60' }],
        image_pull_secrets: [{ name: 'registry' }],
        topology_spread_constraint: [
          { topology_key: 'zone', max_skew: 2, when_unsatisfiable: 'DoNotSchedule' },
        ],
        termination_grace_period_seconds: 45,
        security_context: { run_as_user: '1000', run_as_group: '1000', fs_group: '2000' },
        container: [
          { name: 'web', security_context: { read_only_root_filesystem: false, run_as_user: '1000' } },
        ],
        affinity: { node_affinity: {} },
      },
    });
    const deployment = synthesized.resource('kubernetes_deployment_v1');
    expect(deployment.metadata.namespace).toBe('shop');
    expect(deployment.lifecycle).toEqual({ ignore_changes: ['spec[0].replicas'] });
  });

  it('spreads several replicas, and keeps a budget for them', () => {
    const many = deploy({ replicas: 3 });
    expect(many.template.spec.topology_spread_constraint).toMatchObject([
      { topology_key: 'kubernetes.io/hostname', when_unsatisfiable: 'ScheduleAnyway' },
      { topology_key: 'topology.kubernetes.io/zone', when_unsatisfiable: 'ScheduleAnyway' },
    ]);
    expect(many.synthesized.resource('kubernetes_pod_disruption_budget_v1').spec.max_unavailable).toBe('1');

    const one = deploy({ replicas: 1 });
    expect(one.template.spec.topology_spread_constraint ?? []).toEqual([]);
    expect(one.deployment.podDisruptionBudget).toBeUndefined();
    expect(deploy({ disruptionBudget: false }).deployment.podDisruptionBudget).toBeUndefined();
    const half = deploy({ disruptionBudget: { minAvailable: '50%' } }).synthesized;
    expect(half.resource('kubernetes_pod_disruption_budget_v1').spec.min_available).toBe('50%');
  });

  it('has a Service when asked', () => {
    const ports = [
      { name: 'http', port: 8000 },
      { name: 'admin', port: 9000, exposed: false },
    ];
    const { synthesized } = deploy({
      ports,
      service: { name: 'web', ports: { http: 80 }, type: 'NodePort' },
    });
    expect(synthesized.resource('kubernetes_service_v1')).toMatchObject({
      metadata: { name: 'web' },
      spec: { type: 'NodePort', port: [{ name: 'http', port: 80, target_port: 'http', protocol: 'TCP' }] },
    });
    expect(deploy({ ports }).deployment.service).toBeUndefined();
  });

  it('takes what only Terraform knows', () => {
    const stack = testStack();
    new KubernetesProvider(stack, 'kubernetes', {});
    const variable = (id: string, type: string) => new TerraformVariable(stack, id, { type });
    new SidecarDeployment(stack, 'orders', {
      name: 'orders',
      namespace: variable('namespace', 'string').stringValue,
      image: { uri: variable('image', 'string').stringValue },
      replicas: variable('replicas', 'number').numberValue,
      runAsUser: variable('uid', 'number').numberValue,
      progressDeadlineSeconds: variable('deadline', 'number').numberValue,
    });
    const deployment = synthStack(stack).resource('kubernetes_deployment_v1');
    expect(deployment).toMatchObject({
      metadata: { namespace: '${var.namespace}' },
      spec: {
        replicas: '${var.replicas}',
        progress_deadline_seconds: '${var.deadline}',
        template: {
          spec: { container: [{ image: '${var.image}' }], security_context: { run_as_user: '${var.uid}' } },
        },
      },
    });
    expect(deployment.timeouts).toBeUndefined();
  });

  it('leaves everything open to overrides', () => {
    const stack = testStack();
    new KubernetesProvider(stack, 'kubernetes', {});
    const deployment = new SidecarDeployment(stack, 'orders', { name: 'orders', image: 'app:1' });
    deployment.resource.addOverride('spec.template.spec.runtime_class_name', 'gvisor');
    const { spec } = synthStack(stack).resource('kubernetes_deployment_v1');
    expect(spec.template.spec.runtime_class_name).toBe('gvisor');
  });

  it.each<[Partial<SidecarDeploymentProps>, string]>([
    [{ name: 'Orders' }, 'name "Orders" is invalid: use 1 to 63 of a-z, 0-9 and "-"'],
    [{ component: 'a b' }, 'label app.kubernetes.io/component "a b" is invalid: use at most 63 of'],
    [{ replicas: -1 }, 'replicas is -1: use a whole number from 0'],
    [{ service: true }, 'workload "orders" asks for a Service and has no ports: name the app\'s in ports'],
    [
      { service: { ports: { grpc: 80 } }, ports: [{ name: 'http', port: 8000 }] },
      'service of workload "orders" maps the port "grpc", which the app doesn\'t have: use "http"',
    ],
    [
      { rolloutTimeoutSeconds: 600 },
      'rolloutTimeoutSeconds is 600 and progressDeadlineSeconds 600: the first must be the longer',
    ],
    [
      { namespace: 'other', identity: testIdentity() },
      'workload "orders" is in namespace "other" and its identity in "shop": an identity serves one namespace',
    ],
    [
      { serviceAccountName: 'other', identity: testIdentity() },
      'workload "orders" uses service account "other" and its identity is for "orders": use the same',
    ],
    [
      {
        sidecars: [testSidecar('a', { grants: [{ sid: 'A', actions: ['s3:GetObject'], resources: ['*'] }] })],
      },
      'sidecars of workload "orders" need s3:GetObject and the workload has no AWS identity: pass identity',
    ],
  ])('refuses %j', (props, message) => {
    expect(() => deploy(props)).toThrow(message);
  });
});

describe('its lifecycle', () => {
  const initContainers = [container('migrate')];
  const setup = testSidecar('setup', {
    containers: [container('third')],
    initContainers: [container('once')],
  });

  it('runs sidecars as restartable init containers, in order and around the one-shot ones', () => {
    const { template, synthesized } = deploy({ sidecars: [...sidecars, setup], initContainers });
    expect(names(template.spec.init_container)).toEqual(['once', 'first', 'second', 'third', 'migrate']);
    expect(template.spec.init_container.map(({ restart_policy }: Json) => restart_policy)).toEqual([
      undefined,
      'Always',
      'Always',
      'Always',
      undefined,
    ]);
    expect(names(template.spec.container)).toEqual(['app']);
    expect(template.spec.container[0]).not.toHaveProperty('restart_policy');
    expect(providerVersion(synthesized.json)).toBe('>= 3.0.0, < 4.0.0');
  });

  it('runs classic sidecars before the app, with the provider as it is', () => {
    const { template, synthesized } = deploy({
      lifecycle: 'classic',
      sidecars: [...sidecars, setup],
      initContainers,
    });
    expect(names(template.spec.init_container)).toEqual(['once', 'migrate']);
    expect(names(template.spec.container)).toEqual(['first', 'second', 'third', 'app']);
    expect(JSON.stringify(synthesized.json)).not.toContain('restart_policy');
    expect(providerVersion(synthesized.json)).toBe('2.38.0');
  });

  it('asks for the provider once, whatever else is in the stack', () => {
    const { json } = synthStack(stackOf({ sidecars }, { sidecars }, { lifecycle: 'classic', sidecars }, {}));
    expect(providerVersion(json)).toBe('>= 3.0.0, < 4.0.0');
    expect(providerVersion(synthStack(stackOf({})).json)).toBe('2.38.0');
  });

  it.each(['before', 'after'])("leaves a stack's own choice of provider alone, made %s", when => {
    const stack = testStack();
    new KubernetesProvider(stack, 'kubernetes', {});
    const choose = () => stack.addOverride('terraform.required_providers.kubernetes.version', '3.2.1');
    if (when === 'before') choose();
    new SidecarDeployment(stack, 'orders', { name: 'orders', image: 'app:1', sidecars });
    if (when === 'after') choose();
    expect(providerVersion(synthStack(stack).json)).toBe('3.2.1');
  });

  describe('written as HCL', () => {
    afterEach(() => {
      delete process.env.SYNTH_HCL_OUTPUT;
    });

    it('is refused where it would lose the restart policy', () => {
      process.env.SYNTH_HCL_OUTPUT = 'true';
      const validate = (props: Partial<SidecarDeploymentProps>) =>
        stackOf(props)
          .node.findAll()
          .flatMap(construct => construct.node.validate());
      expect(validate({ sidecars }).join()).toContain("native sidecars can't be written as HCL");
      expect(validate({ lifecycle: 'classic', sidecars })).toEqual([]);
    });
  });
});

describe('its identity', () => {
  it('is granted what sidecars need, before the pods depend on it', () => {
    const identity = testIdentity();
    const grant = { sid: 'A', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::bucket/*'] };
    const dependsOn = [{ fqn: 'null_resource.image' }];
    const { synthesized, template, deployment } = deploy({
      identity,
      sidecars: [testSidecar('a', { grants: [grant] })],
      dependsOn,
    });
    expect(identity.grants).toEqual([grant]);
    expect(synthesized.resource('kubernetes_deployment_v1').depends_on).toEqual([
      'aws_eks_pod_identity_association.orders',
      'null_resource.image',
    ]);
    expect(template.metadata.annotations).toMatchObject({ identity: 'association-1' });
    expect(deployment.namespace).toBe('shop');
  });

  it('has the service account made, without a token of the Kubernetes API', () => {
    const { synthesized, template } = deploy({ identity: testIdentity() });
    expect(synthesized.resource('kubernetes_service_account_v1')).toMatchObject({
      automount_service_account_token: false,
      metadata: {
        name: 'orders',
        namespace: 'shop',
        annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/orders' },
      },
    });
    expect(template.spec.service_account_name).toMatch(/^\$\{kubernetes_service_account_v1\..+name\}$/);
  });

  it('leaves an existing service account alone', () => {
    const { synthesized, template } = deploy({ identity: testIdentity(), serviceAccountName: 'orders' });
    expect(synthesized.resources('kubernetes_service_account_v1')).toEqual([]);
    expect(template.spec.service_account_name).toBe('orders');
  });
});

describe('its configuration files', () => {
  const volume = (files: Record<string, string>): ConfigVolume => ({
    kind: 'config',
    name: 'settings',
    files,
  });
  const withFiles = (files: Record<string, string>) =>
    deploy({ mounts: [{ volume: volume(files), path: '/etc/settings' }] });
  const checksum = ({ template }: { readonly template: Json }) =>
    template.metadata.annotations['checksum/settings'];

  it('are a ConfigMap that the pod refers to', () => {
    const { synthesized, template } = withFiles({ 'a.ini': 'x = 1\n' });
    expect(synthesized.resource('kubernetes_config_map_v1')).toMatchObject({
      metadata: { name: 'orders-settings', namespace: 'default' },
      data: { 'a.ini': 'x = 1\n' },
    });
    expect(template.spec.volume).toEqual([
      {
        name: 'settings',
        config_map: {
          name: expect.stringMatching(/^\$\{kubernetes_config_map_v1\..+name\}$/),
          default_mode: '0444',
        },
      },
    ]);
  });

  it('roll the pods when they change, and only then', () => {
    const files = { a: '1', b: '2' };
    expect(checksum(withFiles(files))).toBe(
      createHash('sha256')
        .update(JSON.stringify(Object.entries(files)))
        .digest('hex'),
    );
    expect(checksum(withFiles({ b: '2', a: '1' }))).toBe(checksum(withFiles(files)));
    expect(checksum(withFiles({ a: '1', b: '3' }))).not.toBe(checksum(withFiles(files)));
    expect(checksum(withFiles({ a: '2', b: '1' }))).not.toBe(checksum(withFiles(files)));
  });

  it('have their checksum made by Terraform where only Terraform knows them', () => {
    const stack = testStack();
    new KubernetesProvider(stack, 'kubernetes', {});
    const host = new TerraformVariable(stack, 'host', { type: 'string' }).stringValue;
    new SidecarDeployment(stack, 'orders', {
      name: 'orders',
      image: 'app:1',
      mounts: [{ volume: volume({ a: `host=${host}` }), path: '/etc/settings' }],
    });
    const { spec } = synthStack(stack).resource('kubernetes_deployment_v1');
    expect(spec.template.metadata.annotations['checksum/settings']).toMatch(
      /^\$\{sha256\(jsonencode\(kubernetes_config_map_v1\.[\w-]+\.data\)\)\}$/,
    );
  });

  it('are literal, whatever Terraform thinks of their characters', () => {
    const { synthesized } = withFiles({ a: 'tag ${HOSTNAME} %{if} $${x}' });
    expect(synthesized.resource('kubernetes_config_map_v1').data.a).toBe('tag $${HOSTNAME} %%{if} $$${x}');
  });

  it('may be those of an existing object', () => {
    const { synthesized, template } = deploy({
      mounts: [
        { volume: { kind: 'configMap', name: 'a', source: 'settings' }, path: '/a', subPath: 'x' },
        { volume: { kind: 'secret', name: 'b', source: 'tls' }, path: '/b' },
        { volume: { kind: 'persistentVolumeClaim', name: 'c', source: 'data' }, path: '/c', readOnly: false },
      ],
    });
    expect(synthesized.resources('kubernetes_config_map_v1')).toEqual([]);
    expect(template.spec.volume).toEqual([
      { name: 'a', config_map: { name: 'settings', default_mode: '0444' } },
      { name: 'b', secret: { secret_name: 'tls', default_mode: '0440' } },
      { name: 'c', persistent_volume_claim: { claim_name: 'data' } },
    ]);
    expect(template.spec.container[0].volume_mount).toEqual([
      { name: 'a', mount_path: '/a', read_only: true, sub_path: 'x' },
      { name: 'b', mount_path: '/b', read_only: true },
      { name: 'c', mount_path: '/c', read_only: false },
    ]);
  });
});
