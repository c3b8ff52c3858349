import type { ConfigMapV1 } from '@cdktf/provider-kubernetes/lib/config-map-v1';
import {
  DeploymentV1,
  type DeploymentV1SpecTemplateSpecAffinity,
} from '@cdktf/provider-kubernetes/lib/deployment-v1';
import { PodDisruptionBudgetV1 } from '@cdktf/provider-kubernetes/lib/pod-disruption-budget-v1';
import { ServiceAccountV1 } from '@cdktf/provider-kubernetes/lib/service-account-v1';
import { ServiceV1 } from '@cdktf/provider-kubernetes/lib/service-v1';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import type { WorkloadIdentity } from '../identity/workload-identity';
import { checksumAnnotations, createConfigMaps } from './config-maps';
import type { Container } from './container';
import { type ImageReference, imageUri } from './image-reference';
import { workloadLabels } from './labels';
import { runAsNativeSidecars } from './native-sidecars';
import { planPod } from './pod';
import type { PodPlan } from './pod-plan';
import { nativeSidecarIndexes, podTemplate } from './pod-template';
import type { Lifecycle, Sidecar } from './sidecar';
import { isUnresolved, numberText } from './unresolved';
import type { Mount } from './volume';
import { writablePath } from './writable-path';

/** How the Service of a workload looks. It forwards to the app's exposed ports, by name. */
export interface ServiceOptions {
  /** @default - the workload's name */
  readonly name?: string;
  /** @default ClusterIP */
  readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  /** Port of the Service by the name of the app's port. @default - the app's own number */
  readonly ports?: Readonly<Record<string, number>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** How many pods a node drain may take at once: one of the two, as a count or a percentage. */
export type DisruptionBudget =
  | { readonly maxUnavailable: number | `${number}%` }
  | { readonly minAvailable: number | `${number}%` };

export interface TopologySpread {
  /** Label of the nodes to spread over. */
  readonly topologyKey: string;
  /** @default 1 */
  readonly maxSkew?: number;
  /** @default ScheduleAnyway */
  readonly whenUnsatisfiable?: 'ScheduleAnyway' | 'DoNotSchedule';
}

/** Kubernetes' own toleration. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /** In seconds. */
  readonly tolerationSeconds?: number;
}

/** The app container, flat among the other props. */
export interface SidecarDeploymentProps extends Omit<Container, 'name' | 'image'> {
  /** DNS label. Name of the Deployment, and first part of the names of what belongs to it. */
  readonly name: string;
  /** @default - the identity's namespace, or `default` */
  readonly namespace?: string;
  /** Image of the app. */
  readonly image: ImageReference;
  /** Name of the app's container. @default app */
  readonly containerName?: string;
  /** Folders that the app may write, each an emptyDir of 64Mi on disk. For another size mount a `writablePath()`. @default - none */
  readonly writablePaths?: readonly string[];

  /** In the order they start: put the refresher before whoever waits for what it publishes. @default - none */
  readonly sidecars?: readonly Sidecar[];
  /** Run to their end before the app; with `native` beside the sidecars, so that a migration can log in. @default - none */
  readonly initContainers?: readonly Container[];
  /** @default native */
  readonly lifecycle?: Lifecycle;

  /** The pods' AWS identity. @default - none */
  readonly identity?: WorkloadIdentity;
  /**
   * An existing service account. Name it in the second of two workloads that share an identity.
   *
   * @default - one is created: the identity's, or one named like the workload
   */
  readonly serviceAccountName?: string;

  /** @default 2 */
  readonly replicas?: number;
  /** Whether something else, such as a HorizontalPodAutoscaler, owns the number of replicas after the first apply. @default false */
  readonly ignoreReplicaChanges?: boolean;
  /** @default - no Service */
  readonly service?: ServiceOptions | boolean;
  /** @default - one pod at a time, when there are several */
  readonly disruptionBudget?: DisruptionBudget | false;
  /** @default - evenly over hosts and zones where possible, when there are several replicas */
  readonly topologySpread?: readonly TopologySpread[];

  /** uid of every container that doesn't name its own. @default 65532 */
  readonly runAsUser?: number;
  /** @default - `runAsUser` */
  readonly runAsGroup?: number;
  /** @default - `runAsGroup` */
  readonly fsGroup?: number;

