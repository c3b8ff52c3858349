/** Values for tests of the refresher's rooms: valid as they come, each part replaceable. */

import type { Instant } from '../../sidecar-image/src/clock';
import {
  type PoolerConfig,
  type RefresherConfig,
  type RefresherConfigInput,
  refresherConfigSchema,
} from '../../sidecar-image/src/config/schema';
import type { Credentials } from '../../sidecar-image/src/credentials/credentials';
import type { Token } from '../../sidecar-image/src/token/token';

export type TargetInput = RefresherConfigInput['targets'][number];
export type PoolerInput = NonNullable<RefresherConfigInput['poolers']>[number];

export const USERLIST = '/shared/userlist.txt';

export function targetInput(overrides: Partial<TargetInput> = {}): TargetInput {
  return {
    host: 'app.c1abcd.eu-central-1.rds.amazonaws.com',
    port: 5432,
    user: 'app',
    region: 'eu-central-1',
    outputs: [{ format: 'pgbouncer-userlist', path: USERLIST }],
    ...overrides,
  };
}

export function poolerInput(overrides: Partial<PoolerInput> = {}): PoolerInput {
  return { authFile: USERLIST, socketDirectory: '/sockets', ...overrides };
}

export function configInput(overrides: Partial<RefresherConfigInput> = {}): RefresherConfigInput {
  return { targets: [targetInput()], ...overrides };
}

/** A configuration with every default, as the refresher runs it. */
export function config(overrides: Partial<RefresherConfigInput> = {}): RefresherConfig {
  return refresherConfigSchema.parse(configInput(overrides));
}

export function targetConfig(overrides: Partial<TargetInput> = {}): RefresherConfig['targets'][number] {
  const [target] = config({ targets: [targetInput(overrides)] }).targets;
  if (target === undefined) throw new Error('a configuration has a target');
  return target;
}

export function poolerConfig(overrides: Partial<PoolerInput> = {}): PoolerConfig {
  const input = poolerInput(overrides);
  const target = targetInput({ outputs: [{ format: 'pgbouncer-userlist', path: input.authFile }] });
  const [pooler] = config({ targets: [target], poolers: [input] }).poolers;
  if (pooler === undefined) throw new Error('no pooler');
  return pooler;
}

export function renewalConfig(overrides: RefresherConfigInput['renewal'] = {}): RefresherConfig['renewal'] {
  return config({ renewal: overrides }).renewal;
}

/** A token as it was observed at `observedAt`, which is also when it was signed. */
export function token(observedAt: Instant, lifeSeconds = 900, text = 'token'): Token {
  return {
    text,
    signedAt: observedAt.wall,
    expiresAt: observedAt.wall + lifeSeconds * 1000,
    observedAt,
  };
}

/** Session credentials that say where in a test they come from. */
export function credentials(expiration?: Date, label = 'one'): Credentials {
  return {
    accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
    secretAccessKey: `secret-key-${label}`,
    sessionToken: `session-token-${label}`,
    ...(expiration && { expiration }),
  };
}
