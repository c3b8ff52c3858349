import type { DataAwsEksCluster } from '@cdktf/provider-aws/lib/data-aws-eks-cluster';
import { DataAwsIamOpenidConnectProvider } from '@cdktf/provider-aws/lib/data-aws-iam-openid-connect-provider';
import type { Construct } from 'constructs';
import { ExistingRoleIdentity } from '../modules/identity/existing-role-identity';
import { IrsaIdentity, type OidcProvider } from '../modules/identity/irsa-identity';
import { PodIdentity } from '../modules/identity/pod-identity';
import type { WorkloadIdentity } from '../modules/identity/workload-identity';
import type { Environment } from './config';

/** The AWS identity of the app's service account. */
export function workloadIdentity(
  scope: Construct,
  { identity, cluster, namespace, app }: Environment,
  eks: DataAwsEksCluster | undefined,
): WorkloadIdentity {
  const account = { namespace: namespace.name, serviceAccountName: app.serviceAccountName ?? app.name };
  switch (identity.kind) {
    case 'pod-identity':
      return new PodIdentity(scope, 'identity', {
        ...account,
        ...roleProps(identity),
        clusterName: cluster.name,
        clusterArn: eks?.arn,
        waitSeconds: identity.waitSeconds,
      });
    case 'irsa':
      return new IrsaIdentity(scope, 'identity', {
        ...account,
        ...roleProps(identity),
        oidcProvider: oidcProvider(scope, identity.oidcProviderArn, eks),
      });
    case 'existing-role': {
      const { roleArn, roleName, managePolicy, credentials } = identity;
      return new ExistingRoleIdentity(scope, 'identity', {
        ...account,
        roleArn,
        roleName,
        managePolicy,
        credentials,
      });
    }
  }
}

interface RoleFields {
  readonly roleName?: string;
  readonly rolePath?: string;
  readonly permissionsBoundaryArn?: string;
}

function roleProps({ roleName, rolePath, permissionsBoundaryArn }: RoleFields) {
  return { roleName, path: rolePath, permissionsBoundary: permissionsBoundaryArn };
}

function oidcProvider(
  scope: Construct,
  arn: string | undefined,
  eks: DataAwsEksCluster | undefined,
): OidcProvider | undefined {
  if (arn !== undefined) return { arn };
  if (eks === undefined) return undefined;
  const url = eks.identity.get(0).oidc.get(0).issuer;
  return new DataAwsIamOpenidConnectProvider(scope, 'oidc-provider', { url });
}
