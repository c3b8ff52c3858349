import { describe, expect, it } from 'vitest';
import { PgBouncerSidecar } from '../../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher } from '../../../modules/refresher/token-refresher';
import { writablePath } from '../../../modules/workload/writable-path';
import { toManifests } from '../../../stacks/manifests/convert';
import { podSecurityViolations } from '../../support/kubernetes/pod-security';
import type { Json } from '../../support/synth';
import { deploy, testIdentity } from './fixtures';
import { target } from './target';

/** Sets a field of a pod's or a container's security context. */
function set(of: Json, field: string, value: unknown): void {
  of.securityContext[field] = value;
}

const pooler = () => new PgBouncerSidecar({ databases: [{ target: target(), database: 'orders' }] });

describe.each(['native', 'classic'] as const)('the default pod (%s)', lifecycle => {
  const pgbouncer = pooler();
  const { template, synthesized } = deploy({
    lifecycle,
    identity: testIdentity(),
    sidecars: [new TokenRefresher({ image: 'refresher:1', pooler: pgbouncer }), pgbouncer],
    initContainers: [{ name: 'migrate', image: 'registry.example.com/orders:1', args: ['migrate'] }],
    ports: [{ name: 'http', port: 8000 }],
    mounts: [writablePath('/tmp')],
  });
  const { spec } = template;
  const objects: Json[] = toManifests(synthesized.json).map(({ object }) => object);
  const pod: Json = objects.find(({ kind }) => kind === 'Deployment').spec.template;

  it('conforms to the Pod Security Standard restricted', () => {
    expect(podSecurityViolations(pod)).toEqual([]);
  });

  /** The controls of the standard, each with a pod that violates it. */
  it.each<[string, (pod: Json) => void]>([
    ['HostProcess', ({ spec }) => set(spec, 'windowsOptions', { hostProcess: true })],
    ['HostProcess', ({ spec }) => set(spec.containers[0], 'windowsOptions', { hostProcess: true })],
    ['host namespaces', ({ spec }) => Object.assign(spec, { hostNetwork: true })],
    ['host namespaces', ({ spec }) => Object.assign(spec, { hostPID: true })],
    ['host namespaces', ({ spec }) => Object.assign(spec, { hostIPC: true })],
    ['privileged', ({ spec }) => set(spec.initContainers[0], 'privileged', true)],
    [
      'capabilities are added',
      ({ spec }) => set(spec.containers[0], 'capabilities', { add: ['NET_RAW'], drop: ['ALL'] }),
    ],
    ['hostPath volumes', ({ spec }) => spec.volumes.push({ name: 'host', hostPath: { path: '/' } })],
    ['host ports', ({ spec }) => Object.assign(spec.containers.at(-1).ports[0], { hostPort: 80 })],
    [
      'host probes and hooks',
      ({ spec }) =>
        Object.assign(spec.containers[0], { livenessProbe: { tcpSocket: { host: 'a', port: 1 } } }),
    ],
    [
      'host probes and hooks',
      ({ spec }) => Object.assign(spec.containers[0], { lifecycle: { preStop: { httpGet: { host: 'a' } } } }),
    ],
    ['AppArmor', ({ spec }) => set(spec.containers[0], 'appArmorProfile', { type: 'Unconfined' })],
    [
      'AppArmor (annotations)',
      ({ metadata }) =>
        Object.assign(metadata.annotations, {
          'container.apparmor.security.beta.kubernetes.io/app': 'unconfined',
        }),
    ],
    ['SELinux type', ({ spec }) => set(spec, 'seLinuxOptions', { type: 'spc_t' })],
    ['SELinux user and role', ({ spec }) => set(spec.containers[0], 'seLinuxOptions', { role: 'a' })],
    ['proc mount', ({ spec }) => set(spec.containers[0], 'procMount', 'Unmasked')],
    ['sysctls', ({ spec }) => set(spec, 'sysctls', [{ name: 'kernel.msgmax', value: '1' }])],
    ['volume types', ({ spec }) => spec.volumes.push({ name: 'nfs', nfs: { path: '/' } })],
    ['privilege escalation', ({ spec }) => set(spec.containers[0], 'allowPrivilegeEscalation', undefined)],
    ['running as non-root', ({ spec }) => set(spec.containers[0], 'runAsNonRoot', false)],
    ['running as non-root user', ({ spec }) => set(spec, 'runAsUser', 0)],
    ['running as non-root user', ({ spec }) => set(spec.initContainers[0], 'runAsUser', 0)],
    ['seccomp', ({ spec }) => set(spec.containers[0], 'seccompProfile', { type: 'Unconfined' })],
    ['seccomp (pod)', ({ spec }) => set(spec, 'seccompProfile', { type: 'Unconfined' })],
    [
      'capabilities are dropped',
      ({ spec }) => set(spec.containers[0], 'capabilities', { drop: ['NET_RAW'] }),
    ],
  ])('is judged by a list that knows a violation: %s', (control, violate) => {
    const worse = structuredClone(pod);
    violate(worse);
    const [violation, ...others] = podSecurityViolations(worse);
    expect(violation).toMatch(new RegExp(`^${control.replaceAll(/[()]/g, '\\$&')}( \\(|$)`));
    // A volume of the host is one of a type that isn't allowed, too.
    expect(others).toEqual(control === 'hostPath volumes' ? ['volume types'] : []);
  });

  it('goes further than the standard', () => {
    expect(spec).toMatchObject({
      automount_service_account_token: false,
      enable_service_links: false,
      share_process_namespace: false,
      security_context: {
        run_as_user: '65532',
        run_as_group: '65532',
        fs_group: '65532',
        fs_group_change_policy: 'OnRootMismatch',
      },
    });
    const containers: Json[] = [...spec.container, ...spec.init_container];
    expect(containers).toHaveLength(lifecycle === 'native' ? 4 : 5);
    for (const { security_context } of containers) {
      expect(security_context).toMatchObject({ read_only_root_filesystem: true, run_as_user: '65532' });
    }
  });

  it('limits every volume of its own, and keeps credentials off the disk', () => {
    const scratch = spec.volume.filter((volume: Json) => volume.empty_dir);
    expect(scratch).toEqual(
      expect.arrayContaining([
        { name: 'shared', empty_dir: { medium: 'Memory', size_limit: '16Mi' } },
        { name: 'pgbouncer-socket', empty_dir: { medium: 'Memory', size_limit: '1Mi' } },
        { name: 'writable-tmp', empty_dir: { medium: '', size_limit: '64Mi' } },
      ]),
    );
    expect(scratch).toHaveLength(3);
  });

  it('gives sidecars requests and a limit of memory', () => {
    const sidecars: Json[] = [...spec.container, ...spec.init_container].filter(({ name }) =>
      /^(refresher|pgbouncer)/.test(name),
    );
    for (const { resources } of sidecars) {
      expect(resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    }
  });
});
