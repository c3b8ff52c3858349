import type { RefresherConfigInput } from '../../sidecar-image/src/config/schema';
import type { LocalPod } from './localize';

/** Where to look at the refresher of a pod that runs on this machine. */
export interface RefresherPlace {
  /** Of `/status` and `/metrics`. */
  readonly probePort: number;
  /** The file that PgBouncer reads the tokens from. */
  readonly userlist: string;
}

/** @throws if the pod has no refresher that serves a PgBouncer */
export function findRefresher({ processes, files }: LocalPod): RefresherPlace {
  for (const { env, startupProbe } of processes) {
    const text = files[env.REFRESHER_CONFIG ?? ''];
    if (text === undefined || startupProbe === undefined) continue;
    const { targets } = JSON.parse(text) as RefresherConfigInput;
    const userlist = targets
      .flatMap(({ outputs }) => outputs)
      .find(({ format }) => format === 'pgbouncer-userlist')?.path;
    if (userlist !== undefined) return { probePort: startupProbe.port, userlist };
  }
  throw new Error('the pod has no refresher that writes a userlist for PgBouncer');
}
