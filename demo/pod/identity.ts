/** The AWS identity that a synthesized stack gives its pod. Pure. */
import * as z from 'zod';
import type { Pod } from './pod';
import type { SynthesizedStack } from './terraform';

export interface PodIdentity {
  /** How its credentials reach it: as an IRSA web identity, or from the EKS Pod Identity agent. */
  readonly kind: 'web-identity' | 'container';
  /** Database users that the role's policies let it log in as (`rds-db:connect`). */
  readonly databaseUsers: readonly string[];
}

const serviceAccountBlock = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
});

const associationBlock = z.looseObject({ namespace: z.string(), service_account: z.string() });

const policyBlock = z.looseObject({
  statement: z
    .array(
      z.looseObject({ actions: z.array(z.string()).default([]), resources: z.array(z.string()).default([]) }),
    )
    .default([]),
});

/** @throws if the pod has no identity that EKS would know */
export function readIdentity(stack: SynthesizedStack, pod: Pod): PodIdentity {
  const databaseUsers = readDatabaseUsers(stack);
  const annotated = stack
    .resources('kubernetes_service_account_v1')
    .map(block => serviceAccountBlock.parse(block).metadata)
    .some(
      ({ name, annotations }) =>
        stack.resolve(name) === pod.serviceAccount && annotations['eks.amazonaws.com/role-arn'] !== undefined,
    );
  if (annotated) return { kind: 'web-identity', databaseUsers };
  const associated = stack
    .resources('aws_eks_pod_identity_association')
    .map(block => associationBlock.parse(block))
    .some(
      ({ namespace, service_account }) =>
        stack.resolve(namespace) === pod.namespace && stack.resolve(service_account) === pod.serviceAccount,
    );
  if (associated) return { kind: 'container', databaseUsers };
  throw new Error(
    `service account "${pod.namespace}/${pod.serviceAccount}" has neither an IRSA role nor a Pod Identity association: the pod would get no AWS credentials`,
  );
}

/** `arn:aws:rds-db:<region>:<account>:dbuser:<resource id>/<user>` */
function readDatabaseUsers(stack: SynthesizedStack): string[] {
  const arns = stack
    .dataSources('aws_iam_policy_document')
    .flatMap(block => policyBlock.parse(block).statement)
    .filter(({ actions }) => actions.includes('rds-db:connect'))
    .flatMap(({ resources }) => resources.map(resource => stack.resolve(resource)));
  return [...new Set(arns.map(arn => arn.slice(arn.lastIndexOf('/') + 1)))];
}
