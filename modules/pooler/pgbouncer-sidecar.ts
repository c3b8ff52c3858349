import type { Container, ResourceAmounts } from '../workload/container';
import { type ImageReference, imageUri } from '../workload/image-reference';
import type { SidecarContext, SidecarContribution } from '../workload/sidecar';
import { PgBouncer, type PgBouncerProps } from './pgbouncer';

/**
 * A public image, for a first try: mirror it into your own registry and pin it by digest.
 * Source: https://github.com/edoburu/docker-pgbouncer
 */
export const DEFAULT_PGBOUNCER_IMAGE = 'docker.io/edoburu/pgbouncer:v1.25.2-p0';
/** What `DEFAULT_PGBOUNCER_IMAGE` holds. */
export const DEFAULT_PGBOUNCER_VERSION = '1.25.2';

export interface PgBouncerSidecarProps extends PgBouncerProps {
  /** Any image with `pgbouncer` on its PATH; its entrypoint isn't used. @default - `DEFAULT_PGBOUNCER_IMAGE` */
  readonly image?: ImageReference;
  /** PgBouncer's version in `image`, such as `1.24`: it decides on settings and how long a token may be. @default 1.25.2 */
  readonly version?: string;
  /** @default - cpu 50m, memory 64Mi */
  readonly requests?: ResourceAmounts;
  /** @default - memory 256Mi */
  readonly limits?: ResourceAmounts;
  /**
   * With the lifecycle `classic`, in seconds: how long PgBouncer serves on after the pod was told to stop, because the app
   * is told at the same moment and still needs it. Runs `sleep`, which the image must hold; 0 leaves it out.
   *
   * @default 10
   */
  readonly classicDrainSeconds?: number;
}

/**
 * PgBouncer in a container of its own, between the app and the database.
 *
 * The kubelet can't reach a PgBouncer on 127.0.0.1, and the image may hold no client: the refresher, who is on its admin
 * console anyway, answers for it. Startup and readiness ask there. There is no liveness probe: PgBouncer exits when it
 * fails, and a restart on somebody else's word would cut every connection of a pooler that works.
 *
 * A native sidecar is stopped after the app. Since 1.23 SIGTERM lets clients finish first; before, it ends at once, and
 * by then no client is left.
 */
export class PgBouncerSidecar extends PgBouncer {
  private readonly props: PgBouncerSidecarProps;

  constructor(props: PgBouncerSidecarProps) {
    if (
      props.version !== undefined &&
      props.image === undefined &&
      props.version !== DEFAULT_PGBOUNCER_VERSION
    ) {
      throw new Error(
        `pgbouncer version "${props.version}" isn't the default image's, which has ${DEFAULT_PGBOUNCER_VERSION}: name the image that has it, or leave version out`,
      );
    }
    super(props, props.version ?? DEFAULT_PGBOUNCER_VERSION);
    this.props = props;
  }

  bind(context: SidecarContext): SidecarContribution {
    return {
      containers: [this.container(context)],
      appEnv: this.appEnv(),
      check: containers => this.check(containers, this.name),
    };
  }

  private container({ lifecycle }: SidecarContext): Container {
    const check = this.healthCheck();
    const drain = this.props.classicDrainSeconds ?? 10;
    return {
      name: this.name,
      image: imageUri(this.props.image ?? DEFAULT_PGBOUNCER_IMAGE),
      command: ['pgbouncer', this.configPath],
      ports: [this.listenPort()],
      mounts: this.mounts(),
      requests: this.props.requests ?? { cpu: '50m', memory: '64Mi' },
      limits: this.props.limits ?? { memory: '256Mi' },
      // A minute: the refresher is up before, so that this is PgBouncer's own time alone.
      startupProbe: { check, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
      readinessProbe: { check, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 },
      ...(lifecycle === 'classic' && drain > 0 && { preStop: ['sleep', String(drain)] }),
    };
  }
}
