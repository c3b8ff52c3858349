/** What a change of the configuration does to a running workload: what must roll its pods does, and nothing else. */
import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import { Fn } from 'cdktf';
import type { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { IrsaIdentity } from '../../modules/identity/irsa-identity';
import { PodIdentity } from '../../modules/identity/pod-identity';
import type { WorkloadIdentity } from '../../modules/identity/workload-identity';
import { SidecarImage } from '../../modules/image/sidecar-image';
import { SidecarRepository, type SidecarRepositoryProps } from '../../modules/image/sidecar-repository';
import { PgBouncerSidecar, type PgBouncerSidecarProps } from '../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher, type TokenRefresherProps } from '../../modules/refresher/token-refresher';
import { SidecarDeployment, type SidecarDeploymentProps } from '../../modules/workload/sidecar-deployment';
import type { EnvironmentInput } from '../../stacks/config';
import { target } from '../modules/workload/target';
import { example, synthEnvironment } from '../stacks/fixtures';
import { type Json, type Synthesized, synth } from '../support/synth';

interface Variation {
  readonly login?: Parameters<typeof target>[0];
  readonly pgbouncer?: Partial<PgBouncerSidecarProps>;
  readonly refresher?: Partial<TokenRefresherProps>;
  readonly repository?: Partial<SidecarRepositoryProps>;
  readonly workload?: Partial<SidecarDeploymentProps>;
  readonly identity?: (scope: Construct) => WorkloadIdentity;
  readonly tag?: string;
}

const ACCOUNT = { namespace: 'shop', serviceAccountName: 'orders' };
const CLUSTER = 'example';

function workload(change: Variation = {}): Synthesized {
  return synth(scope => {
    new KubernetesProvider(scope, 'kubernetes', {});
    const repository = new SidecarRepository(scope, 'repository', {
      repositoryName: 'refresher',
      ...change.repository,
    });
    const pooler = new PgBouncerSidecar({
      databases: [{ target: target(change.login), database: 'orders' }],
      ...change.pgbouncer,
    });
    const image = SidecarImage.fromRepository(repository, { tag: change.tag ?? '1' });
    const refresher = new TokenRefresher({ image, pooler, ...change.refresher });
    new SidecarDeployment(scope, 'orders', {
      name: 'orders',
      image: 'registry.example.com/orders:1',
      ports: [{ name: 'http', port: 8000 }],
      service: true,
      identity:
        change.identity?.(scope) ?? new PodIdentity(scope, 'identity', { ...ACCOUNT, clusterName: CLUSTER }),
      sidecars: [refresher, pooler],
      ...change.workload,
    });
  });
}

const template = ({ resource }: Synthesized): Json => resource('kubernetes_deployment_v1').spec.template;
/** Addresses of what was changed, made or removed. */
function changed(before: Synthesized, after: Synthesized): string[] {
  const flat = ({ json }: Synthesized): Map<string, string> =>
    new Map(
      Object.entries<Json>(json.resource).flatMap(([type, resources]) =>
        Object.entries(resources).map(([name, block]) => [`${type}.${name}`, JSON.stringify(block)] as const),
      ),
    );
  const [a, b] = [flat(before), flat(after)];
  return [...new Set([...a.keys(), ...b.keys()])].filter(address => a.get(address) !== b.get(address)).sort();
}
/** Their types, each once. */
const types = (addresses: readonly string[]) => [...new Set(addresses.map(address => address.split('.')[0]))];

const before = workload();
const DEPLOYMENT = 'kubernetes_deployment_v1';
const CONFIG = 'kubernetes_config_map_v1';

it('synthesizes the same twice', () => {
  expect(changed(before, workload())).toEqual([]);
});

describe('the pods roll, and nothing besides is touched but what it says, on a change of', () => {
  it.each<[string, Variation, readonly string[]]>([
    [
      'the host of the target',
      { login: { host: 'b.abc123.eu-central-1.rds.amazonaws.com' } },
      [CONFIG, DEPLOYMENT],
    ],
    ['the port of the target', { login: { port: 5433 } }, [CONFIG, DEPLOYMENT]],
    ['the user of the target', { login: { user: 'other' } }, [CONFIG, DEPLOYMENT]],
    ['when tokens are renewed', { refresher: { renewal: { threshold: 0.5 } } }, [CONFIG, DEPLOYMENT]],
    ['the log level of the refresher', { refresher: { logLevel: 'debug' } }, [CONFIG, DEPLOYMENT]],
    [
      'a probe port',
      { refresher: { probePort: 9000 }, pgbouncer: { probePort: 9000 } },
      [CONFIG, DEPLOYMENT],
    ],
    ['the pool size', { pgbouncer: { defaultPoolSize: 7 } }, [CONFIG, DEPLOYMENT]],
    ['the pool mode', { pgbouncer: { poolMode: 'session' } }, [CONFIG, DEPLOYMENT]],
    ['the image of the app', { workload: { image: 'registry.example.com/orders:2' } }, [DEPLOYMENT]],
    ['the image of the refresher', { tag: '2' }, [DEPLOYMENT]],
    [
      'the image of PgBouncer',
      { pgbouncer: { image: 'registry.example.com/pgbouncer:2', version: '1.25.2' } },
      [DEPLOYMENT],
    ],
    ['a variable of the app', { workload: { env: { A: 'b' } } }, [DEPLOYMENT]],
  ])('%s', (_, change, touched) => {
    const after = workload(change);
    expect(template(after)).not.toEqual(template(before));
    expect(types(changed(before, after))).toEqual(touched);
  });

  it('another PgBouncer version', () => {
    const of = (version: string) =>
      workload({ pgbouncer: { image: 'registry.example.com/pgbouncer@sha256:1', version } });
    expect(template(of('1.24'))).not.toEqual(template(of('1.25')));
  });

  it('the role, by IRSA', () => {
    const irsa = (roleArn: string) =>
      workload({
        identity: scope =>
          new IrsaIdentity(scope, 'identity', {
            ...ACCOUNT,
            role: { arn: roleArn, name: roleArn.split('/')[1] ?? '' },
          }),
      });
    const [a, b] = ['a', 'b'].map(name => irsa(`arn:aws:iam::111122223333:role/${name}`));
    if (!a || !b) throw new Error('unreachable');
    expect(template(a).metadata.annotations).not.toEqual(template(b).metadata.annotations);
    expect(types(changed(a, b))).toEqual([
      'aws_iam_role_policy',
      DEPLOYMENT,
      'kubernetes_service_account_v1',
    ]);
  });

  it('the association, whose id only Terraform knows', () => {
    const { metadata } = template(before);
    const [association] = Object.keys(before.json.resource.aws_eks_pod_identity_association);
    expect(metadata.annotations['rds-iam-sidecar/identity']).toContain(
      `\${aws_eks_pod_identity_association.${association}.association_id}`,
    );
  });

  it('the role of an association, which keeps its id', () => {
    const [a, b] = ['a', 'b'].map(name => {
      const role = { arn: `arn:aws:iam::111122223333:role/${name}`, name };
      return workload({
        identity: scope => new PodIdentity(scope, 'identity', { ...ACCOUNT, clusterName: CLUSTER, role }),
      });
    });
    if (!a || !b) throw new Error('unreachable');
    expect(template(a)).not.toEqual(template(b));
  });

  it('the audience of IRSA, which a pod has in its token from the start', () => {
    const role = { arn: 'arn:aws:iam::111122223333:role/a', name: 'a' };
    const of = (audience?: string) =>
      workload({ identity: scope => new IrsaIdentity(scope, 'identity', { ...ACCOUNT, role, audience }) });
    expect(template(of('other'))).not.toEqual(template(of()));
  });

  it('IRSA in place of Pod Identity', () => {
    const oidcProvider = { arn: 'arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A' };
    const after = workload({
      identity: scope => new IrsaIdentity(scope, 'identity', { ...ACCOUNT, oidcProvider }),
    });
    expect(template(after)).not.toEqual(template(before));
  });

  it('a configuration that only Terraform knows, by a checksum of Terraform’s', () => {
    const checksum = (host: string) =>
      template(workload({ login: { host: Fn.lower(host) } })).metadata.annotations[
        'checksum/refresher-config'
      ];
    expect(checksum('a')).toMatch(/^\$\{sha256\(jsonencode\(kubernetes_config_map_v1\.[\w-]+\.data\)\)\}$/);
  });
});

describe('the pods stay, on a change of', () => {
  it.each<[string, Variation, readonly string[]]>([
    ['the number of replicas', { workload: { replicas: 5 } }, [DEPLOYMENT]],
    ['how fast a rollout is', { workload: { minReadySeconds: 10, revisionHistoryLimit: 2 } }, [DEPLOYMENT]],
    ['how long Terraform waits', { workload: { rolloutTimeoutSeconds: 1200 } }, [DEPLOYMENT]],
    ['annotations of the Deployment', { workload: { annotations: { owner: 'shop' } } }, [DEPLOYMENT]],
    [
      'the disruption budget',
      { workload: { disruptionBudget: { minAvailable: 1 } } },
      ['kubernetes_pod_disruption_budget_v1'],
    ],
    ['the Service', { workload: { service: { ports: { http: 80 } } } }, ['kubernetes_service_v1']],
    [
      'how many images are kept',
      { repository: { keepTagged: 7, expireUntaggedAfterDays: 3 } },
      ['aws_ecr_lifecycle_policy'],
    ],
    ['tags of the repository', { repository: { tags: { Team: 'shop' } } }, ['aws_ecr_repository']],
    [
      'tags of the role',
      {
        identity: scope =>
          new PodIdentity(scope, 'identity', { ...ACCOUNT, clusterName: CLUSTER, tags: { Team: 'shop' } }),
      },
      ['aws_eks_pod_identity_association', 'aws_iam_role'],
    ],
    [
      'what the role may do beside',
      {
        identity: scope => {
          const identity = new PodIdentity(scope, 'identity', { ...ACCOUNT, clusterName: CLUSTER });
          identity.grant({
            sid: 'Mail',
            actions: ['ses:SendEmail'],
            resources: ['arn:aws:ses:eu-central-1:111122223333:identity/a'],
          });
          return identity;
        },
      },
      [],
    ],
    [
      'another region label in the policy alone',
      { login: { connectArn: 'arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-OTHER/app' } },
      [],
    ],
  ])('%s', (_, change, touched) => {
    const after = workload(change);
    expect(template(after)).toEqual(template(before));
    expect(types(changed(before, after))).toEqual(touched);
  });
});

describe('of an environment', () => {
  const synthesized = synthEnvironment();
  const variant = (change: Partial<EnvironmentInput>) => synthEnvironment(change);

  it.each<[string, Partial<EnvironmentInput>]>([
    ['default tags', { aws: { ...example().aws, defaultTags: { Team: 'other' } } }],
    ['the account', { aws: { ...example().aws, accountIds: ['111122223333', '444455556666'] } }],
    ['where the state lies', { state: { bucket: 'b', key: 'k', region: 'eu-central-1' } }],
    [
      'how the cluster is reached',
      { cluster: { name: 'example', access: { kind: 'kubeconfig', path: 'p', context: 'c' } } },
    ],
    [
      'the repository’s key',
      { repository: { name: 'rds-iam-refresher', kmsKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/a' } },
    ],
    ['replicas', { app: { ...example().app, replicas: 9 } }],
  ])('the pods stay on a change of %s', (_, change) => {
    expect(template(variant(change))).toEqual(template(synthesized));
  });

  it.each<[string, Partial<EnvironmentInput>]>([
    ['the database', { databases: [{ ...(example().databases[0] as Json), user: 'other' }] }],
    ['PgBouncer', { pgbouncer: { poolMode: 'session' } }],
    ['the refresher’s tag', { refresher: { image: { source: 'repository', tag: '0.2.0' } } }],
    ['the identity', { identity: { kind: 'existing-role', roleName: 'web' } }],
  ])('the pods roll on a change of %s', (_, change) => {
    expect(template(variant(change))).not.toEqual(template(synthesized));
  });
});
