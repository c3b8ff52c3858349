import { posix } from 'node:path';
import type { RefresherConfigInput } from '../../sidecar-image/src/config/schema';
import { connectGrant } from '../database/connect-grant';
import type { RdsTarget } from '../database/rds-target';
import type { PolicyGrant } from '../identity/workload-identity';
import type { Pooler } from '../pooler/pooler';
import type { Container, ContainerSecurity, EnvValue, Probe, ResourceAmounts } from '../workload/container';
import { type ImageReference, imageUri } from '../workload/image-reference';
import { distinct, sameValue } from '../workload/same-value';
import { readShared, type SharedVolume, sharedVolume, writeShared } from '../workload/shared-volume';
import type { PlacedContainer, Sidecar, SidecarContext, SidecarContribution } from '../workload/sidecar';
import { isUnresolved, numberText } from '../workload/unresolved';
import type { Mount } from '../workload/volume';
import { renderConfig } from './config-file';
import { CA_BUNDLE_FILE, DEFAULT_CONTROL_PORT, DEFAULT_PROBE_PORT } from './contract';
import { defaultOutput, type PlacedOutput, placeOutput, type RefresherOutput } from './outputs';

/** A login and the files to keep fresh for it. */
export interface RefresherTarget {
  readonly target: RdsTarget;
  readonly outputs: readonly RefresherOutput[];
}

export interface TokenRefresherProps {
  /** The refresher's image. */
  readonly image: ImageReference;
  /**
   * Logins to keep fresh. One without outputs gets what its poolers read, or else its engine's client file: `.pgpass`,
   * or `<target>.cnf` for MySQL.
   *
   * @default - the poolers' targets
   */
  readonly targets?: readonly (RdsTarget | RefresherTarget)[];
  /** The PgBouncer to give tokens to, and to reload. @default - none */
  readonly pooler?: Pooler;
  /** The PgBouncers, when there are several. @default - none */
  readonly poolers?: readonly Pooler[];
  /** Names its container and volume. @default refresher */
  readonly name?: string;
  /** Volume that the files go to. @default - the poolers', or `sharedVolume()` */
  readonly shared?: SharedVolume;
  /** File name of the RDS CA bundle in the shared volume. @default rds-ca.pem */
  readonly caBundle?: string | false;
  /** Whether the app's container mounts the shared volume, read-only. @default true */
  readonly shareWithApp?: boolean;
  /** When tokens are renewed, and how often a failure is retried. @default - after two thirds of a token's effective life */
  readonly renewal?: RefresherConfigInput['renewal'];
  /** Where AWS credentials come from. @default - what the workload's identity says */
  readonly credentials?: RefresherConfigInput['credentials'];
  /** Port of the probes and metrics, on the pod's address. @default 9810 */
  readonly probePort?: number;
  /** Port of `POST /quit`, on 127.0.0.1. @default 9811 */
  readonly controlPort?: number;
  /** @default info */
  readonly logLevel?: RefresherConfigInput['logLevel'];
  /** More variables for its container, such as a proxy's. @default - none */
  readonly env?: Readonly<Record<string, EnvValue>>;
  /** @default - cpu 10m, memory 64Mi */
  readonly requests?: ResourceAmounts;
  /** @default - memory 128Mi, and no limit on cpu, which would slow down the start for nothing */
  readonly limits?: ResourceAmounts;
  /** @default - the pod's */
  readonly security?: ContainerSecurity;
}

const CONFIG_DIRECTORY = '/etc/refresher';
const CONFIG_FILE = 'config.json';

/**
 * The sidecar that keeps database logins fresh: it signs RDS IAM tokens, publishes them on the shared volume and has
 * PgBouncer reload them. Put it before whoever needs a token to start.
 */
export class TokenRefresher implements Sidecar {
  readonly name: string;
  readonly shared: SharedVolume;
  readonly probePort: number;
  readonly controlPort: number;
  /** Absolute path of the RDS CA bundle, if there is one. */
  readonly caBundlePath?: string;
  /** Every login it keeps fresh, with the absolute paths of the files. */
  readonly targets: readonly { readonly target: RdsTarget; readonly outputs: readonly PlacedOutput[] }[];
  private readonly poolers: readonly Pooler[];
  private readonly props: TokenRefresherProps;

