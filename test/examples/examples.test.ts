import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { PgBouncerSidecar } from '../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher } from '../../modules/refresher/token-refresher';
import type { RefresherConfigInput } from '../../sidecar-image/src/config/schema';
import { target } from '../modules/workload/target';
import { allows, policyOf } from '../support/iam';
import { podSecurityViolations } from '../support/kubernetes/pod-security';
import { validateAll } from '../support/kubernetes/validate';
import type { Json, Synthesized } from '../support/synth';
import { missingForTerraform, reportNotRun } from '../support/terraform';
import { EXAMPLE_NAMES, podOf, STACKS, synthExample } from './fixtures';
import { instances } from './two-instances';

const FOLDER = join(__dirname, '..', '..', 'stacks', 'examples');

const noProvider = missingForTerraform('aws', 'kubernetes');
if (noProvider !== undefined) reportNotRun('terraform validate of the examples', noProvider);

describe('the examples', () => {
  it('are all in the app', () => {
    const files = readdirSync(FOLDER)
      .filter(name => !['app.ts', 'cluster.ts', 'main.ts'].includes(name))
      .map(name => name.replace(/\.ts$/, ''));
    expect(EXAMPLE_NAMES).toEqual(files.sort());
  });

  it.each(EXAMPLE_NAMES)('%s says whom it is for, and fits on a page', name => {
    const text = readFileSync(join(FOLDER, `${name}.ts`), 'utf8');
    const [, header = ''] = /^\/\*\*([\s\S]*?)\*\//.exec(text) ?? [];
    expect(header).toMatch(/\n \* For /);
    expect(text.split('\n').length).toBeLessThan(110);
  });

  it.each(EXAMPLE_NAMES)('%s synthesizes without a warning', name => {
    expect(synthExample(name).warnings).toEqual([]);
  });
});

describe.skipIf(noProvider !== undefined)('terraform validate, with the real providers, accepts', () => {
  const configurations: Record<string, Json> = {
    ...Object.fromEntries(EXAMPLE_NAMES.map(name => [name, synthExample(name).json])),
    'two-in-one-stack': instances('orders', 'invoices').json,
  };
  let diagnostics: Record<string, Json[]>;

  beforeAll(async () => {
    diagnostics = await validateAll(configurations);
  }, 120_000);

  it.each(Object.keys(configurations))('%s', name => {
    expect(diagnostics[name]).toEqual([]);
  });
});

it.each(STACKS)('the pod of %s conforms to the Pod Security Standard restricted', (_, stack) => {
  expect(podSecurityViolations(podOf(stack))).toEqual([]);
});

/** Data of the ConfigMaps by file name. */
const files = ({ resources }: Synthesized): Record<string, string> =>
  Object.assign({}, ...resources('kubernetes_config_map_v1').map(({ data }: Json) => data));
/** The Region of a database that is looked up is known to Terraform alone. */
const REGION = /\$\{element\(split\([^)]*\), 3\)\}/g;
const config = (stack: Synthesized) => {
  const text = files(stack)['config.json'] ?? '';
  return JSON.parse(text.replaceAll(REGION, 'eu-central-1')) as RefresherConfigInput;
};
const env = (stack: Synthesized): Record<string, string> =>
  Object.fromEntries(
    podOf(stack)
      .spec.containers.at(-1)
      .env.map(({ name, value }: Json) => [name, value]),
  );
const names = (containers: readonly Json[] = []) => containers.map(({ name }) => name);
/** Whether the role of the stack may connect. */
function mayConnect({ json }: Synthesized, resource: string): boolean {
  const documents: [string, Json][] = Object.entries(json.data.aws_iam_policy_document);
  const grants = documents.find(([name]) => name.includes('grants'))?.[1];
  return allows(policyOf(grants), { action: 'rds-db:connect', resource });
}

describe('django-pgbouncer', () => {
  const stack = synthExample('django-pgbouncer');

  it('migrates behind PgBouncer, before the app', () => {
    const { initContainers, containers } = podOf(stack).spec;
    expect(names(initContainers)).toEqual(['refresher', 'pgbouncer', 'migrate']);
    expect(names(containers)).toEqual(['app']);
  });

  it('has the sizes of the write-up it comes from', () => {
    expect(files(stack)['pgbouncer.ini']).toMatch(
      /pool_mode = transaction\nmax_client_conn = 4000\ndefault_pool_size = 20\n(.*\n)?reserve_pool_size = 5\n/,
    );
  });
});

describe('libpq-password-file', () => {
  const stack = synthExample('libpq-password-file');

  it('needs nothing of the app but the name of its database', () => {
    expect(env(stack)).toEqual({
      PGHOST: 'invoices.cexample1234.eu-central-1.rds.amazonaws.com',
      PGPORT: '5432',
      PGUSER: 'invoices',
      PGDATABASE: 'invoices',
      PGPASSFILE: '/shared/.pgpass',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: '/shared/rds-ca.pem',
    });
  });

  it('runs refresher and app with one uid, since the file is its owner’s alone', () => {
    const { initContainers, containers } = podOf(stack).spec;
    const uids = [...initContainers, ...containers].map(
      ({ securityContext }: Json) => securityContext.runAsUser,
    );
    expect(uids).toEqual([10_001, 10_001]);
  });
});

