import type { WorkloadIdentity } from '../identity/workload-identity';
import type { Container, EnvValue } from './container';
import { checkPod } from './pod-checks';
import type { PodPlan } from './pod-plan';
import { distinct, sameValue } from './same-value';
import type { Lifecycle, PlacedContainer, Sidecar, SidecarContext, SidecarContribution } from './sidecar';
import type { Volume } from './volume';

/** uid, gid and fsGroup unless told otherwise: `nonroot` of the distroless images. */
export const DEFAULT_USER_ID = 65_532;

/** What any workload runs: an app, and what stands beside it. A Deployment, a Job or a StatefulSet is thin around it. */
export interface Pod {
  readonly app: Container;
  /** In the order they start; native ones stop in reverse. */
  readonly sidecars?: readonly Sidecar[];
  /**
   * Run to their end before the app. With `native` they run when the sidecars are up, so that a migration can log in.
   */
  readonly initContainers?: readonly Container[];
  /** @default native */
  readonly lifecycle?: Lifecycle;
  readonly identity?: WorkloadIdentity;
  /** uid of every container that doesn't name its own. 0 is refused. @default 65532 */
  readonly runAsUser?: number;
  /** gid of every container that doesn't name its own. 0 is refused. @default - `runAsUser` */
  readonly runAsGroup?: number;
  /** Group of the files on the volumes. 0 is refused. @default - `runAsGroup` */
  readonly fsGroup?: number;
}

/**
 * Turns a pod into its plan.
 *
 * @throws if two parts of the pod contradict each other; the message names both.
 */
export function planPod(pod: Pod): PodPlan {
  const lifecycle = pod.lifecycle ?? 'native';
  const runAsUser = pod.runAsUser ?? DEFAULT_USER_ID;
  const runAsGroup = pod.runAsGroup ?? runAsUser;
  const fsGroup = pod.fsGroup ?? runAsGroup;
  const context: SidecarContext = { lifecycle, identity: pod.identity, runAsUser, runAsGroup };

  const sidecars = pod.sidecars ?? [];
  requireUniqueSidecars(sidecars);
  const bound = sidecars.map(sidecar => ({ sidecar, contribution: sidecar.bind(context) }));
  const brought = <T>(part: (contribution: SidecarContribution) => readonly T[] | undefined): T[] =>
    bound.flatMap(({ contribution }) => part(contribution) ?? []);

  const app: Container = {
    ...pod.app,
    env: { ...sidecarEnv(bound), ...pod.app.env },
    ports: [...(pod.app.ports ?? []), ...brought(part => part.appPorts)],
    mounts: distinct([...(pod.app.mounts ?? []), ...brought(part => part.appMounts)]),
  };
  const running = brought(part => part.containers);
  const setup = brought(part => part.initContainers);
  const initContainers = pod.initContainers ?? [];
  const volumes = collectVolumes([...setup, ...running, ...initContainers, app]);

  const plan: PodPlan = {
    lifecycle,
    app,
    sidecars: running,
    setup,
    initContainers,
    volumes,
    configVolumes: volumes.filter(volume => volume.kind === 'config'),
    grants: brought(part => part.grants),
    runAsUser,
    runAsGroup,
    fsGroup,
  };
  checkPod(plan);
  const placed = placedContainers(plan);
  for (const { contribution } of bound) contribution.check?.(placed);
  // Last, because it may follow from a mistake that a sidecar knows by name.
  checkSidecarEnv(bound, pod.app);
  return plan;
}

function placedContainers(plan: PodPlan): PlacedContainer[] {
  const place = (role: PlacedContainer['role']) => (container: Container) => ({
    role,
    container,
    runAsUser: container.security?.runAsUser ?? plan.runAsUser,
  });
  return [
    ...[...plan.setup, ...plan.initContainers].map(place('init')),
    ...plan.sidecars.map(place('sidecar')),
    place('app')(plan.app),
  ];
}

function requireUniqueSidecars(sidecars: readonly Sidecar[]): void {
  const names = sidecars.map(sidecar => sidecar.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Error(`two sidecars are named "${twice}": give each its own name, and pass a sidecar once`);
  }
}

interface BoundSidecar {
  readonly sidecar: Sidecar;
  readonly contribution: SidecarContribution;
}

function sidecarEnv(bound: readonly BoundSidecar[]): Record<string, EnvValue> {
  return Object.assign({}, ...bound.map(({ contribution }) => contribution.appEnv));
}

/** A variable that two sidecars set differently has no right value: only the app can choose. */
function checkSidecarEnv(bound: readonly BoundSidecar[], app: Container): void {
  const env = new Map<string, { value: EnvValue; from: string }>();
  for (const { sidecar, contribution } of bound) {
    for (const [name, value] of Object.entries(contribution.appEnv ?? {})) {
      const other = env.get(name);
      if (other && !sameValue(other.value, value) && app.env?.[name] === undefined) {
        throw new Error(
          `sidecars "${other.from}" and "${sidecar.name}" both set the app's variable "${name}": set it in the app's env, whose value wins`,
        );
      }
      env.set(name, { value, from: sidecar.name });
    }
  }
}

function collectVolumes(containers: readonly Container[]): Volume[] {
  const volumes = new Map<string, { volume: Volume; container: string }>();
  for (const container of containers) {
    for (const { volume } of container.mounts ?? []) {
      const known = volumes.get(volume.name);
      if (known && !sameValue(known.volume, volume)) {
        throw new Error(
          `containers "${known.container}" and "${container.name}" mount two different volumes named "${volume.name}": give each volume its own name, or use one value for both`,
        );
      }
      if (!known) volumes.set(volume.name, { volume, container: container.name });
    }
  }
  return [...volumes.values()].map(({ volume }) => volume);
}
