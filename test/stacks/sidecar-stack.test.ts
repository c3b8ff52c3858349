import { describe, expect, it } from 'vitest';
import { refresherConfigSchema } from '../../sidecar-image/src/config/schema';
import { allows, policyOf } from '../support/iam';
import type { Json, Synthesized } from '../support/synth';
import { synthEnvironment, VARIANTS } from './fixtures';

const variant = (name: keyof typeof VARIANTS) => synthEnvironment(VARIANTS[name]);
const ELSEWHERE = 'a role made elsewhere, kubeconfig, classic, no pooler';
const LOOKED_UP = 'irsa, everything looked up, state in S3';

/** Data of the ConfigMaps by file name. */
const files = ({ resources }: Synthesized): Record<string, string> =>
  Object.assign({}, ...resources('kubernetes_config_map_v1').map(({ data }: Json) => data));
const podSpec = ({ resource }: Synthesized) => resource('kubernetes_deployment_v1').spec.template.spec;
const grants = ({ json }: Synthesized) => {
  const documents: [string, Json][] = Object.entries(json.data.aws_iam_policy_document);
  return policyOf(documents.find(([name]) => name.includes('grants'))?.[1]);
};

describe('the example', () => {
  const stack = variant('example');

  it('is this', () => {
    expect(stack.json).toMatchSnapshot();
  });

  it('takes no account and no cluster to synthesize, and none but the given to apply', () => {
    expect(stack.json.provider.aws).toEqual([
      {
        region: 'eu-central-1',
        allowed_account_ids: ['111122223333'],
        default_tags: [{ tags: { Environment: 'example', ManagedBy: 'terraform', Team: 'shop' } }],
      },
    ]);
    expect(stack.json.provider.kubernetes[0].exec[0]).toMatchObject({
      command: 'aws',
      args: expect.arrayContaining(['get-token', '--cluster-name', 'example', '--region', 'eu-central-1']),
    });
  });

  it('makes a namespace that holds its pods to the restricted standard', () => {
    expect(stack.resource('kubernetes_namespace_v1').metadata).toMatchObject({
      name: 'app',
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    });
  });

  it('puts all that is namespaced into it, once it exists', () => {
    const namespaced = [
      'config_map_v1',
      'deployment_v1',
      'pod_disruption_budget_v1',
      'service_account_v1',
      'service_v1',
    ];
    const metadata = namespaced.flatMap(type =>
      stack.resources(`kubernetes_${type}`).map(({ metadata: { namespace } }: Json) => namespace),
    );
    expect(metadata).toHaveLength(6);
    expect(new Set(metadata)).toEqual(new Set(['${kubernetes_namespace_v1.namespace.metadata[0].name}']));
  });

  it('signs for the host, port and user that its policy allows', () => {
    const config = refresherConfigSchema.parse(JSON.parse(files(stack)['config.json'] ?? ''));
    const [target] = config.targets;
    expect(target).toMatchObject({
      host: 'orders.cexample1234.eu-central-1.rds.amazonaws.com',
      port: 5432,
      user: 'app',
      region: 'eu-central-1',
    });
    expect(config.credentials).toBe('container');
    const arn = `arn:aws:rds-db:${target?.region}:111122223333:dbuser:db-ABCDEFGHIJKL01234`;
    const connect = (resource: string) => allows(grants(stack), { action: 'rds-db:connect', resource });
    expect(connect(`${arn}/${target?.user}`)).toBe(true);
    expect(connect(`${arn}/postgres`)).toBe(false);
  });

  it('starts the refresher, then PgBouncer, then the app, after policy and association', () => {
    const spec = podSpec(stack);
    expect(spec.init_container.map(({ name }: Json) => name)).toEqual(['refresher', 'pgbouncer']);
    expect(spec.init_container.map((container: Json) => container.restart_policy)).toEqual([
      'Always',
      'Always',
    ]);
    expect(spec.container.map(({ name }: Json) => name)).toEqual(['app']);
    expect(stack.resource('kubernetes_deployment_v1').depends_on).toEqual([
      expect.stringMatching(/^aws_iam_role_policy\./),
      expect.stringMatching(/^terraform_data\..*association-wait/),
    ]);
  });

  it('connects the app to PgBouncer', () => {
    const env = Object.fromEntries(
      podSpec(stack).container[0].env.map(({ name, value }: Json) => [name, value]),
    );
    expect(env).toMatchObject({ PGHOST: '127.0.0.1', PGPORT: '6432', PGUSER: 'app', PGDATABASE: 'orders' });
  });

  it('says what comes out of it', () => {
    expect(Object.keys(stack.json.output).sort()).toEqual([
      'connect_arns',
      'deployment',
      'namespace',
      'refresher_image',
      'repository_url',
      'role_arn',
      'service_account',
    ]);
    expect(stack.output('connect_arns')).toEqual({
      orders: 'arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app',
    });
    expect(stack.output('refresher_image')).toMatch(/^\$\{aws_ecr_repository\.\w+\.repository_url}:0\.1\.0$/);
  });

  it('keeps its state in a file of the project, wherever that is', () => {
    expect(stack.json.terraform.backend).toEqual({ local: { path: '../../../terraform.example.tfstate' } });
  });
});