  /** `app.kubernetes.io/instance`. Part of the selector: a change replaces the Deployment. @default - `name` */
  readonly instance?: string;
  /** `app.kubernetes.io/component`. @default - none */
  readonly component?: string;
  /** `app.kubernetes.io/part-of`. @default - none */
  readonly partOf?: string;
  /** `app.kubernetes.io/managed-by`. @default terraform */
  readonly managedBy?: string;
  /** More labels, on every object. @default - none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations of the Deployment. @default - none */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Annotations of the pods. @default - none */
  readonly podAnnotations?: Readonly<Record<string, string>>;

  /** In seconds: the app's time to finish, and then the sidecars'. @default 30 */
  readonly terminationGracePeriodSeconds?: number;
  /** In seconds, for a new pod to count as available. @default 0 */
  readonly minReadySeconds?: number;
  /** Old ReplicaSets kept for a rollback. @default 5 */
  readonly revisionHistoryLimit?: number;
  /** In seconds without progress, after which a rollout has failed. @default 600 */
  readonly progressDeadlineSeconds?: number;
  /** Whether `terraform apply` waits for the pods. @default true */
  readonly waitForRollout?: boolean;
  /**
   * In seconds: how long `terraform apply` waits. Must exceed `progressDeadlineSeconds`, or Terraform gives up before
   * Kubernetes can say why.
   *
   * @default - `progressDeadlineSeconds` and 5 minutes
   */
  readonly rolloutTimeoutSeconds?: number;

  /** @default - the cluster's */
  readonly priorityClassName?: string;
  /** @default - any node */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** @default - none */
  readonly tolerations?: readonly Toleration[];
  /** @default - none */
  readonly affinity?: DeploymentV1SpecTemplateSpecAffinity;
  /** Names of Secrets to pull images with. @default - the nodes' own rights */
  readonly imagePullSecrets?: readonly string[];

  /** What must be in place before a pod starts, besides the identity: an image that has to be pushed. @default - nothing */
  readonly dependsOn?: readonly ITerraformDependable[];
}

const DEFAULT_SPREAD: readonly TopologySpread[] = [
  { topologyKey: 'kubernetes.io/hostname' },
  { topologyKey: 'topology.kubernetes.io/zone' },
];

/**
 * A Deployment of an app and its sidecars, with what belongs to it: ConfigMaps, and where asked for or of use a service
 * account, a Service and a PodDisruptionBudget. Pods conform to Pod Security Standard `restricted`.
 *
 * The Kubernetes resources are public: what the props don't cover can be set on them, or with `addOverride`.
 */
export class SidecarDeployment extends Construct {
  /** The Deployment. */
  readonly resource: DeploymentV1;
  readonly service?: ServiceV1;
  readonly serviceAccount?: ServiceAccountV1;
  readonly podDisruptionBudget?: PodDisruptionBudgetV1;
  /** By the name of their volume. */
  readonly configMaps: Readonly<Record<string, ConfigMapV1>>;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccountName: string;
  /** Labels that select the pods, for a NetworkPolicy or a monitor. */
  readonly selectorLabels: Readonly<Record<string, string>>;
  /** What the pod was planned to be. */
  readonly plan: PodPlan;

