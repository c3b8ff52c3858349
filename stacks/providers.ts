import { DataAwsEksCluster } from '@cdktf/provider-aws/lib/data-aws-eks-cluster';
import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import { Fn, LocalBackend, S3Backend } from 'cdktf';
import type { Construct } from 'constructs';
import type { Environment } from './config';

/** Where the state lies: in S3, or in a file of the project folder. */
export function configureState(scope: Construct, name: string, state: Environment['state']): void {
  if (state === undefined) {
    // Relative to the folder that Terraform runs in, so that the output is the same on every machine.
    new LocalBackend(scope, { path: `../../../terraform.${name}.tfstate` });
    return;
  }
  const { bucket, key, region, kmsKeyArn, profile, assumeRoleArn } = state;
  const backend = new S3Backend(scope, {
    bucket,
    key,
    region,
    profile,
    encrypt: true,
    kmsKeyId: kmsKeyArn,
    ...(assumeRoleArn !== undefined && { assumeRole: { roleArn: assumeRoleArn } }),
  });
  // Newer than the bindings: Terraform 1.10 locks in S3 itself, without a DynamoDB table.
  backend.addOverride('use_lockfile', true);
}

export function configureAws(scope: Construct, name: string, aws: Environment['aws']): void {
  new AwsProvider(scope, 'aws', {
    region: aws.region,
    allowedAccountIds: aws.accountIds,
    profile: aws.profile,
    ...(aws.assumeRoleArn !== undefined && { assumeRole: [{ roleArn: aws.assumeRoleArn }] }),
    defaultTags: [{ tags: { Environment: name, ManagedBy: 'terraform', ...aws.defaultTags } }],
  });
}

/** @returns the cluster, where it is looked up */
export function configureKubernetes(
  scope: Construct,
  { aws, cluster }: Pick<Environment, 'aws' | 'cluster'>,
): DataAwsEksCluster | undefined {
  const { access } = cluster;
  if (access.kind === 'kubeconfig') {
    new KubernetesProvider(scope, 'kubernetes', { configPath: access.path, configContext: access.context });
    return undefined;
  }
  const eks = new DataAwsEksCluster(scope, 'cluster', { name: cluster.name });
  new KubernetesProvider(scope, 'kubernetes', {
    host: eks.endpoint,
    clusterCaCertificate: Fn.base64decode(eks.certificateAuthority.get(0).data),
    // A login made at each run: one in the state, or one that expires during a long apply, would be worse.
    exec: [
      {
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        command: 'aws',
        args: [
          ...['eks', 'get-token', '--output', 'json', '--cluster-name', cluster.name, '--region', aws.region],
          ...(aws.profile === undefined ? [] : ['--profile', aws.profile]),
          ...(aws.assumeRoleArn === undefined ? [] : ['--role-arn', aws.assumeRoleArn]),
        ],
      },
    ],
  });
  return eks;
}
