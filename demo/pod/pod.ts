/** The pod that a synthesized stack describes, as a kubelet would see it. Pure. */
import * as z from 'zod';
import type { SynthesizedStack } from './terraform';

/** A check that the kubelet runs over HTTP. */
export interface HttpProbe {
  readonly path: string;
  readonly port: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

/** `init` runs to its end, `sidecar` runs on behind its startup probe, `main` runs on. */
export type Role = 'init' | 'sidecar' | 'main';

export interface PodContainer {
  readonly name: string;
  readonly role: Role;
  /** Whether it is what the pod is for. */
  readonly isApp: boolean;
  readonly image: string;
  /** Empty where it is the image's. */
  readonly command: readonly string[];
  /** Empty where they are the image's. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly startupProbe?: HttpProbe;
  readonly mounts: readonly PodMount[];
}

export interface PodMount {
  readonly volume: string;
  readonly path: string;
}

/** Scratch space of the pod, or files of a ConfigMap. */
export type PodVolume =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'files'; readonly files: Readonly<Record<string, string>> };

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** In the order they start. */
  readonly containers: readonly PodContainer[];
  /** By name. */
  readonly volumes: Readonly<Record<string, PodVolume>>;
}

const APP_ANNOTATION = 'kubectl.kubernetes.io/default-container';

const probeBlock = z.looseObject({
  http_get: z.object({ path: z.string(), port: z.coerce.number().int() }).optional(),
  period_seconds: z.number().default(10),
  timeout_seconds: z.number().default(1),
  failure_threshold: z.number().default(3),
});

const containerBlock = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  restart_policy: z.literal('Always').optional(),
  startup_probe: probeBlock.optional(),
  volume_mount: z.array(z.looseObject({ name: z.string(), mount_path: z.string() })).default([]),
});

const volumeBlock = z.looseObject({
  name: z.string(),
  empty_dir: z.looseObject({}).optional(),
  config_map: z.looseObject({ name: z.string() }).optional(),
});

const deploymentBlock = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }),
      spec: z.looseObject({
        service_account_name: z.string(),
        init_container: z.array(containerBlock).default([]),
        container: z.array(containerBlock).min(1),
        volume: z.array(volumeBlock).default([]),
      }),
    }),
  }),
});

const configMapBlock = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  data: z.record(z.string(), z.string()).default({}),
});

/**
 * @throws if the stack has not exactly one Deployment, or its pod needs what only an apply, or a cluster, could give
 */
export function readPod(stack: SynthesizedStack): Pod {
  const deployments = stack.resources('kubernetes_deployment_v1');
  if (deployments.length !== 1) {
    throw new Error(`the stack has ${deployments.length} Deployments: the demo runs the pod of exactly one`);
  }
  const { metadata, spec } = deploymentBlock.parse(deployments[0]);
  const { annotations } = spec.template.metadata;
  const { init_container, container, volume, service_account_name } = spec.template.spec;
  const namespace = stack.known('the namespace', metadata.namespace);
  const app = annotations[APP_ANNOTATION] ?? container.at(-1)?.name;
  return {
    name: stack.known('the name of the Deployment', metadata.name),
    namespace,
    serviceAccount: stack.known('the name of the service account', service_account_name),
    containers: [
      ...init_container.map(block =>
        readContainer(stack, block, block.restart_policy === undefined ? 'init' : 'sidecar', app),
      ),
      ...container.map(block => readContainer(stack, block, 'main', app)),
    ],
    volumes: Object.fromEntries(volume.map(block => [block.name, readVolume(stack, block, namespace)])),
  };
}

function readContainer(
  stack: SynthesizedStack,
  block: z.output<typeof containerBlock>,
  role: Role,
  app: string | undefined,
): PodContainer {
  const { name } = block;
  const known = (text: string) => stack.known(`container "${name}"`, text);
  return {
    name,
    role,
    isApp: role === 'main' && name === app,
    image: stack.resolve(block.image),
    command: block.command.map(known),
    args: block.args.map(known),
    env: Object.fromEntries(
      block.env.map(({ name: variable, value }) => {
        if (value !== undefined) return [variable, known(value)];
        throw new Error(
          `variable "${variable}" of container "${name}" comes from the cluster, which there is none of here`,
        );
      }),
    ),
    startupProbe: block.startup_probe && readProbe(name, block.startup_probe),
    mounts: block.volume_mount.map(({ name: volume, mount_path: path }) => ({ volume, path })),
  };
}

function readProbe(container: string, block: z.output<typeof probeBlock>): HttpProbe {
  if (block.http_get === undefined) {
    throw new Error(
      `the startup probe of container "${container}" is not httpGet, the one kind the demo runs`,
    );
  }
  return {
    ...block.http_get,
    periodSeconds: block.period_seconds,
    timeoutSeconds: block.timeout_seconds,
    failureThreshold: block.failure_threshold,
  };
}

function readVolume(
  stack: SynthesizedStack,
  { name, empty_dir, config_map }: z.output<typeof volumeBlock>,
  namespace: string,
): PodVolume {
  if (empty_dir !== undefined) return { kind: 'scratch' };
  if (config_map === undefined) {
    throw new Error(
      `volume "${name}" is neither an emptyDir nor a ConfigMap, which are all that the demo has`,
    );
  }
  const wanted = stack.resolve(config_map.name);
  const found = stack
    .resources('kubernetes_config_map_v1')
    .map(block => configMapBlock.parse(block))
    .find(
      ({ metadata }) =>
        stack.resolve(metadata.name) === wanted && stack.resolve(metadata.namespace) === namespace,
    );
  if (found === undefined) throw new Error(`ConfigMap "${wanted}" of volume "${name}" is not in the stack`);
  const files = Object.entries(found.data).map(([file, text]) => [
    file,
    stack.known(`file "${file}" of ConfigMap "${wanted}"`, text),
  ]);
  return { kind: 'files', files: Object.fromEntries(files) };
}
