import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EnvironmentInput, environmentSchema } from '../../stacks/config';
import { SidecarStack } from '../../stacks/sidecar-stack';
import { type Synthesized, synthStack, testStack } from '../support/synth';

export const PROJECT = join(__dirname, '..', '..');
export const EXAMPLE_FILE = join(PROJECT, 'stacks', 'environments', 'example.json');

/** The committed example, as it is written. */
export function example(): EnvironmentInput {
  return JSON.parse(readFileSync(EXAMPLE_FILE, 'utf8')) as EnvironmentInput;
}

/** Synthesizes an environment: the example with other values at the top level. */
export function synthEnvironment(change: Partial<EnvironmentInput> = {}): Synthesized {
  const config = environmentSchema.parse({ ...example(), ...change });
  // A stack of its own app, so that nothing of another test is in it.
  return synthStack(new SidecarStack(testStack().node.root, 'example', config));
}

const ORDERS = { name: 'orders', user: 'app', database: 'orders' } as const;

/** Environments that between them take every branch. Each is also what `terraform validate` is asked about. */
export const VARIANTS: Readonly<Record<string, Partial<EnvironmentInput>>> = {
  example: {},
  'irsa, everything looked up, state in S3': {
    aws: {
      region: 'eu-central-1',
      profile: 'shop',
      assumeRoleArn: 'arn:aws:iam::111122223333:role/deployer',
    },
    state: {
      bucket: 'terraform-state',
      key: 'shop/web.tfstate',
      region: 'eu-central-1',
      kmsKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/1234',
      assumeRoleArn: 'arn:aws:iam::111122223333:role/state',
    },
    identity: {
      kind: 'irsa',
      roleName: 'web',
      rolePath: '/eks/',
      permissionsBoundaryArn: 'arn:aws:iam::111122223333:policy/boundary',
    },
    namespace: { name: 'app', create: false },
    databases: [
      { ...ORDERS, kind: 'instance', identifier: 'orders' },
      {
        ...ORDERS,
        name: 'audit',
        alias: 'audit',
        kind: 'cluster',
        identifier: 'audit',
        endpoint: 'reader',
        user: 'auditor',
      },
      { ...ORDERS, name: 'users', alias: 'users', kind: 'proxy', proxyName: 'users', user: 'reader' },
      { ...ORDERS, name: 'legacy', kind: 'instance', identifier: 'legacy', engine: 'mysql' },
    ],
    repository: { name: 'rds-iam-refresher', create: false },
    refresher: {
      image: { source: 'repository', digest: `sha256:${'0123456789abcdef'.repeat(4)}` },
      logLevel: 'debug',
      limits: { memory: '96Mi' },
    },
    pgbouncer: { mode: 'embedded', version: '1.24', defaultPoolSize: 10, extra: { tcp_keepalive: 1 } },
  },
  'a role made elsewhere, kubeconfig, classic, no pooler': {
    cluster: { name: 'example', access: { kind: 'kubeconfig', path: '~/.kube/config', context: 'example' } },
    identity: {
      kind: 'existing-role',
      roleArn: 'arn:aws:iam::111122223333:role/web',
      managePolicy: false,
      credentials: 'web-identity',
    },
    databases: [
      {
        ...ORDERS,
        kind: 'attributes',
        host: 'orders.cexample1234.eu-central-1.rds.amazonaws.com',
        resourceId: 'db-ABCDEFGHIJKL01234',
      },
    ],
    repository: undefined,
    refresher: { image: { source: 'registry', uri: 'ghcr.io/acme/refresher:0.1.0' } },
    pgbouncer: undefined,
    app: { ...example().app, lifecycle: 'classic', replicas: 1, service: false },
  },
  'a role made elsewhere that is managed here, a repository to share': {
    identity: { kind: 'existing-role', roleName: 'web' },
    repository: {
      name: 'rds-iam-refresher',
      kmsKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/1234',
      keepTagged: 5,
      pullAccounts: ['444455556666'],
    },
    pgbouncer: { image: 'ghcr.io/acme/pgbouncer:1.24.1', version: '1.24.1' },
  },
  'an image of a folder': {
    refresher: {
      image: { source: 'directory', directory: join(__dirname, 'context'), platforms: ['linux/amd64'] },
    },
    identity: { kind: 'pod-identity', waitSeconds: 0 },
  },
  'the refresher built here, for another account': {
    aws: {
      region: 'eu-central-1',
      profile: 'shop',
      assumeRoleArn: 'arn:aws:iam::111122223333:role/deployer',
    },
    refresher: { image: { source: 'directory' } },
  },
};
