import { posix } from 'node:path';
import type { RdsTarget } from '../database/rds-target';
import { CA_BUNDLE_FILE, DEFAULT_PROBE_PORT, poolerProbePath } from '../refresher/contract';
import type { ContainerPort, EnvValue, Probe } from '../workload/container';
import { requireDnsLabel } from '../workload/names';
import { distinct } from '../workload/same-value';
import { readShared, type SharedVolume, sharedVolume } from '../workload/shared-volume';
import type { PlacedContainer, Sidecar, SidecarContext, SidecarContribution } from '../workload/sidecar';
import { numberText } from '../workload/unresolved';
import type { ConfigVolume, EmptyDirVolume, Mount } from '../workload/volume';
import { type PooledDatabase, renderIni } from './ini';
import type { Pooler } from './pooler';
import { listenAddresses, type PgBouncerSettings } from './settings';

/** What a PgBouncer is, wherever it runs. */
export interface PgBouncerProps extends PgBouncerSettings {
  /** Unique within a pod; also names its container and volumes. @default pgbouncer */
  readonly name?: string;
  readonly databases: readonly PooledDatabase[];
  /** Volume with `auth_file` and the CA bundle, written by the refresher. @default - `sharedVolume()` */
  readonly shared?: SharedVolume;
  /** `auth_file`, in the shared volume. @default userlist.txt */
  readonly authFile?: string;
  /** `server_tls_ca_file`: absolute path. @default - the bundle that the refresher puts into the shared volume */
  readonly serverTlsCaFile?: string;
  /** Folder of `pgbouncer.ini`. @default /etc/pgbouncer */
  readonly configDirectory?: string;
  /** `unix_socket_dir`, on a volume of its own. @default /run/pgbouncer */
  readonly socketDirectory?: string;
  /** The refresher's `probePort`. @default 9810 */
  readonly probePort?: number;
}

/** What a PgBouncer in a container of its own and one in the app's container have in common. */
export abstract class PgBouncer implements Pooler, Sidecar {
  readonly name: string;
  readonly targets: readonly RdsTarget[];
  readonly authFile: string;
  readonly caFile: string;
  readonly shared: SharedVolume;
  readonly port: number;
  /** The one name that the console on the socket lets in without a password, if the uids are equal. */
  readonly adminUser = 'pgbouncer';
  readonly socketDirectory: string;
  readonly socketVolume: EmptyDirVolume;
  readonly version: string;
  readonly probePort: number;
  /** Absolute path of `pgbouncer.ini`. */
  readonly configPath: string;
  /** Text of `pgbouncer.ini`. */
  readonly ini: string;
  private readonly configVolume: ConfigVolume;
  private readonly pgbouncer: PgBouncerProps;

  constructor(props: PgBouncerProps, version: string) {
    this.pgbouncer = props;
    this.name = props.name ?? 'pgbouncer';
    requireDnsLabel('pooler name', this.name);
    if (props.databases.length === 0) {
      throw new Error(`pooler "${this.name}" has no databases: name at least one`);
    }
    checkDatabases(this.name, props.databases);
    this.version = version;
    this.targets = distinct(props.databases.map(({ target }) => target));
    this.shared = props.shared ?? sharedVolume();
    this.authFile = posix.join(this.shared.path, props.authFile ?? 'userlist.txt');
    this.caFile = props.serverTlsCaFile ?? posix.join(this.shared.path, CA_BUNDLE_FILE);
    this.port = props.listenPort ?? 6432;
    this.socketDirectory = props.socketDirectory ?? '/run/pgbouncer';
    this.socketVolume = {
      kind: 'emptyDir',
      name: `${this.name}-socket`,
      medium: 'memory',
      sizeLimit: '1Mi',
    };
    this.probePort = props.probePort ?? DEFAULT_PROBE_PORT;
    this.ini = renderIni({
      version,
      databases: props.databases,
      settings: props,
      authFile: this.authFile,
      caFile: this.caFile,
      socketDirectory: this.socketDirectory,
    });
    const directory = props.configDirectory ?? '/etc/pgbouncer';
    this.configPath = posix.join(directory, 'pgbouncer.ini');
    this.configVolume = {
      kind: 'config',
      name: `${this.name}-config`,
      files: { 'pgbouncer.ini': this.ini },
    };
  }

  abstract bind(context: SidecarContext): SidecarContribution;

  /** For the container that runs PgBouncer: the one writer of the socket's volume. */
  protected mounts(): Mount[] {
    return [
      readShared(this.shared),
      { volume: this.configVolume, path: posix.dirname(this.configPath) },
      { volume: this.socketVolume, path: this.socketDirectory, readOnly: false },
    ];
  }

  /** libpq's names for the pooler. The database and user only where there is no choice. */
  protected appEnv(): Record<string, EnvValue> {
    const [address] = listenAddresses(this.pgbouncer).filter(name => name !== '*' && name !== '0.0.0.0');
    const [only, ...others] = this.pgbouncer.databases;
    const database = only?.alias ?? only?.database;
    return {
      PGHOST: address ?? '127.0.0.1',
      PGPORT: numberText(this.port),
      ...(only &&
        others.length === 0 && {
          PGUSER: only.target.user,
          ...(database !== undefined && database !== '*' && { PGDATABASE: database }),
        }),
    };
  }

  /**
   * The refresher must know this PgBouncer, and share its uid: the admin console on the socket lets in without a
   * password who has PgBouncer's own uid.
   */
  protected check(containers: readonly PlacedContainer[], self: string): void {
    const running = containers.filter(({ role }) => role !== 'init');
    const me = running.find(({ container }) => container.name === self);
    const refresher = running.find(
      ({ container }) =>
        container.name !== self &&
        container.mounts?.some(
          ({ volume, path }) => volume.name === this.socketVolume.name && path === this.socketDirectory,
        ),
    );
    if (!refresher) {
      throw new Error(
        `pooler "${this.name}" is known to no refresher of the pod, so it would never get a token: pass it to the TokenRefresher as pooler`,
      );
    }
    if (me && me.runAsUser !== refresher.runAsUser) {
      throw new Error(
        `container "${self}" runs pgbouncer as uid ${me.runAsUser} and container "${refresher.container.name}" as uid ${refresher.runAsUser}: the admin console needs equal uids, so set the pod's runAsUser to ${me.runAsUser}`,
      );
    }
  }

  /** What the refresher answers for this PgBouncer. */
  protected healthCheck(): Probe['check'] {
    return { kind: 'http', path: poolerProbePath(this.name), port: this.probePort };
  }

  /** On 127.0.0.1 it is nobody else's business, and elsewhere PgBouncer's clients know it: the pod never announces it. */
  protected listenPort(): ContainerPort {
    return { name: this.name, port: this.port, exposed: false };
  }
}

function checkDatabases(pooler: string, databases: readonly PooledDatabase[]): void {
  const seen = new Map<string, string>();
  for (const { target, database, alias } of databases) {
    if (target.engine !== 'postgres') {
      throw new Error(
        `target "${target.name}" of pooler "${pooler}" is a ${target.engine} database: pgbouncer speaks PostgreSQL alone`,
      );
    }
    const name = alias ?? database;
    const other = seen.get(name);
    if (other !== undefined) {
      throw new Error(
        `targets "${other}" and "${target.name}" of pooler "${pooler}" both give the database "${name}": set alias on one`,
      );
    }
    seen.set(name, target.name);
  }
}