  constructor(scope: Construct, id: string, props: SidecarDeploymentProps) {
    super(scope, id);
    const { all: labels, selector } = workloadLabels({ ...props, extra: props.labels });
    this.name = props.name;
    this.namespace = namespaceOf(props);
    this.selectorLabels = selector;
    const metadata = { namespace: this.namespace, labels: { ...labels } };

    this.plan = planPod({
      ...props,
      app: appContainer(props),
    });
    grantAll(this.plan, props);

    this.configMaps = createConfigMaps(this, this.plan.configVolumes, {
      workload: props.name,
      namespace: this.namespace,
      labels,
    });
    this.serviceAccount = this.createServiceAccount(props, metadata);
    this.serviceAccountName = this.serviceAccount?.metadata.name ?? props.serviceAccountName ?? props.name;

    const replicas = props.replicas ?? 2;
    requireReplicas(replicas);
    const several = isUnresolved(replicas) || replicas > 1;

    this.resource = new DeploymentV1(this, 'deployment', {
      metadata: { ...metadata, name: props.name, annotations: { ...props.annotations } },
      spec: {
        replicas: numberText(replicas),
        minReadySeconds: props.minReadySeconds ?? 0,
        revisionHistoryLimit: props.revisionHistoryLimit ?? 5,
        progressDeadlineSeconds: progressDeadline(props),
        selector: { matchLabels: { ...selector } },
        // A new pod proves itself before an old one goes: a bad configuration costs no capacity.
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '0', maxSurge: '1' } },
        template: this.podTemplate(props, labels, several),
      },
      waitForRollout: props.waitForRollout ?? true,
      timeouts: rolloutTimeouts(props),
      dependsOn: [...(props.identity?.dependencies ?? []), ...(props.dependsOn ?? [])],
      ...(props.ignoreReplicaChanges && { lifecycle: { ignoreChanges: ['spec[0].replicas'] } }),
    });
    runAsNativeSidecars(this.resource, nativeSidecarIndexes(this.plan));

    this.service = this.createService(props, metadata);
    this.podDisruptionBudget = this.createBudget(props, metadata, several);
  }

  private podTemplate(
    props: SidecarDeploymentProps,
    labels: Readonly<Record<string, string>>,
    several: boolean,
  ) {
    const { metadata, spec } = podTemplate(this.plan, {
      labels,
      annotations: {
        ...props.identity?.podAnnotations,
        ...checksumAnnotations(this.plan.configVolumes, this.configMaps),
        ...props.podAnnotations,
      },
      serviceAccountName: this.serviceAccountName,
      configMapName: ({ name }) => this.configMaps[name]?.metadata.name ?? name,
      terminationGracePeriodSeconds: props.terminationGracePeriodSeconds,
    });
    const spread = props.topologySpread ?? (several ? DEFAULT_SPREAD : []);
    return {
      metadata,
      spec: {
        ...spec,
        priorityClassName: props.priorityClassName,
        nodeSelector: props.nodeSelector && { ...props.nodeSelector },
        affinity: props.affinity,
        toleration: props.tolerations?.map(({ tolerationSeconds, ...toleration }) => ({
          ...toleration,
          ...(tolerationSeconds !== undefined && { tolerationSeconds: numberText(tolerationSeconds) }),
        })),
        imagePullSecrets: props.imagePullSecrets?.map(name => ({ name })),
        topologySpreadConstraint: spread.map(({ topologyKey, maxSkew, whenUnsatisfiable }) => ({
          topologyKey,
          maxSkew: maxSkew ?? 1,
          whenUnsatisfiable: whenUnsatisfiable ?? 'ScheduleAnyway',
          labelSelector: [{ matchLabels: { ...this.selectorLabels } }],
        })),
      },
    };
  }

  private createServiceAccount(
    { name, identity, serviceAccountName }: SidecarDeploymentProps,
    metadata: Metadata,
  ): ServiceAccountV1 | undefined {
    if (serviceAccountName !== undefined) return undefined;
    return new ServiceAccountV1(this, 'service-account', {
      metadata: {
        ...metadata,
        name: identity?.serviceAccountName ?? name,
        annotations: { ...identity?.serviceAccountAnnotations },
      },
      automountServiceAccountToken: false,
    });
  }

  private createService(props: SidecarDeploymentProps, metadata: Metadata): ServiceV1 | undefined {
    if (props.service === undefined || props.service === false) return undefined;
    const options = props.service === true ? {} : props.service;
    const ports = (props.ports ?? []).filter(({ exposed }) => exposed !== false);
    if (ports.length === 0) {
      throw new Error(
        `workload "${props.name}" asks for a Service and has no ports: name the app's in ports, or leave service out`,
      );
    }
    const known = ports.map(({ name }) => name);
    const unknown = Object.keys(options.ports ?? {}).find(name => !known.includes(name));
    if (unknown !== undefined) {
      throw new Error(
        `service of workload "${props.name}" maps the port "${unknown}", which the app doesn't have: use ${known.map(name => `"${name}"`).join(' or ')}`,
      );
    }
    return new ServiceV1(this, 'service', {
      metadata: { ...metadata, name: options.name ?? props.name, annotations: { ...options.annotations } },
      spec: {
        type: options.type ?? 'ClusterIP',
        selector: { ...this.selectorLabels },
        port: ports.map(({ name, port, protocol }) => ({
          name,
          port: options.ports?.[name] ?? port,
          targetPort: name,
          protocol: protocol ?? 'TCP',
        })),
      },
    });
  }

  private createBudget(
    { name, disruptionBudget }: SidecarDeploymentProps,
    metadata: Metadata,
    several: boolean,
  ): PodDisruptionBudgetV1 | undefined {
    // For a single replica a budget would either say nothing or block every node drain.
    if (disruptionBudget === false || (disruptionBudget === undefined && !several)) return undefined;
    return new PodDisruptionBudgetV1(this, 'pod-disruption-budget', {
      metadata: { ...metadata, name },
      spec: {
        ...budgetSpec(disruptionBudget ?? { maxUnavailable: 1 }),
        selector: { matchLabels: { ...this.selectorLabels } },
      },
    });
  }
}

