/** What the refresher's image promises to whoever stands beside it. */

/** Port of the probes, `/metrics` and `/status`, on the pod's address. */
export const DEFAULT_PROBE_PORT = 9810;
/** Port of `POST /quit`, on 127.0.0.1. */
export const DEFAULT_CONTROL_PORT = 9811;

/** 200 while the PgBouncer of that name accepts connections and answers on its admin console. */
export function poolerProbePath(name: string): string {
  return `/poolers/${name}`;
}

/** Where the refresher puts the RDS CA bundle, in the shared volume. */
export const CA_BUNDLE_FILE = 'rds-ca.pem';
