import type { Container, ContainerPort, EnvValue, Probe, ResourceAmounts } from './container';
import type { PodPlan } from './pod-plan';
import { numberText } from './unresolved';
import type { ConfigVolume, Mount, Volume } from './volume';

/**
 * A pod template as the Kubernetes provider's `_v1` resources take it; the same value fits a Deployment, a
 * StatefulSet, a Job and a CronJob. Derived, so that its type can't lag behind what is written.
 */
export type PodTemplate = ReturnType<typeof podTemplate>;

/** What a pod template needs that isn't in the pod itself. */
export interface PodTemplateOptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly serviceAccountName: string;
  /** Name of the ConfigMap that was made for a volume. */
  readonly configMapName: (volume: ConfigVolume) => string;
  /** In seconds. @default 30 */
  readonly terminationGracePeriodSeconds?: number;
}

/**
 * Writes a plan down. Every field whose default in the provider or in Kubernetes is unsafe is written out, whether
 * or not it was asked for.
 */
export function podTemplate(plan: PodPlan, options: PodTemplateOptions) {
  const { initContainers, containers } = containerOrder(plan);
  return {
    metadata: {
      labels: { ...options.labels },
      annotations: {
        // `kubectl logs` and `kubectl exec` mean the app, wherever it stands in the list.
        'kubectl.kubernetes.io/default-container': plan.app.name,
        ...options.annotations,
      },
    },
    spec: {
      serviceAccountName: options.serviceAccountName,
      // The credentials of IRSA and Pod Identity come in a token of their own; nobody needs the Kubernetes API's.
      automountServiceAccountToken: false,
      // A Service named like an app's variable would overwrite it: `FOO_PORT` becomes `tcp://10.0.0.1:80`.
      enableServiceLinks: false,
      hostNetwork: false,
      hostPid: false,
      hostIpc: false,
      shareProcessNamespace: false,
      terminationGracePeriodSeconds: options.terminationGracePeriodSeconds ?? 30,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: numberText(plan.runAsUser),
        runAsGroup: numberText(plan.runAsGroup),
        fsGroup: numberText(plan.fsGroup),
        // Large volumes aren't walked at every start when their root already has the right owner.
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      initContainer: initContainers.map(container => containerBlock(container, plan)),
      container: containers.map(container => containerBlock(container, plan)),
      volume: plan.volumes.map(volume => volumeBlock(volume, options.configMapName)),
    },
  };
}

/**
 * `native`: sidecars are init containers that keep running, behind the one-shot ones that must come first.
 * `classic`: sidecars are regular containers and stand before the app, because the kubelet starts regular containers
 * one after the other, image pull included: the app is the last to be delayed, and the sidecars have a head start.
 */
function containerOrder(plan: PodPlan): {
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
} {
  if (plan.lifecycle === 'native') {
    return {
      initContainers: [...plan.setup, ...plan.sidecars, ...plan.initContainers],
      containers: [plan.app],
    };
  }
  return {
    initContainers: [...plan.setup, ...plan.initContainers],
    containers: [...plan.sidecars, plan.app],
  };
}

/** Where the native sidecars stand in the template's `initContainer` list. */
export function nativeSidecarIndexes(plan: PodPlan): number[] {
  return plan.lifecycle === 'native' ? plan.sidecars.map((_, index) => plan.setup.length + index) : [];
}

function containerBlock(container: Container, plan: PodPlan) {
  const { name, image, security } = container;
  return {
    name,
    image,
    imagePullPolicy: container.imagePullPolicy ?? 'IfNotPresent',
    ...(container.command && { command: [...container.command] }),
    ...(container.args && { args: [...container.args] }),
    ...(container.workingDir !== undefined && { workingDir: container.workingDir }),
    env: Object.entries(container.env ?? {}).map(([key, value]) => envBlock(key, value)),
    port: (container.ports ?? []).filter(({ exposed }) => exposed !== false).map(portBlock),
    resources: {
      requests: amounts(container.requests),
      limits: amounts(container.limits),
    },
    ...(container.startupProbe && { startupProbe: probeBlock(container.startupProbe) }),
    ...(container.readinessProbe && { readinessProbe: probeBlock(container.readinessProbe) }),
    ...(container.livenessProbe && { livenessProbe: probeBlock(container.livenessProbe) }),
    ...(container.preStop && { lifecycle: { preStop: [{ exec: { command: [...container.preStop] } }] } }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: numberText(security?.runAsUser ?? plan.runAsUser),
      runAsGroup: numberText(security?.runAsGroup ?? plan.runAsGroup),
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: security?.readOnlyRootFilesystem ?? true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMount: (container.mounts ?? []).map(mountBlock),
  };
}

function envBlock(name: string, value: EnvValue) {
  if (typeof value === 'string') return { name, value };
  if ('secret' in value) {
    return { name, valueFrom: { secretKeyRef: { name: value.secret, key: value.key } } };
  }
  if ('configMap' in value) {
    return { name, valueFrom: { configMapKeyRef: { name: value.configMap, key: value.key } } };
  }
  return { name, valueFrom: { fieldRef: { fieldPath: value.field } } };
}

function portBlock({ name, port, protocol }: ContainerPort) {
  return { name, containerPort: port, protocol: protocol ?? 'TCP' };
}

function amounts({ cpu, memory }: ResourceAmounts = {}): Record<string, string> {
  return { ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) };
}

function probeBlock({ check, ...timing }: Probe) {
  return {
    initialDelaySeconds: timing.initialDelaySeconds ?? 0,
    periodSeconds: timing.periodSeconds ?? 10,
    timeoutSeconds: timing.timeoutSeconds ?? 1,
    failureThreshold: timing.failureThreshold ?? 3,
    successThreshold: 1,
    ...(check.kind === 'http' && { httpGet: { path: check.path, port: numberText(check.port) } }),
    ...(check.kind === 'tcp' && { tcpSocket: [{ port: numberText(check.port) }] }),
    ...(check.kind === 'exec' && { exec: { command: [...check.command] } }),
  };
}

function mountBlock({ volume, path, readOnly, subPath }: Mount) {
  return {
    name: volume.name,
    mountPath: path,
    readOnly: readOnly ?? true,
    ...(subPath !== undefined && { subPath }),
  };
}

function volumeBlock(volume: Volume, configMapName: (volume: ConfigVolume) => string) {
  const { name } = volume;
  switch (volume.kind) {
    case 'emptyDir':
      return {
        name,
        emptyDir: { medium: volume.medium === 'disk' ? '' : 'Memory', sizeLimit: volume.sizeLimit },
      };
    case 'config':
      return { name, configMap: { name: configMapName(volume), defaultMode: '0444' } };
    case 'configMap':
      return { name, configMap: { name: volume.source, defaultMode: '0444' } };
    case 'secret':
      // Owned by root: the containers read it by the pod's fsGroup.
      return { name, secret: { secretName: volume.source, defaultMode: '0440' } };
    case 'persistentVolumeClaim':
      return { name, persistentVolumeClaim: { claimName: volume.source } };
  }
}
