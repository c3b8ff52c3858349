import type { Credentials } from './credential-registry';
import { ALGORITHM, encode, signatureOf, TERMINATOR } from './sigv4';

/** What a minted token claims. All of it is signed as it stands, right or wrong. */
export interface TokenClaims {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly user: string;
  readonly credentials: Pick<Credentials, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>;
  /** Milliseconds since the epoch. */
  readonly signedAt: number;
  /** Replace, add or (`undefined`) leave out query parameters before signing. @default - none */
  readonly override?: Readonly<Record<string, string | undefined>>;
}

/** Makes tokens that no SDK would make, for tests of what refuses them. */
export function mintToken(claims: TokenClaims): string {
  const { host, port, region, user, credentials, signedAt, override = {} } = claims;
  const timestamp = new Date(signedAt).toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = { date: timestamp.slice(0, 8), region, service: 'rds-db' };
  const query = new Map<string, string>();
  const parameters: Record<string, string | undefined> = {
    Action: 'connect',
    DBUser: user,
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': [credentials.accessKeyId, scope.date, region, scope.service, TERMINATOR].join('/'),
    'X-Amz-Date': timestamp,
    'X-Amz-Expires': '900',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Security-Token': credentials.sessionToken,
    ...override,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, value);
  const endpoint = `${host}:${port}`;
  const signature = signatureOf({ host: endpoint, query, timestamp, scope }, credentials.secretAccessKey);
  if (!query.has('X-Amz-Signature')) query.set('X-Amz-Signature', signature);
  return `${endpoint}/?${[...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')}`;
}