describe('state in S3', () => {
  it('is encrypted and locked there', () => {
    expect(variant(LOOKED_UP).json.terraform).toMatchObject({
      backend: {
        s3: {
          bucket: 'terraform-state',
          key: 'shop/web.tfstate',
          region: 'eu-central-1',
          encrypt: true,
          use_lockfile: true,
          kms_key_id: 'arn:aws:kms:eu-central-1:111122223333:key/1234',
          assume_role: { role_arn: 'arn:aws:iam::111122223333:role/state' },
        },
      },
      required_version: '>= 1.10.0',
    });
  });
});

describe('databases that are looked up', () => {
  const stack = variant(LOOKED_UP);

  it('are found by what people call them', () => {
    expect(stack.dataSources('aws_db_instance')).toEqual([
      { db_instance_identifier: 'legacy' },
      { db_instance_identifier: 'orders' },
    ]);
    expect(stack.dataSource('aws_rds_cluster')).toEqual({ cluster_identifier: 'audit' });
    expect(stack.dataSource('aws_db_proxy')).toEqual({ name: 'users' });
  });

  it('reach the policy, the refresher and PgBouncer alike', () => {
    const part = (source: string, index: number) => `\${element(split(":", ${source}), ${index})}`;
    const proxy = 'data.aws_db_proxy.users-lookup.arn';
    expect(stack.output('connect_arns').users).toBe(
      `arn:${part(proxy, 1)}:rds-db:${part(proxy, 3)}:${part(proxy, 4)}:dbuser:${part(proxy, 6)}/reader`,
    );
    const { 'config.json': config = '', 'pgbouncer.ini': ini = '' } = files(stack);
    for (const text of [config, ini]) {
      expect(text).toContain('${data.aws_rds_cluster.audit-lookup.reader_endpoint}');
      expect(text).toContain('${data.aws_db_proxy.users-lookup.endpoint}');
    }
    expect(config).toContain('${data.aws_db_instance.legacy-lookup.address}');
    // PgBouncer doesn't speak MySQL.
    expect(ini).not.toContain('legacy-lookup');
  });

  it('are trusted to the service account by the issuer of the cluster', () => {
    expect(stack.dataSource('aws_iam_openid_connect_provider').url).toBe(
      '${data.aws_eks_cluster.cluster.identity[0].oidc[0].issuer}',
    );
    expect(stack.resource('aws_iam_role')).toMatchObject({
      name: 'web',
      path: '/eks/',
      permissions_boundary: 'arn:aws:iam::111122223333:policy/boundary',
    });
  });
});

