import { Signer } from '@aws-sdk/rds-signer';
import type { TargetConfig } from '../config/schema';
import type { Credentials } from '../credentials/credentials';

/** Signs a login for the target. Offline: nothing is asked of AWS, so wrong host, region or user show at login only. */
export function signToken(target: TargetConfig, credentials: Credentials): Promise<string> {
  const signer = new Signer({
    // RDS knows itself in lower case, and boto3 signs it so; this SDK would sign capitals as they stand.
    hostname: target.host.toLowerCase(),
    port: target.port,
    username: target.user,
    region: target.region,
    // Given as a value: handed a provider, the signer may silently sign with credentials about to expire.
    credentials: credentials,
  });
  return signer.getAuthToken();
}
