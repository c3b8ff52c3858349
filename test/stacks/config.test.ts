import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EnvironmentInput, environmentJsonSchema, environmentSchema } from '../../stacks/config';
import { example, PROJECT } from './fixtures';

/** Where a file is refused, and why. */
function problems(change: object): string[] {
  const { error } = environmentSchema.safeParse({ ...example(), ...change });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

const LOGIN = { name: 'orders', user: 'app', database: 'orders' };

describe('an environment', () => {
  it('is complete with little', () => {
    const config = environmentSchema.parse({
      aws: { region: 'eu-central-1' },
      cluster: { name: 'prod' },
      identity: { kind: 'pod-identity' },
      namespace: { name: 'app' },
      databases: [{ ...LOGIN, kind: 'instance', identifier: 'orders' }],
      refresher: { image: { source: 'registry', uri: 'ghcr.io/acme/refresher:1' } },
      app: { name: 'web', image: 'web:1' },
    } satisfies EnvironmentInput);
    expect(config).toMatchObject({
      cluster: { access: { kind: 'eks' } },
      namespace: { create: true },
      databases: [{ engine: 'postgres' }],
      refresher: { logLevel: 'info' },
      app: { replicas: 2, service: false, lifecycle: 'native', ports: [], env: {}, writablePaths: [] },
    });
    expect(config.pgbouncer).toBeUndefined();
  });

  it.each<[object, string]>([
    [{ region: 'eu-central-1' }, ': Unrecognized key: "region"'],
    [{ aws: {} }, 'aws.region: Invalid input: expected string, received undefined'],
    [{ aws: { region: 'Frankfurt' } }, 'aws.region: must be an AWS Region such as eu-central-1'],
    [
      { aws: { region: 'eu-central-1', accountIds: ['1'] } },
      'aws.accountIds.0: must be the 12 digits of an AWS account id, as text',
    ],
    [
      { namespace: { name: 'App' } },
      'namespace.name: use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-"',
    ],
    [{ databases: [] }, 'databases: name at least one database'],
    [
      { databases: [{ ...LOGIN, kind: 'table' }] },
      "databases.0.kind: Invalid discriminator value. Expected 'instance' | 'cluster' | 'proxy' | 'attributes'",
    ],
    [
      { databases: [1, 2].map(() => ({ ...LOGIN, kind: 'instance', identifier: 'orders' })) },
      'databases.1.name: "orders" is also the name of databases.0: give each its own',
    ],
    [
      { databases: [{ ...LOGIN, kind: 'instance', identifier: '' }] },
      'databases.0.identifier: must not be empty',
    ],
    [
      {
        identity: { kind: 'irsa' },
        cluster: { name: 'x', access: { kind: 'kubeconfig', path: 'config', context: 'x' } },
      },
      'identity.oidcProviderArn: is needed where cluster.access.kind isn’t "eks": it can’t be looked up',
    ],
    [{ repository: undefined }, 'repository: is needed for an image from "repository": name the repository'],
    [
      { repository: { name: 'x', create: false, keepTagged: 1 } },
      'repository.keepTagged: can’t be set on a repository that exists: leave it out, or create: false',
    ],
    [
      { pgbouncer: { mode: 'embedded', image: 'x:1', version: '1.24' } },
      'pgbouncer.image: is for mode "sidecar": an embedded PgBouncer is in the app’s image',
    ],
    [
      { pgbouncer: { mode: 'embedded' } },
      'pgbouncer.version: is needed: it decides how long a token PgBouncer reads',
    ],
    [
      { pgbouncer: { image: 'x:1' } },
      'pgbouncer.version: is needed: it decides how long a token PgBouncer reads',
    ],
    [
      { databases: [{ ...LOGIN, engine: 'mysql', kind: 'instance', identifier: 'orders' }] },
      'pgbouncer: speaks PostgreSQL alone, and no database is: leave it out',
    ],
    [
      { app: { name: 'web', image: 'web:1', readinessPath: '/' } },
      'app.readinessPath: needs a port: name the app’s in app.ports',
    ],
    [
      { app: { name: 'web', image: 'web:1', livenessPath: '/' } },
      'app.livenessPath: needs a port: name the app’s in app.ports',
    ],
  ])('is refused with %o', (change, problem) => {
    expect(problems(change)).toEqual([problem]);
  });

  it('has a schema for editors that is up to date: node stacks/schema.mjs && npm run format', () => {
    const file = join(PROJECT, 'stacks', 'environment.schema.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(environmentJsonSchema());
  });

  it('is described field by field', () => {
    const { properties } = environmentJsonSchema() as {
      properties: Record<string, { description?: string }>;
    };
    const silent = Object.keys(properties).filter(name => !properties[name]?.description);
    expect(silent).toEqual([]);
  });
});