  constructor(props: TokenRefresherProps) {
    this.props = props;
    this.name = props.name ?? 'refresher';
    this.poolers = [...(props.pooler ? [props.pooler] : []), ...(props.poolers ?? [])];
    this.shared = props.shared ?? this.poolers[0]?.shared ?? sharedVolume();
    this.probePort = props.probePort ?? DEFAULT_PROBE_PORT;
    this.controlPort = props.controlPort ?? DEFAULT_CONTROL_PORT;
    if (props.caBundle !== false) {
      this.caBundlePath = posix.resolve(this.shared.path, props.caBundle ?? CA_BUNDLE_FILE);
    }
    this.targets = placeTargets(props.targets ?? [], this.poolers, this.shared);
    for (const pooler of this.poolers) this.checkPooler(pooler);
    // For its errors: a mistake must name the line that makes the refresher, not the one that makes the pod.
    renderConfig(this.config('auto'));
  }

  bind(context: SidecarContext): SidecarContribution {
    const { lifecycle, identity } = context;
    const credentials = this.props.credentials ?? identity?.credentials ?? 'auto';
    const run: Container = {
      ...this.container(this.name, 'run', credentials),
      ports: [
        { name: 'refresher', port: this.probePort },
        { name: 'refresher-quit', port: this.controlPort, exposed: false },
      ],
      // Two minutes for the first token: credentials may be slow to arrive, and a restart brings nothing new.
      startupProbe: this.probe('/startup', { periodSeconds: 1, failureThreshold: 120 }),
      readinessProbe: this.probe('/readiness', { periodSeconds: 5 }),
      livenessProbe: this.probe('/liveness', { periodSeconds: 10 }),
    };
    return {
      containers: [run],
      // A classic pod starts its app without asking a probe: the first token has to be there before.
      ...(lifecycle === 'classic' && {
        initContainers: [this.container(`${this.name}-init`, 'once', credentials)],
      }),
      appMounts: this.props.shareWithApp === false ? [] : [readShared(this.shared)],
      appEnv: this.props.shareWithApp === false ? {} : this.appEnv(),
      grants: this.grants(credentials),
      check: containers => this.checkReaders(containers),
    };
  }

  private container(name: string, command: 'run' | 'once', credentials: Credentials): Container {
    const { env, requests, limits, security } = this.props;
    const [first] = this.targets;
    return {
      name,
      image: imageUri(this.props.image),
      args: [command],
      env: {
        // EKS injects it for IRSA, and not for Pod Identity.
        ...(first && { AWS_REGION: first.target.region }),
        ...env,
        REFRESHER_CONFIG: posix.join(CONFIG_DIRECTORY, CONFIG_FILE),
      },
      mounts: [
        writeShared(this.shared),
        {
          volume: {
            kind: 'config',
            name: `${this.name}-config`,
            files: { [CONFIG_FILE]: renderConfig(this.config(credentials)) },
          },
          path: CONFIG_DIRECTORY,
        },
        // To connect to a socket takes no right to write the file system that it is on.
        ...(command === 'run' ? this.socketMounts() : []),
      ],
      requests: requests ?? { cpu: '10m', memory: '64Mi' },
      limits: limits ?? { memory: '128Mi' },
      security,
    };
  }

  private socketMounts(): Mount[] {
    return this.poolers.map(({ socketVolume, socketDirectory }) => ({
      volume: socketVolume,
      path: socketDirectory,
    }));
  }

  private probe(path: string, timing: Omit<Probe, 'check'>): Probe {
    return { check: { kind: 'http', path, port: this.probePort }, timeoutSeconds: 2, ...timing };
  }

  private config(credentials: Credentials): RefresherConfigInput {
    const { renewal, logLevel } = this.props;
    return {
      targets: this.targets.map(({ target, outputs }) => ({
        name: target.name,
        host: target.host,
        port: jsonNumber(target.port),
        user: target.user,
        region: target.region,
        outputs: outputs.map(output => ({ ...output })),
      })),
      poolers: this.poolers.map(({ name, authFile, socketDirectory, port, adminUser, version }) => ({
        name,
        authFile,
        socketDirectory,
        port: jsonNumber(port),
        adminUser,
        version,
      })),
      ...(this.caBundlePath !== undefined && { caBundle: { path: this.caBundlePath } }),
      credentials,
      ...(renewal && { renewal }),
      listen: { probePort: this.probePort, controlPort: this.controlPort },
      logLevel: logLevel ?? 'info',
    };
  }

