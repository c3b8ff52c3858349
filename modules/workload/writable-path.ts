import type { Mount } from './volume';

export interface WritablePathOptions {
  /** @default - derived from the path */
  readonly name?: string;
  /** @default disk */
  readonly medium?: 'memory' | 'disk';
  /** Kubernetes quantity. @default 64Mi */
  readonly sizeLimit?: string;
}

/**
 * A folder that one container may write although its root file system is read-only, such as `/tmp`. Gone with
 * the pod.
 */
export function writablePath(path: string, options: WritablePathOptions = {}): Mount {
  return {
    path,
    readOnly: false,
    volume: {
      kind: 'emptyDir',
      name: options.name ?? volumeNameOf(path),
      medium: options.medium ?? 'disk',
      sizeLimit: options.sizeLimit ?? '64Mi',
    },
  };
}

function volumeNameOf(path: string): string {
  const words = path
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `writable-${words}`.slice(0, 63).replace(/-$/, '');
}
