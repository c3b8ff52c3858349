import { posix } from 'node:path';
import type { Container, Probe } from './container';
import { requireDnsLabel, requireEnvName, requirePort, requirePortName } from './names';
import type { PodPlan } from './pod-plan';
import { isUnresolved } from './unresolved';
import type { Mount } from './volume';

/** Refuses a pod that Kubernetes would refuse, or accept and then never start. Each message names both sides. */
export function checkPod(plan: PodPlan): void {
  const all = [...plan.setup, ...plan.initContainers, ...plan.sidecars, plan.app];
  for (const container of all) checkContainer(container);
  checkUsers(plan, all);
  checkVolumes(plan);
  checkContainerNames(all);
  checkPorts(plan);
  checkProbeOrder(plan);
  checkWriters(plan, all);
}

/** Containers that may run at the same time. Set-up containers run before all of them, one at a time. */
function concurrent(plan: PodPlan): readonly Container[] {
  // A classic pod runs its init containers before any sidecar; a native one beside them.
  const beside = plan.lifecycle === 'native' ? plan.initContainers : [];
  return [...plan.sidecars, ...beside, plan.app];
}

function checkContainer(container: Container): void {
  const { name } = container;
  requireDnsLabel('container name', name);
  if (container.image === '') {
    throw new Error(`container "${name}" has an empty image: name one, with a tag or digest`);
  }
  for (const variable of Object.keys(container.env ?? {})) {
    requireEnvName(`environment variable of container "${name}"`, variable);
  }
  for (const port of container.ports ?? []) {
    if (port.exposed !== false) requirePortName(`port name of container "${name}"`, port.name);
    requirePort(`port "${port.name}" of container "${name}"`, port.port);
  }
  const probes = Object.entries(probesOf(container));
  for (const [kind, { check }] of probes) {
    if (check.kind !== 'exec') requirePort(`port of the ${kind} probe of container "${name}"`, check.port);
  }
  checkPaths(name, container.mounts ?? []);
}

function probesOf(container: Container): Record<string, Probe> {
  const { startupProbe, readinessProbe, livenessProbe } = container;
  return {
    ...(startupProbe && { startup: startupProbe }),
    ...(readinessProbe && { readiness: readinessProbe }),
    ...(livenessProbe && { liveness: livenessProbe }),
  };
}

function checkPaths(container: string, mounts: readonly Mount[]): void {
  const seen = new Map<string, string>();
  for (const { path, volume, readOnly } of mounts) {
    if (!isUnresolved(path) && (!posix.isAbsolute(path) || path.includes(':'))) {
      throw new Error(
        `container "${container}" mounts volume "${volume.name}" at "${path}": use an absolute path without ":"`,
      );
    }
    const place = posix.normalize(path).replace(/(?<=.)\/$/, '');
    const other = seen.get(place);
    if (other !== undefined) {
      throw new Error(
        `container "${container}" mounts both volume "${other}" and volume "${volume.name}" at "${path}": give each its own path`,
      );
    }
    seen.set(place, volume.name);
    if (readOnly === false && volume.kind !== 'emptyDir' && volume.kind !== 'persistentVolumeClaim') {
      throw new Error(
        `container "${container}" wants to write volume "${volume.name}", which comes from a ${volume.kind === 'secret' ? 'Secret' : 'ConfigMap'}: those are read-only, mount an emptyDir volume instead`,
      );
    }
  }
}

function checkUsers(plan: PodPlan, containers: readonly Container[]): void {
  const refuse = (what: string, value: number | undefined) => {
    if (value === undefined || isUnresolved(value)) return;
    if (!Number.isInteger(value) || value < 1 || value > 2_147_483_647) {
      throw new Error(`${what} is ${value}: use a whole number from 1 to 2147483647 (0 is root)`);
    }
  };
  refuse('runAsUser of the pod', plan.runAsUser);
  refuse('runAsGroup of the pod', plan.runAsGroup);
  refuse('fsGroup of the pod', plan.fsGroup);
  for (const { name, security } of containers) {
    refuse(`runAsUser of container "${name}"`, security?.runAsUser);
    refuse(`runAsGroup of container "${name}"`, security?.runAsGroup);
  }
}

