/**
 * Volumes as values: a container that mounts one brings it into the pod, so a mount without its volume can't be
 * written.
 */
export type Volume = EmptyDirVolume | ConfigVolume | ExistingVolume;

/** Scratch space that lives and dies with the pod. */
export interface EmptyDirVolume {
  readonly kind: 'emptyDir';
  readonly name: string;
  /** @default - `memory`: what it holds never reaches a disk, and counts against the containers' memory limits */
  readonly medium?: 'memory' | 'disk';
  /** Kubernetes quantity, such as `16Mi`. Required: a volume without a limit can evict the pod or fill the node. */
  readonly sizeLimit: string;
}

/** Files from a ConfigMap that the workload construct creates; the pods roll when a file changes. */
export interface ConfigVolume {
  readonly kind: 'config';
  readonly name: string;
  /** Content by file name, literally: a `${` in it stays one. May hold unresolved values, as tokens. */
  readonly files: Readonly<Record<string, string>>;
}

/** A ConfigMap, Secret or claim that exists already. */
export interface ExistingVolume {
  readonly kind: 'configMap' | 'secret' | 'persistentVolumeClaim';
  readonly name: string;
  /** Name of the ConfigMap, Secret or PersistentVolumeClaim in the pod's namespace. */
  readonly source: string;
}

/** A volume at a path of one container. */
export interface Mount {
  readonly volume: Volume;
  readonly path: string;
  /** @default true - one writer a volume: say `false` in the one container that writes */
  readonly readOnly?: boolean;
  /** @default - the whole volume */
  readonly subPath?: string;
}
