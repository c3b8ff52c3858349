import { ContainerCredentials } from '../../test/support/aws/container-credentials';
import type { CredentialEndpoint } from '../../test/support/aws/credential-endpoint';
import { Sts } from '../../test/support/aws/sts';
import type { CredentialRegistry, IssueOptions } from '../../test/support/rds/credential-registry';
import type { PodIdentity } from '../pod/identity';

/** What answers a pod that asks for AWS credentials, and the variables by which EKS tells the pod. */
export interface CredentialSource {
  readonly endpoint: CredentialEndpoint;
  readonly env: Readonly<Record<string, string>>;
  /** For people. */
  readonly description: string;
}

/** Starts the stand-in for the service that the pod's identity needs. */
export async function startCredentialSource(
  { kind, databaseUsers: allowedUsers }: PodIdentity,
  registry: CredentialRegistry,
  options: IssueOptions,
): Promise<CredentialSource> {
  const issue = { ...options, allowedUsers };
  if (kind === 'web-identity') {
    const sts = await Sts.start({ registry, issue });
    return { endpoint: sts, env: sts.environment(), description: 'IRSA, by a stand-in for STS' };
  }
  const agent = await ContainerCredentials.start({ registry, issue });
  return {
    endpoint: agent,
    env: agent.environment(),
    description: 'EKS Pod Identity, by a stand-in for its agent',
  };
}
