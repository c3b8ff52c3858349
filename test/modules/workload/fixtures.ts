import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import type { PolicyGrant, WorkloadIdentity } from '../../../modules/identity/workload-identity';
import type { Sidecar, SidecarContribution } from '../../../modules/workload/sidecar';
import { SidecarDeployment, type SidecarDeploymentProps } from '../../../modules/workload/sidecar-deployment';
import { type Json, type Synthesized, synthStack, testStack } from '../../support/synth';

/** An identity that remembers what was granted. */
export function testIdentity(overrides: Partial<WorkloadIdentity> = {}): WorkloadIdentity & {
  readonly grants: PolicyGrant[];
} {
  const grants: PolicyGrant[] = [];
  return {
    namespace: 'shop',
    serviceAccountName: 'orders',
    roleArn: 'arn:aws:iam::111122223333:role/orders',
    credentials: 'container',
    serviceAccountAnnotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/orders' },
    podAnnotations: { identity: 'association-1' },
    dependencies: [{ fqn: 'aws_eks_pod_identity_association.orders' }],
    grant: grant => grants.push(grant),
    grants,
    ...overrides,
  };
}

/** A sidecar that brings what it is told to. */
export function testSidecar(name: string, contribution: SidecarContribution): Sidecar {
  return { name, bind: () => contribution };
}

export interface Deployed {
  readonly deployment: SidecarDeployment;
  readonly synthesized: Synthesized;
  /** `spec.template` of the Deployment. */
  readonly template: Json;
}

/** Synthesizes a workload named `orders` in a stack of its own. */
export function deploy(props: Partial<SidecarDeploymentProps> = {}): Deployed {
  const stack = testStack();
  new KubernetesProvider(stack, 'kubernetes', {});
  const deployment = new SidecarDeployment(stack, 'orders', {
    name: 'orders',
    image: 'registry.example.com/orders:1',
    ...props,
  });
  const synthesized = synthStack(stack);
  return {
    deployment,
    synthesized,
    template: synthesized.resource('kubernetes_deployment_v1').spec.template,
  };
}
