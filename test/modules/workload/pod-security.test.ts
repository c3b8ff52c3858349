import { describe, expect, it } from 'vitest';
import { PgBouncerSidecar } from '../../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher } from '../../../modules/refresher/token-refresher';
import { writablePath } from '../../../modules/workload/writable-path';
import type { Json } from '../../support/synth';
import { deploy, testIdentity } from './fixtures';
import { target } from './target';

/**
 * The controls of Pod Security Standard `restricted`, in the order of its tables, baseline first.
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
function violations(spec: Json): string[] {
  const pod = spec.security_context ?? {};
  const containers: Json[] = [...spec.container, ...(spec.init_container ?? [])];
  const contexts = containers.map(({ name, security_context }) => ({ name, ...security_context }));
  const found: string[] = [];
  const control = (name: string, holds: boolean) => holds || found.push(name);
  const each = (name: string, holds: (context: Json) => boolean) => {
    for (const context of contexts) control(`${name} (${context.name})`, holds(context));
  };
  const allowedVolumes = [
    'config_map',
    'csi',
    'downward_api',
    'empty_dir',
    'ephemeral',
    'persistent_volume_claim',
    'projected',
    'secret',
  ];

  control('HostProcess', ![pod, ...contexts].some(({ windows_options }) => windows_options?.host_process));
  control('host namespaces', !spec.host_network && !spec.host_pid && !spec.host_ipc);
  each('privileged', ({ privileged }) => !privileged);
  each('capabilities are added', ({ capabilities }) =>
    (capabilities?.add ?? []).every((one: string) => one === 'NET_BIND_SERVICE'),
  );
  control('hostPath volumes', !spec.volume.some((volume: Json) => volume.host_path));
  control('host ports', !containers.some(({ port }) => (port ?? []).some((one: Json) => one.host_port)));
  control('AppArmor', true);
  control('SELinux', ![pod, ...contexts].some(({ se_linux_options }) => se_linux_options));
  control('proc mount', !contexts.some(({ proc_mount }) => proc_mount));
  control('sysctls', (pod.sysctl ?? []).length === 0);
  control(
    'volume types',
    spec.volume.every((volume: Json) =>
      Object.keys(volume).every(key => key === 'name' || allowedVolumes.includes(key)),
    ),
  );
  each('privilege escalation', context => context.allow_privilege_escalation === false);
  each('running as non-root', context => pod.run_as_non_root === true && context.run_as_non_root !== false);
  each('running as non-root user', context => ![pod.run_as_user, context.run_as_user].includes('0'));
  each('seccomp', context =>
    ['RuntimeDefault', 'Localhost'].includes((context.seccomp_profile ?? pod.seccomp_profile)?.type),
  );
  each('capabilities are dropped', ({ capabilities }) => (capabilities?.drop ?? []).includes('ALL'));
  return found;
}

const pooler = () => new PgBouncerSidecar({ databases: [{ target: target(), database: 'orders' }] });

describe.each(['native', 'classic'] as const)('the default pod (%s)', lifecycle => {
  const pgbouncer = pooler();
  const { template } = deploy({
    lifecycle,
    identity: testIdentity(),
    sidecars: [new TokenRefresher({ image: 'refresher:1', pooler: pgbouncer }), pgbouncer],
    initContainers: [{ name: 'migrate', image: 'registry.example.com/orders:1', args: ['migrate'] }],
    ports: [{ name: 'http', port: 8000 }],
    mounts: [writablePath('/tmp')],
  });
  const { spec } = template;

  it('conforms to the Pod Security Standard restricted', () => {
    expect(violations(spec)).toEqual([]);
  });

  it('is judged by a list that knows a violation', () => {
    const worse = structuredClone(spec);
    worse.host_pid = true;
    worse.container[0].security_context.capabilities = { drop: [] };
    worse.init_container[0].security_context.run_as_user = '0';
    worse.volume.push({ name: 'host', host_path: { path: '/' } });
    delete worse.security_context.seccomp_profile;
    delete worse.container[0].security_context.seccomp_profile;
    expect(violations(worse)).toHaveLength(6);
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