describe('aurora-reader-writer', () => {
  const stack = synthExample('aurora-reader-writer');

  it('logs in to each endpoint as a user of its own, from one userlist', () => {
    const { targets, poolers } = config(stack);
    expect(targets.map(({ host, user, outputs }) => [host, user, outputs.map(({ path }) => path)])).toEqual([
      ['${data.aws_rds_cluster.shop.endpoint}', 'shop', ['/shared/userlist.txt']],
      ['${data.aws_rds_cluster.shop.reader_endpoint}', 'shop_reader', ['/shared/userlist.txt']],
    ]);
    expect(poolers).toHaveLength(1);
  });

  it('asks PgBouncer for what PgBouncer has', () => {
    const ini = files(stack)['pgbouncer.ini'] ?? '';
    for (const url of [env(stack).DATABASE_URL, env(stack).READER_DATABASE_URL]) {
      const { username, port, pathname } = new URL(url ?? '');
      const line = ini.split('\n').find(text => text.startsWith(`${pathname.slice(1)} = `));
      expect(line).toContain(`user='${username}'`);
      expect(ini).toContain(`listen_port = ${port}\n`);
    }
  });

  it('would be refused with one user for both', () => {
    const writer = target({ name: 'writer', host: 'w.cluster-abc.eu-central-1.rds.amazonaws.com' });
    const reader = target({ name: 'reader', host: 'r.cluster-ro-abc.eu-central-1.rds.amazonaws.com' });
    const databases = [
      { target: writer, database: 'shop' },
      { target: reader, database: 'shop', alias: 'reader' },
    ];
    const together = () => new TokenRefresher({ image: 'a:1', pooler: new PgBouncerSidecar({ databases }) });
    expect(together).toThrow(
      'target "writer" already writes user "app" to "/shared/userlist.txt", and a userlist holds one password a user',
    );
    const poolers = databases.map(
      (database, index) =>
        new PgBouncerSidecar({
          name: `pgbouncer-${index}`,
          databases: [database],
          authFile: `${index}.txt`,
          listenPort: 6432 + index,
          socketDirectory: `/run/${index}`,
        }),
    );
    expect(() => new TokenRefresher({ image: 'a:1', poolers })).not.toThrow();
  });
});

describe('rds-proxy', () => {
  it('is allowed the proxy, and not what is behind it', () => {
    const stack = synthExample('rds-proxy');
    const documents = JSON.stringify(stack.dataSources('aws_iam_policy_document'));
    expect(documents).toContain('element(split(\\":\\", data.aws_db_proxy.proxy.arn), 6)');
    expect(config(stack).targets[0]).toMatchObject({
      host: '${data.aws_db_proxy.proxy.endpoint}',
      port: 5432,
      outputs: [{ format: 'pgpass' }],
    });
    expect(env(stack).PGSSLMODE).toBe('verify-full');
  });
});

describe('mysql-option-file', () => {
  it('names the file that the refresher writes', () => {
    const stack = synthExample('mysql-option-file');
    const [login] = config(stack).targets;
    expect(login).toMatchObject({ port: 3306, outputs: [{ format: 'mysql-option-file' }] });
    expect(env(stack).MYSQL_OPTION_FILE).toBe(login?.outputs?.[0]?.path);
  });
});

describe('embedded-pooler', () => {
  const stack = synthExample('embedded-pooler');

  it('has no container for PgBouncer, and its files in the app’s', () => {
    const { initContainers, containers } = podOf(stack).spec;
    expect(names(initContainers)).toEqual(['refresher']);
    const [app] = containers;
    expect(app.command).toEqual(['/usr/local/bin/start', '/etc/pgbouncer/pgbouncer.ini']);
    expect(app.volumeMounts.map(({ mountPath }: Json) => mountPath).sort()).toEqual([
      '/etc/pgbouncer',
      '/run/pgbouncer',
      '/shared',
    ]);
  });

  it('is started when the refresher says so of the pooler by its name', () => {
    const { startupProbe } = podOf(stack).spec.containers[0];
    expect(startupProbe.httpGet).toEqual({
      path: `/poolers/${config(stack).poolers?.[0]?.name}`,
      port: 9810,
    });
  });
});

describe('own-role-and-image', () => {
  const stack = synthExample('own-role-and-image');

  it('makes no AWS resource, no namespace and no service account', () => {
    expect(Object.keys(stack.json.resource).sort()).toEqual([
      'kubernetes_config_map_v1',
      'kubernetes_deployment_v1',
      'kubernetes_pod_disruption_budget_v1',
      'kubernetes_service_v1',
    ]);
  });

  it('says what the role has to allow', () => {
    expect(stack.output('required_statements')).toEqual([
      {
        sid: 'RdsConnectDatabase',
        actions: ['rds-db:connect'],
        resources: ['arn:aws:rds-db:eu-central-1:444455556666:dbuser:db-ABCDEFGHIJKL01234/ledger'],
      },
    ]);
  });

  it('takes every image from the team’s own registry, by digest', () => {
    const { initContainers, containers } = podOf(stack).spec;
    for (const { image } of [...initContainers, ...containers]) {
      expect(image).toMatch(/^registry\.example\.com\/approved\/[a-z-]+@sha256:[0-9a-f]{64}$/);
    }
  });
});

it('a role may connect as the user of its example, and as no other', () => {
  const stack = synthExample('django-pgbouncer');
  const [document] = stack
    .dataSources('aws_iam_policy_document')
    .filter(({ statement }: Json) => statement[0].actions.includes('rds-db:connect'));
  const [arn] = document.statement[0].resources;
  expect(mayConnect(stack, arn)).toBe(true);
  expect(mayConnect(stack, arn.replace(/shop$/, 'postgres'))).toBe(false);
});
