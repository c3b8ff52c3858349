import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import { TerraformStack } from 'cdktf';
import { Construct } from 'constructs';
import { RdsTarget } from '../../modules/database/rds-target';
import { PodIdentity } from '../../modules/identity/pod-identity';
import { SidecarImage } from '../../modules/image/sidecar-image';
import { SidecarRepository } from '../../modules/image/sidecar-repository';
import { PgBouncerSidecar } from '../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher } from '../../modules/refresher/token-refresher';
import { SidecarDeployment } from '../../modules/workload/sidecar-deployment';
import { type Synthesized, synth } from '../support/synth';

/** A stack with a workload for each name, and all that it takes, with the ids that anybody would choose. */
export function instances(...names: readonly string[]): Synthesized {
  return synth(scope => {
    new AwsProvider(scope, 'aws', { region: 'eu-central-1' });
    new KubernetesProvider(scope, 'kubernetes', { configPath: '~/.kube/config' });
    TerraformStack.of(scope).addOverride('terraform.required_providers.aws.version', '>= 5.100.0');
    for (const name of names) everything(new Construct(scope, name), name);
  });
}

function everything(scope: Construct, name: string): void {
  const target = RdsTarget.fromAttributes(scope, 'database', {
    host: `${name}.abc123.eu-central-1.rds.amazonaws.com`,
    resourceId: 'db-ABCDEFGHIJKL01234',
    user: name,
  });
  const pooler = new PgBouncerSidecar({ databases: [{ target, database: name }] });
  const repository = new SidecarRepository(scope, 'repository', { repositoryName: `${name}-refresher` });
  const refresher = new TokenRefresher({
    image: SidecarImage.fromRepository(repository, { tag: '1' }),
    pooler,
  });
  const identity = new PodIdentity(scope, 'identity', {
    namespace: 'shop',
    serviceAccountName: name,
    clusterName: 'example',
  });
  new SidecarDeployment(scope, 'workload', {
    name,
    image: 'app:1',
    identity,
    sidecars: [refresher, pooler],
    ports: [{ name: 'http', port: 8000 }],
    service: true,
  });
}
