import type { EmptyDirVolume, Mount } from './volume';

/** A volume that has the same path in every container that mounts it, so that a file has one name in the pod. */
export interface SharedVolume {
  readonly volume: EmptyDirVolume;
  readonly path: string;
}

export interface SharedVolumeOptions {
  /** @default shared */
  readonly name?: string;
  /** @default /shared */
  readonly path?: string;
  /** Kubernetes quantity. @default 16Mi - a userlist, a CA bundle of some 250 KiB and the temporary file beside each */
  readonly sizeLimit?: string;
}

/** The memory-backed volume through which the refresher hands credentials to the other containers. */
export function sharedVolume(options: SharedVolumeOptions = {}): SharedVolume {
  return {
    volume: {
      kind: 'emptyDir',
      name: options.name ?? 'shared',
      medium: 'memory',
      sizeLimit: options.sizeLimit ?? '16Mi',
    },
    path: options.path ?? '/shared',
  };
}

/** For the containers that read. */
export function readShared(shared: SharedVolume): Mount {
  return { volume: shared.volume, path: shared.path };
}

/** For the one container that writes. */
export function writeShared(shared: SharedVolume): Mount {
  return { volume: shared.volume, path: shared.path, readOnly: false };
}