/** A positive Kubernetes quantity: a plain number, or one with a binary or decimal suffix. */
const QUANTITY = /^(?!0+(\.0+)?([A-Za-z]|$))\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$/;

function checkVolumes(plan: PodPlan): void {
  for (const volume of plan.volumes) {
    requireDnsLabel('volume name', volume.name);
    if (volume.kind === 'emptyDir') {
      const { sizeLimit } = volume;
      if (!isUnresolved(sizeLimit) && !QUANTITY.test(sizeLimit ?? '')) {
        throw new Error(
          `volume "${volume.name}" has the size limit "${sizeLimit}": use a positive quantity such as 16Mi, or the volume can evict the pod or fill the node`,
        );
      }
    }
    if (volume.kind === 'config') {
      for (const file of Object.keys(volume.files)) {
        if (!/^[-._a-zA-Z0-9]{1,253}$/.test(file) || file === '.' || file === '..') {
          throw new Error(
            `volume "${volume.name}" has a file named "${file}": use 1 to 253 of a-z, A-Z, 0-9, "-", "_" and "."`,
          );
        }
      }
    }
  }
}

function checkContainerNames(containers: readonly Container[]): void {
  const seen = new Set<string>();
  for (const { name } of containers) {
    if (seen.has(name)) {
      throw new Error(`two containers of the pod are named "${name}": give each its own name`);
    }
    seen.add(name);
  }
}

/** Containers of a pod share one network: two can't listen on a port, and a probe reaches whoever listens there. */
function checkPorts(plan: PodPlan): void {
  const listeners = new Map<string, { container: string; port: string }>();
  const portNames = new Map<string, string>();
  for (const container of concurrent(plan)) {
    for (const port of container.ports ?? []) {
      const key = `${port.protocol ?? 'TCP'} ${port.port}`;
      const other = listeners.get(key);
      if (other) {
        throw new Error(
          `containers "${other.container}" ("${other.port}") and "${container.name}" ("${port.name}") both listen on port ${port.port}: give one another port`,
        );
      }
      listeners.set(key, { container: container.name, port: port.name });
      if (port.exposed === false) continue;
      const namesake = portNames.get(port.name);
      if (namesake !== undefined) {
        throw new Error(
          `containers "${namesake}" and "${container.name}" both have a port named "${port.name}": give each its own name`,
        );
      }
      portNames.set(port.name, container.name);
    }
  }
}

/**
 * The kubelet starts native sidecars one by one, each behind the startup probe of the one before. A startup probe that
 * asks a container further down would wait forever.
 */
function checkProbeOrder(plan: PodPlan): void {
  if (plan.lifecycle !== 'native') return;
  const order = [...plan.sidecars, plan.app];
  order.forEach((container, index) => {
    const check = container.startupProbe?.check;
    if (check === undefined || check.kind === 'exec' || isUnresolved(check.port)) return;
    const owner = order.findIndex(other => other.ports?.some(({ port }) => port === check.port));
    if (owner > index) {
      throw new Error(
        `container "${container.name}" starts before container "${order[owner]?.name}", whose port ${check.port} its startup probe asks: neither would ever start, so put the latter's sidecar first`,
      );
    }
  });
}

function checkWriters(plan: PodPlan, all: readonly Container[]): void {
  const writers = (volume: string, containers: readonly Container[]) =>
    containers.filter(({ mounts }) =>
      mounts?.some(mount => mount.volume.name === volume && mount.readOnly === false),
    );
  for (const volume of plan.volumes) {
    const [first, second] = writers(volume.name, concurrent(plan));
    if (first && second) {
      throw new Error(
        `containers "${first.name}" and "${second.name}" both write volume "${volume.name}": a volume has one writer, so mount it readOnly in the other, or give it a volume of its own`,
      );
    }
    if (volume.kind === 'emptyDir' && writers(volume.name, all).length === 0) {
      const reader = all.find(({ mounts }) => mounts?.some(mount => mount.volume.name === volume.name));
      throw new Error(
        `container "${reader?.name}" reads volume "${volume.name}", which no container of the pod writes: add the sidecar that does, or mount it with readOnly: false`,
      );
    }
  }
}
