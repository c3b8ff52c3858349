import type { Json } from '../synth';

/**
 * The controls of Pod Security Standard `restricted` that a pod violates, in the order of the standard's tables, baseline
 * first. Takes a pod's metadata and spec in the API's own form.
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function podSecurityViolations({ metadata, spec }: Json): string[] {
  const pod = spec.securityContext ?? {};
  const containers: Json[] = [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  const found: string[] = [];
  const control = (name: string, holds: boolean) => {
    if (!holds) found.push(name);
  };
  const each = (name: string, holds: (context: Json, container: Json) => boolean) => {
    for (const container of containers) {
      control(`${name} (${container.name})`, holds(container.securityContext ?? {}, container));
    }
  };
  /** For a field that may stand on the pod and on each container. */
  const all = (name: string, holds: (context: Json) => boolean) => {
    control(`${name} (pod)`, holds(pod));
    each(name, holds);
  };

  // Baseline
  all('HostProcess', ({ windowsOptions }) => !windowsOptions?.hostProcess);
  control('host namespaces', !spec.hostNetwork && !spec.hostPID && !spec.hostIPC);
  each('privileged', ({ privileged }) => !privileged);
  each('capabilities are added', ({ capabilities }) => within(capabilities?.add, ['NET_BIND_SERVICE']));
  control('hostPath volumes', !volumes(spec).some(volume => volume.hostPath));
  each('host ports', (_, { ports }) => (ports ?? []).every((port: Json) => !port.hostPort));
  each('host probes and hooks', (_, container) => handlers(container).every(({ host }) => !host));
  all('AppArmor', ({ appArmorProfile }) => allows(appArmorProfile?.type, ['RuntimeDefault', 'Localhost']));
  control(
    'AppArmor (annotations)',
    Object.entries<string>(metadata?.annotations ?? {}).every(appArmorAllows),
  );
  all(
    'SELinux type',
    ({ seLinuxOptions }) => !seLinuxOptions?.type || SELINUX_TYPES.includes(seLinuxOptions.type),
  );
  all('SELinux user and role', ({ seLinuxOptions }) => !seLinuxOptions?.user && !seLinuxOptions?.role);
  each('proc mount', ({ procMount }) => allows(procMount, ['Default']));
  control(
    'sysctls',
    (pod.sysctls ?? []).every(({ name }: Json) => SAFE_SYSCTLS.includes(name)),
  );

  // Restricted
  control(
    'volume types',
    volumes(spec).every(volume => Object.keys(volume).every(key => VOLUME_FIELDS.includes(key))),
  );
  each('privilege escalation', ({ allowPrivilegeEscalation }) => allowPrivilegeEscalation === false);
  each('running as non-root', ({ runAsNonRoot }) => (runAsNonRoot ?? pod.runAsNonRoot) === true);
  all('running as non-root user', ({ runAsUser }) => runAsUser !== 0);
  each('seccomp', ({ seccompProfile }) => SECCOMP.includes((seccompProfile ?? pod.seccompProfile)?.type));
  control('seccomp (pod)', allows(pod.seccompProfile?.type, SECCOMP));
  each('capabilities are dropped', ({ capabilities }) => (capabilities?.drop ?? []).includes('ALL'));
  return found;
}

const SECCOMP = ['RuntimeDefault', 'Localhost'];
const SELINUX_TYPES = ['container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];
const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const VOLUME_FIELDS = [
  'name',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const volumes = (spec: Json): Json[] => spec.volumes ?? [];
const allows = (value: string | undefined, allowed: readonly string[]) =>
  value === undefined || allowed.includes(value);
const within = (values: readonly string[] | undefined, allowed: readonly string[]) =>
  (values ?? []).every(value => allowed.includes(value));

function appArmorAllows([key, value]: [string, string]): boolean {
  return (
    !key.startsWith('container.apparmor.security.beta.kubernetes.io/') ||
    /^(runtime\/default|localhost\/.*|)$/.test(value)
  );
}

/** What the kubelet asks or runs: probes, and hooks. */
function handlers({ startupProbe, readinessProbe, livenessProbe, lifecycle }: Json): Json[] {
  return [startupProbe, readinessProbe, livenessProbe, lifecycle?.preStop, lifecycle?.postStart].flatMap(
    handler => [handler?.httpGet, handler?.tcpSocket].filter(one => one !== undefined),
  );
}