interface Metadata {
  readonly namespace: string;
  readonly labels: Record<string, string>;
}

function appContainer(props: SidecarDeploymentProps): Container {
  const writable: Mount[] = (props.writablePaths ?? []).map(path => writablePath(path));
  return {
    name: props.containerName ?? 'app',
    image: imageUri(props.image),
    command: props.command,
    args: props.args,
    env: props.env,
    ports: props.ports,
    mounts: [...(props.mounts ?? []), ...writable],
    requests: props.requests,
    limits: props.limits,
    startupProbe: props.startupProbe,
    readinessProbe: props.readinessProbe,
    livenessProbe: props.livenessProbe,
    security: props.security,
    preStop: props.preStop,
    workingDir: props.workingDir,
    imagePullPolicy: props.imagePullPolicy,
  };
}

function namespaceOf({ name, namespace, identity, serviceAccountName }: SidecarDeploymentProps): string {
  const differ = (a: string | undefined, b: string | undefined) =>
    a !== undefined && b !== undefined && a !== b && !isUnresolved(a) && !isUnresolved(b);
  if (differ(namespace, identity?.namespace)) {
    throw new Error(
      `workload "${name}" is in namespace "${namespace}" and its identity in "${identity?.namespace}": an identity serves one namespace, so use the same`,
    );
  }
  if (differ(serviceAccountName, identity?.serviceAccountName)) {
    throw new Error(
      `workload "${name}" uses service account "${serviceAccountName}" and its identity is for "${identity?.serviceAccountName}": use the same`,
    );
  }
  return namespace ?? identity?.namespace ?? 'default';
}

function grantAll({ grants }: PodPlan, { name, identity }: SidecarDeploymentProps): void {
  const [first] = grants;
  if (first && !identity) {
    throw new Error(
      `sidecars of workload "${name}" need ${first.actions.join(', ')} and the workload has no AWS identity: pass identity`,
    );
  }
  for (const grant of grants) identity?.grant(grant);
}

function requireReplicas(replicas: number): void {
  if (isUnresolved(replicas) || (Number.isInteger(replicas) && replicas >= 0)) return;
  throw new Error(`replicas is ${replicas}: use a whole number from 0`);
}

function progressDeadline({ progressDeadlineSeconds }: SidecarDeploymentProps): number {
  return progressDeadlineSeconds ?? 600;
}

function rolloutTimeouts(props: SidecarDeploymentProps) {
  const deadline = progressDeadline(props);
  if (isUnresolved(deadline) && props.rolloutTimeoutSeconds === undefined) return undefined;
  const timeout = props.rolloutTimeoutSeconds ?? deadline + 300;
  if (!isUnresolved(timeout) && !isUnresolved(deadline) && timeout <= deadline) {
    throw new Error(
      `rolloutTimeoutSeconds is ${timeout} and progressDeadlineSeconds ${deadline}: the first must be the longer, or Terraform gives up before Kubernetes can say why`,
    );
  }
  const duration = `${numberText(timeout)}s`;
  return { create: duration, update: duration, delete: duration };
}

function budgetSpec(budget: DisruptionBudget) {
  const text = (value: number | string) => (typeof value === 'number' ? numberText(value) : value);
  return 'maxUnavailable' in budget
    ? { maxUnavailable: text(budget.maxUnavailable) }
    : { minAvailable: text(budget.minAvailable) };
}
