import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import type { TerraformStack } from 'cdktf';

/** The cluster of the examples: put yours in its place. */
export const CLUSTER = {
  name: 'example',
  oidcProvider: {
    arn: 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE',
  },
} as const;

/** The providers that every stack needs, as yours has them already. */
export function configureProviders(stack: TerraformStack): void {
  new AwsProvider(stack, 'aws', {
    region: 'eu-central-1',
    allowedAccountIds: ['111122223333'],
    defaultTags: [{ tags: { ManagedBy: 'terraform' } }],
  });
  new KubernetesProvider(stack, 'kubernetes', { configPath: '~/.kube/config', configContext: CLUSTER.name });
  // The constructs work with both; the bindings alone would ask for the one version that they were made from.
  stack.addOverride('terraform.required_providers.aws.version', '>= 5.100.0, < 7.0.0');
}