describe('what exists already', () => {
  it('is left as it is: the namespace and the repository', () => {
    const stack = variant(LOOKED_UP);
    expect(stack.resources('kubernetes_namespace_v1')).toEqual([]);
    expect(stack.resources('aws_ecr_repository')).toEqual([]);
    expect(stack.output('namespace')).toBe('app');
    expect(stack.output('repository_url')).toBe('${data.aws_ecr_repository.repository.repository_url}');
  });

  it('is a role whose owner is told what it must allow', () => {
    const stack = variant(ELSEWHERE);
    expect(Object.keys(stack.json.resource).filter(type => type.startsWith('aws_'))).toEqual([]);
    expect(JSON.parse(stack.output('required_statements'))).toEqual([
      {
        Sid: 'RdsConnectOrders',
        Effect: 'Allow',
        Action: ['rds-db:connect'],
        Resource: [expect.stringMatching(/^arn:.*:rds-db:eu-central-1:.*:dbuser:db-ABCDEFGHIJKL01234\/app$/)],
      },
    ]);
    expect(stack.resource('kubernetes_service_account_v1').metadata.annotations).toMatchObject({
      'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/web',
    });
  });

  it('is a role that gets its policy here', () => {
    const stack = variant('a role made elsewhere that is managed here, a repository to share');
    expect(stack.resource('aws_iam_role_policy').role).toBe('web');
    expect(stack.output('required_statements')).toBeUndefined();
  });

  it('is a cluster of a kubeconfig', () => {
    expect(variant(ELSEWHERE).json.provider.kubernetes).toEqual([
      { config_path: '~/.kube/config', config_context: 'example' },
    ]);
  });
});

it('can do without PgBouncer', () => {
  const stack = variant(ELSEWHERE);
  expect(files(stack)['pgbouncer.ini']).toBeUndefined();
  const config = JSON.parse(files(stack)['config.json'] ?? '');
  expect(config.targets[0].outputs).toEqual([{ format: 'pgpass', path: '/shared/.pgpass' }]);
});

it('waits for an image that is built here', () => {
  const stack = variant('an image of a folder');
  const { depends_on } = stack.resource('kubernetes_deployment_v1');
  expect(depends_on).toContainEqual(expect.stringMatching(/^terraform_data\.refresher-image_push_/));
});

describe('the refresher built here', () => {
  const stack = variant('the refresher built here, for another account');
  const steps = Object.entries<Json>(stack.json.resource.terraform_data);
  const environment = (part: string) =>
    steps.find(([name]) => name.includes(part))?.[1].provisioner[0]['local-exec'].environment;

  it('is what the package ships', () => {
    expect(environment('_push_').BUILD_ARGS).toMatch(/^VERSION=\d+\.\d+\.\d+$/);
  });

  it('goes to the account that everything else goes to', () => {
    for (const step of ['_check_', '_push_']) {
      expect(environment(step)).toMatchObject({
        AWS_PROFILE: 'shop',
        ASSUME_ROLE_ARN: 'arn:aws:iam::111122223333:role/deployer',
      });
    }
  });

  it('is known to be possible before anything is made', () => {
    const { resource } = stack.json;
    const all = Object.entries<Json>(resource).flatMap(([type, named]) =>
      Object.entries<Json>(named).map(([name, { depends_on }]) => ({
        address: `${type}.${name}`,
        depends_on,
      })),
    );
    const [check] = all.filter(({ address }) => address.includes('_check_'));
    const others = all.filter(one => one !== check);
    expect(others.length).toBeGreaterThan(10);
    for (const { address, depends_on } of others) expect(depends_on, address).toContain(check?.address);
  });
});

it('shares the repository with other accounts', () => {
  const stack = variant('a role made elsewhere that is managed here, a repository to share');
  expect(stack.resource('aws_ecr_repository_policy').policy).toContain('pull-document');
  expect(stack.resource('aws_ecr_repository').encryption_configuration).toEqual([
    { encryption_type: 'KMS', kms_key: 'arn:aws:kms:eu-central-1:111122223333:key/1234' },
  ]);
});
