import type { PlacedContainer, SidecarContribution } from '../workload/sidecar';
import { PgBouncer, type PgBouncerProps } from './pgbouncer';

export interface EmbeddedPgBouncerProps extends PgBouncerProps {
  /** PgBouncer's version in the app's image, such as `1.24`: it decides on settings and how long a token may be. */
  readonly version: string;
}

/**
 * PgBouncer inside the app's own image, started by the app's entrypoint with `pgbouncer <configPath>`. It brings the
 * configuration and the volumes into the app's container; the refresher reloads it as any other.
 *
 * Nothing waits for it to start: that is the entrypoint's business, or the app's startup probe may ask
 * `/poolers/<name>` on the refresher's `probePort`.
 */
export class EmbeddedPgBouncer extends PgBouncer {
  constructor(props: EmbeddedPgBouncerProps) {
    super(props, props.version);
  }

  bind(): SidecarContribution {
    return {
      appMounts: this.mounts(),
      appPorts: [this.listenPort()],
      appEnv: this.appEnv(),
      check: containers => this.check(containers, appName(containers)),
    };
  }
}

function appName(containers: readonly PlacedContainer[]): string {
  return containers.find(({ role }) => role === 'app')?.container.name ?? '';
}
