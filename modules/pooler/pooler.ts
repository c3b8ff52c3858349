import type { RdsTarget } from '../database/rds-target';
import type { SharedVolume } from '../workload/shared-volume';
import type { EmptyDirVolume } from '../workload/volume';

/** A PgBouncer as the refresher needs to know it: whose passwords it reads, and where it takes a `RELOAD`. */
export interface Pooler {
  /** Label in logs, metrics and `/poolers/<name>`; unique within a pod. */
  readonly name: string;
  /** The logins whose tokens it needs. */
  readonly targets: readonly RdsTarget[];
  /** Its `auth_file`. */
  readonly authFile: string;
  /** Its `server_tls_ca_file`, which the refresher puts in place. */
  readonly caFile: string;
  /** Volume that the two files are on. */
  readonly shared: SharedVolume;
  /** Its `listen_port`, which also names its socket. */
  readonly port: number;
  /** Whom its admin console lets in. */
  readonly adminUser: string;
  /** Folder of its socket. */
  readonly socketDirectory: string;
  readonly socketVolume: EmptyDirVolume;
  /** Decides how long a password it reads. */
  readonly version: string;
  /** Port of the refresher that answers for its health. */
  readonly probePort: number;
}
