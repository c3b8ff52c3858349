import type { PolicyGrant } from '../identity/workload-identity';
import type { Container } from './container';
import type { Lifecycle } from './sidecar';
import type { ConfigVolume, Volume } from './volume';

/** The pod with everything its sidecars brought, checked: what is left to do is to write it down. */
export interface PodPlan {
  readonly lifecycle: Lifecycle;
  /** With the sidecars' mounts and variables. */
  readonly app: Container;
  readonly sidecars: readonly Container[];
  /** Run to their end before the sidecars. */
  readonly setup: readonly Container[];
  /** Run to their end before the app; with `native`, beside the sidecars. */
  readonly initContainers: readonly Container[];
  readonly volumes: readonly Volume[];
  /** Those of `volumes` whose ConfigMap has to be created. */
  readonly configVolumes: readonly ConfigVolume[];
  readonly grants: readonly PolicyGrant[];
  readonly runAsUser: number;
  readonly runAsGroup: number;
  readonly fsGroup: number;
}
