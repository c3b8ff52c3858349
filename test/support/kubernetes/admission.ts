import type { ApiObject } from '../../../stacks/manifests/convert';
import type { Json } from '../synth';

/**
 * What the API server refuses although the schema takes it, as far as it can concern the objects of this project.
 * Source: `pkg/apis/core/validation`, `pkg/apis/apps/validation` and `pkg/apis/policy/validation` of Kubernetes.
 *
 * @param version such as `1.29`
 */
export function admissionProblems(object: ApiObject, version: string): string[] {
  const { metadata, spec } = object as Json;
  const problems = [...nameProblems(metadata?.name), ...labelProblems(metadata)];
  switch (object.kind) {
    case 'Deployment':
    case 'StatefulSet':
      problems.push(...selectorProblems(spec), ...podProblems(spec.template, Number(version.split('.')[1])));
      if (object.kind === 'Deployment') problems.push(...rolloutProblems(spec));
      break;
    case 'PodDisruptionBudget':
      if ((spec.minAvailable === undefined) === (spec.maxUnavailable === undefined)) {
        problems.push('a budget takes exactly one of minAvailable and maxUnavailable');
      }
      break;
    case 'Service':
      if ((spec.ports ?? []).length === 0) problems.push('a Service takes a port');
      problems.push(...duplicates('port name', spec.ports));
      break;
    case 'ConfigMap':
      if (JSON.stringify(object.data ?? {}).length > 1_048_576) problems.push('a ConfigMap takes 1 MiB');
      break;
  }
  return problems;
}

/** A native sidecar's init container. */
const restarts = ({ restartPolicy }: Json) => restartPolicy === 'Always';

function podProblems(template: Json, minor: number): string[] {
  const { metadata, spec } = template;
  const init: Json[] = spec.initContainers ?? [];
  const containers: Json[] = spec.containers ?? [];
  const volumes: string[] = (spec.volumes ?? []).map(({ name }: Json) => name);
  const every = [...init, ...containers];
  return [
    ...labelProblems(metadata),
    ...(containers.length === 0 ? ['a pod takes a container'] : []),
    ...duplicates('container', every),
    ...duplicates('volume', spec.volumes),
    ...(spec.volumes ?? []).flatMap((volume: Json) => oneOf(`volume ${volume.name}`, volume, ['name'])),
    ...every.flatMap(container => containerProblems(container, volumes)),
    // Sidecars run beside the containers.
    ...duplicatePortNames([...init.filter(restarts), ...containers]),
    ...init.flatMap(container => initProblems(container, minor)),
    ...containers
      .filter(({ restartPolicy }) => restartPolicy !== undefined)
      .map(({ name }) => `container ${name} has a restartPolicy, which is for init containers`),
  ];
}

function initProblems(container: Json, minor: number): string[] {
  const { name, restartPolicy, livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  if (restarts(container)) {
    return minor < 29 ? [`init container ${name} restarts always, which takes 1.29`] : [];
  }
  const odd = { livenessProbe, readinessProbe, startupProbe, lifecycle, restartPolicy };
  return Object.entries(odd)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => `init container ${name} has a ${field}, and runs once`);
}

function containerProblems(container: Json, volumes: readonly string[]): string[] {
  const { name, volumeMounts = [], env = [], resources, lifecycle = {} } = container;
  const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'].filter(probe => container[probe]);
  const paths = volumeMounts.map(({ mountPath }: Json) => mountPath);
  return [
    ...nameProblems(name),
    ...(container.image ? [] : [`container ${name} has no image`]),
    ...volumeMounts
      .filter((mount: Json) => !volumes.includes(mount.name))
      .map((mount: Json) => `container ${name} mounts volume ${mount.name}, which the pod doesn't have`),
    ...(new Set(paths).size < paths.length ? [`container ${name} mounts two volumes at one path`] : []),
    ...env
      .filter((variable: Json) => variable.value !== undefined && variable.valueFrom !== undefined)
      .map((variable: Json) => `variable ${variable.name} of container ${name} has two values`),
    ...probes.flatMap(probe => probeProblems(`${probe} of container ${name}`, container[probe])),
    ...probes
      .filter(probe => probe !== 'readinessProbe' && (container[probe].successThreshold ?? 1) !== 1)
      .map(probe => `${probe} of container ${name} has another successThreshold than 1`),
    ...Object.entries(lifecycle).flatMap(([hook, handler]) =>
      oneOf(`${hook} of container ${name}`, handler as Json, []),
    ),
    ...Object.entries(resources?.limits ?? {})
      .filter(([amount, limit]) => quantity(resources?.requests?.[amount] ?? '0') > quantity(limit as string))
      .map(([amount]) => `container ${name} requests more ${amount} than its limit`),
  ];
}