  /** One statement a target. Credentials that aren't the workload's own need no grant on its role. */
  private grants(credentials: Credentials): PolicyGrant[] {
    if (credentials === 'environment' || credentials === 'instance-metadata') return [];
    return this.targets.map(({ target }) => connectGrant(target));
  }

  /** libpq's variables, as far as there is one answer. Where the app talks to a pooler, the pooler says where. */
  private appEnv(): Record<string, EnvValue> {
    const passwords = this.targets.flatMap(({ target, outputs }) =>
      outputs.filter(({ format }) => format === 'pgpass').map(({ path }) => ({ target, path })),
    );
    const [only] = passwords;
    if (!only) return {};
    const onePath = passwords.every(({ path }) => path === only.path);
    const oneTarget = passwords.every(({ target }) => target === only.target);
    return {
      ...(onePath && { PGPASSFILE: only.path }),
      ...(this.caBundlePath !== undefined && { PGSSLROOTCERT: this.caBundlePath }),
      ...(this.poolers.length === 0 && {
        ...(this.caBundlePath !== undefined && { PGSSLMODE: 'verify-full' }),
        ...(oneTarget && {
          PGHOST: only.target.host,
          PGPORT: numberText(only.target.port),
          PGUSER: only.target.user,
        }),
      }),
    };
  }

  private checkPooler({ name, probePort, caFile }: Pooler): void {
    if (probePort !== this.probePort) {
      throw new Error(
        `pooler "${name}" is probed at port ${probePort} and refresher "${this.name}" answers at ${this.probePort}: set probePort of both to the same`,
      );
    }
    if (posix.dirname(caFile) === this.shared.path && caFile !== this.caBundlePath) {
      throw new Error(
        `pooler "${name}" reads the CA bundle "${caFile}" and refresher "${this.name}" writes ${this.caBundlePath === undefined ? 'none' : `"${this.caBundlePath}"`}: set caBundle of the refresher to "${posix.basename(caFile)}"`,
      );
    }
  }

  /** libpq ignores a password file that others may read, so it is its owner's alone. */
  private checkReaders(containers: readonly PlacedContainer[]): void {
    const owner = containers.find(({ container }) => container.name === this.name);
    const files = this.targets.flatMap(({ outputs }) =>
      outputs
        .filter(output => output.format === 'pgpass' || output.access === 'owner')
        .map(({ path }) => path),
    );
    for (const { container, runAsUser } of containers) {
      const file = Object.values(container.env ?? {}).find(
        value => typeof value === 'string' && files.includes(value),
      );
      if (owner && file !== undefined && runAsUser !== owner.runAsUser) {
        throw new Error(
          `container "${container.name}" runs as uid ${runAsUser} and reads "${file}", which is mode 0600 and belongs to uid ${owner.runAsUser} of container "${owner.container.name}": run both with one uid`,
        );
      }
    }
  }
}

type Credentials = NonNullable<RefresherConfigInput['credentials']>;

function placeTargets(
  given: readonly (RdsTarget | RefresherTarget)[],
  poolers: readonly Pooler[],
  shared: SharedVolume,
): { target: RdsTarget; outputs: PlacedOutput[] }[] {
  const wanted: RefresherTarget[] = [
    ...given.map(entry => ('target' in entry ? entry : { target: entry, outputs: [] })),
    ...poolers.flatMap(({ targets, authFile }) =>
      targets.map(target => ({
        target,
        outputs: [{ format: 'pgbouncer-userlist' as const, path: authFile }],
      })),
    ),
  ];
  return distinct(wanted.map(({ target }) => target)).map(target => {
    const named = wanted.filter(entry => sameValue(entry.target, target)).flatMap(({ outputs }) => outputs);
    const outputs = named.length > 0 ? named : [defaultOutput(target)];
    return { target, outputs: distinct(outputs.map(output => placeOutput(output, target, shared))) };
  });
}

/** A number as JSON can carry it: the schema reads whole numbers from text, too. */
function jsonNumber(value: number): number | string {
  return isUnresolved(value) ? numberText(value) : value;
}
