import type { Mount } from './volume';

/** A port that a container listens on. Two containers of a pod can't share one. */
export interface ContainerPort {
  /** Unique in the pod, at most 15 characters. */
  readonly name: string;
  readonly port: number;
  /** @default TCP */
  readonly protocol?: 'TCP' | 'UDP';
  /**
   * `false` for a port on 127.0.0.1: it takes part in the check for clashes, and the pod doesn't announce it.
   *
   * @default true
   */
  readonly exposed?: boolean;
}

/** Kubernetes quantities. */
export interface ResourceAmounts {
  readonly cpu?: string;
  readonly memory?: string;
}

/** A check that the kubelet runs. Its defaults are Kubernetes' own. */
export interface Probe {
  readonly check:
    | { readonly kind: 'http'; readonly path: string; readonly port: number }
    | { readonly kind: 'tcp'; readonly port: number }
    | { readonly kind: 'exec'; readonly command: readonly string[] };
  /** @default 0 */
  readonly initialDelaySeconds?: number;
  /** @default 10 */
  readonly periodSeconds?: number;
  /** @default 1 */
  readonly timeoutSeconds?: number;
  /** @default 3 */
  readonly failureThreshold?: number;
}

/**
 * Where a container departs from Pod Security Standard `restricted`. Leaving it out is the safe choice.
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export interface ContainerSecurity {
  /** @default - the pod's `runAsUser` */
  readonly runAsUser?: number;
  /** @default - the pod's `runAsGroup` */
  readonly runAsGroup?: number;
  /** @default true */
  readonly readOnlyRootFilesystem?: boolean;
}

/** An environment variable: a plain value, or a key of a Secret or ConfigMap. Never put a secret in plain. */
export type EnvValue =
  | string
  | { readonly secret: string; readonly key: string }
  | { readonly configMap: string; readonly key: string }
  | { readonly field: string };

export interface Container {
  /** DNS label, unique in the pod. */
  readonly name: string;
  readonly image: string;
  /** @default - the image's entrypoint */
  readonly command?: readonly string[];
  /** @default - the image's command */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, EnvValue>>;
  readonly ports?: readonly ContainerPort[];
  readonly mounts?: readonly Mount[];
  readonly requests?: ResourceAmounts;
  readonly limits?: ResourceAmounts;
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly security?: ContainerSecurity;
  /** Command run in the container before it is sent SIGTERM. */
  readonly preStop?: readonly string[];
  /** @default - the image's */
  readonly workingDir?: string;
  /** @default IfNotPresent */
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
}