function probeProblems(what: string, probe: Json): string[] {
  const timing = Object.entries(probe).filter(([, value]) => typeof value === 'number') as [string, number][];
  return [
    ...oneOf(
      what,
      probe,
      timing.map(([field]) => field),
    ),
    ...timing
      .filter(([field, value]) => value < (field === 'initialDelaySeconds' ? 0 : 1))
      .map(([field, value]) => `${field} of ${what} is ${value}`),
  ];
}

/** Exactly one field besides those that aren't choices. */
function oneOf(what: string, value: Json, others: readonly string[]): string[] {
  const choices = Object.keys(value).filter(key => !others.includes(key));
  return choices.length === 1
    ? []
    : [`${what} takes exactly one of its kinds, and has ${choices.join(', ') || 'none'}`];
}

function selectorProblems({ selector, template }: Json): string[] {
  const labels = template.metadata?.labels ?? {};
  const wanted = Object.entries(selector?.matchLabels ?? {});
  if (wanted.length === 0) return ['a selector takes a label'];
  return wanted.every(([key, value]) => labels[key] === value) ? [] : ['the selector selects other pods'];
}

function rolloutProblems({ strategy, progressDeadlineSeconds = 600, minReadySeconds = 0 }: Json): string[] {
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  return [
    ...(maxSurge === 0 && maxUnavailable === 0 ? ['a rollout takes maxSurge or maxUnavailable'] : []),
    ...(progressDeadlineSeconds <= minReadySeconds
      ? ['progressDeadlineSeconds must be longer than minReadySeconds']
      : []),
  ];
}

/** `${...}` stands for what Terraform will know. */
const unresolved = (text: string) => text.includes('${');

function nameProblems(name: unknown): string[] {
  if (typeof name !== 'string') return ['there is no name'];
  if (unresolved(name) || /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return [];
  return [`"${name}" is no name`];
}

function labelProblems(metadata: Json): string[] {
  const labels = Object.entries<string>(metadata?.labels ?? {});
  const keys = [...labels, ...Object.entries<string>(metadata?.annotations ?? {})].map(([key]) => key);
  const key = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;
  return [
    ...keys.filter(name => !key.test(name)).map(name => `"${name}" is no key of a label or annotation`),
    ...labels
      .filter(([, value]) => !unresolved(value) && !/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/.test(value))
      .map(([name, value]) => `label ${name} can't be "${value}"`),
  ];
}

function duplicates(what: string, values: readonly Json[] = []): string[] {
  const names = values.map(({ name }) => name);
  return names
    .filter((name, index) => names.indexOf(name) !== index)
    .map(name => `there are two of the ${what} ${name}`);
}

function duplicatePortNames(containers: readonly Json[]): string[] {
  return duplicates(
    'port name',
    containers.flatMap(({ ports = [] }) => ports),
  );
}

const FACTORS: Readonly<Record<string, number>> = {
  ...{ m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 },
};

function quantity(text: string | number): number {
  const [, amount, unit = ''] = /^([\d.]+)(\w*)$/.exec(String(text)) ?? [];
  const factor = FACTORS[unit];
  if (amount === undefined || factor === undefined) throw new Error(`"${text}" is no quantity`);
  return Number(amount) * factor;
}
