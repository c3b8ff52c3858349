import type { PolicyGrant, WorkloadIdentity } from '../identity/workload-identity';
import type { Container, ContainerPort, EnvValue } from './container';
import type { Mount } from './volume';

/**
 * How sidecars run. `native`: init containers with `restartPolicy: Always` (Kubernetes 1.29 and later), started in
 * order behind their startup probes and stopped in reverse after the app. `classic`: regular containers, after
 * one-shot init containers, for older clusters and the Kubernetes provider 2.x.
 */
export type Lifecycle = 'native' | 'classic';

/** What a sidecar may take into account. */
export interface SidecarContext {
  readonly lifecycle: Lifecycle;
  /** The pod's AWS identity, if it has one. */
  readonly identity?: WorkloadIdentity;
  /** The uid and gid that the pod's containers run with unless they say otherwise. */
  readonly runAsUser: number;
  readonly runAsGroup: number;
}

/** A container of the assembled pod, as a sidecar's `check` sees it. */
export interface PlacedContainer {
  readonly role: 'app' | 'sidecar' | 'init';
  /** With what every sidecar added to it. */
  readonly container: Container;
  /** The uid it runs with. */
  readonly runAsUser: number;
}

/** What a sidecar brings to the pod. */
export interface SidecarContribution {
  /** Run beside the app, in this order. */
  readonly containers?: readonly Container[];
  /** Run to their end, before the sidecars. */
  readonly initContainers?: readonly Container[];
  /** Added to the app container. */
  readonly appMounts?: readonly Mount[];
  /** Ports that the app container listens on because of this sidecar. */
  readonly appPorts?: readonly ContainerPort[];
  /** Added to the app container; the app's own value of a variable wins. */
  readonly appEnv?: Readonly<Record<string, EnvValue>>;
  /** AWS permissions the pod's role needs. */
  readonly grants?: readonly PolicyGrant[];
  /**
   * Called at synth with all containers of the assembled pod, for rules between containers that only this sidecar
   * knows. Throws to refuse, naming both sides.
   */
  readonly check?: (containers: readonly PlacedContainer[]) => void;
}

/** Anything that contributes to a pod: the refresher, PgBouncer, a file sync, a log shipper, or your own. */
export interface Sidecar {
  /** Unique in the pod; used in errors. */
  readonly name: string;
  bind(context: SidecarContext): SidecarContribution;
}
