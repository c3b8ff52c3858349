import { DataAwsIamPolicyDocument } from '@cdktf/provider-aws/lib/data-aws-iam-policy-document';
import { EksPodIdentityAssociation } from '@cdktf/provider-aws/lib/eks-pod-identity-association';
import { DataResource, type ITerraformDependable, Token } from 'cdktf';
import { Construct } from 'constructs';
import { IDENTITY_ANNOTATION } from './pod-annotation';
import { obtainRole, type RoleProps } from './role';
import { RolePolicy } from './role-policy';
import { awsNamePrefix, checkServiceAccount, type ServiceAccountName } from './service-account';
import type { PolicyGrant, WorkloadIdentity } from './workload-identity';

export interface PodIdentityProps extends ServiceAccountName, RoleProps {
  readonly clusterName: string;
  /**
   * ARN of the cluster. With it the role can be assumed by pods of this cluster alone; without it, by those of the
   * same service account in every cluster of the account that has an association for the role.
   *
   * @default - any cluster of the account
   */
  readonly clusterArn?: string;
  /**
   * How long to wait after the association was made, in seconds; 0 to not wait. A pod that is admitted before the
   * association took effect never gets credentials, and restarting its containers doesn't help. AWS speaks of delays
   * of several seconds.
   *
   * @default 20
   */
  readonly waitSeconds?: number;
}

const DEFAULT_WAIT_SECONDS = 20;

/**
 * An identity by EKS Pod Identity: an association gives the role to pods of the one service account. The cluster
 * needs the `eks-pod-identity-agent` add-on.
 *
 * Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
 */
export class PodIdentity extends Construct implements WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly roleArn: string;
  readonly credentials = 'container';
  readonly serviceAccountAnnotations: Readonly<Record<string, string>> = {};
  readonly podAnnotations: Readonly<Record<string, string>>;
  readonly dependencies: readonly ITerraformDependable[];

  private readonly policy: RolePolicy;

  /** @throws if a known value can't be right */
  constructor(scope: Construct, id: string, props: PodIdentityProps) {
    super(scope, id);
    checkServiceAccount(props);
    checkCluster(props.clusterName, props.clusterArn);
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;

    const role = obtainRole(this, props, props, () => this.trust(props.clusterArn));
    this.roleArn = role.arn;
    this.policy = new RolePolicy(this, 'grants', { roleName: role.name, namePrefix: awsNamePrefix(props) });
    const association = new EksPodIdentityAssociation(this, 'association', {
      clusterName: props.clusterName,
      namespace: props.namespace,
      serviceAccount: props.serviceAccountName,
      roleArn: role.arn,
      tags: props.tags,
    });
    this.dependencies = [this.policy.dependable, this.effective(association, props.waitSeconds)];
    // A role is exchanged within an association, and running pods would keep credentials of the old one for hours.
    this.podAnnotations = { [IDENTITY_ANNOTATION]: `${association.associationId} ${role.arn}` };
  }

  /** @throws if the grant allows more than it has to, or its id is taken by a grant of other actions */
  grant(grant: PolicyGrant): void {
    this.policy.grant(grant);
  }

  /** Something to depend on that is there once the association may be counted on. */
  private effective(
    association: EksPodIdentityAssociation,
    waitSeconds = DEFAULT_WAIT_SECONDS,
  ): ITerraformDependable {
    if (!(Number.isInteger(waitSeconds) && waitSeconds >= 0 && waitSeconds <= 600)) {
      throw new Error(`waitSeconds ${waitSeconds} is out of range: pass 0 to 600 seconds`);
    }
    if (waitSeconds === 0) return association;
    // Terraform's built-in resource: a wait that takes no further provider.
    return new DataResource(this, 'association-wait', {
      triggersReplace: { association: association.associationId },
      provisioners: [{ type: 'local-exec', command: `sleep ${waitSeconds}` }],
      dependsOn: [association],
    });
  }

  /** EKS sets the request tags; the pod can't. */
  private trust(clusterArn: string | undefined): DataAwsIamPolicyDocument {
    const requestTag = (tag: string, value: string) => ({
      test: 'StringEquals',
      variable: `aws:RequestTag/${tag}`,
      values: [value],
    });
    return new DataAwsIamPolicyDocument(this, 'trust', {
      statement: [
        {
          effect: 'Allow',
          actions: ['sts:AssumeRole', 'sts:TagSession'],
          principals: [{ type: 'Service', identifiers: ['pods.eks.amazonaws.com'] }],
          condition: [
            requestTag('kubernetes-namespace', this.namespace),
            requestTag('kubernetes-service-account', this.serviceAccountName),
            ...(clusterArn === undefined ? [] : [requestTag('eks-cluster-arn', clusterArn)]),
          ],
        },
      ],
    });
  }
}

function checkCluster(name: string, arn: string | undefined): void {
  if (!Token.isUnresolved(name) && !/^[A-Za-z0-9][\w-]{0,99}$/.test(name)) {
    throw new Error(
      `"${name}" is not the name of an EKS cluster: pass the name, not the arn or the endpoint`,
    );
  }
  if (arn === undefined || Token.isUnresolved(arn)) return;
  const match = /^arn:[^:]+:eks:[^:]+:\d{12}:cluster\/(.+)$/.exec(arn);
  if (match === null) {
    throw new Error(
      `"${arn}" is not the arn of an EKS cluster: pass arn:aws:eks:<region>:<account>:cluster/<name>`,
    );
  }
  if (!Token.isUnresolved(name) && match[1] !== name) {
    throw new Error(`clusterArn "${arn}" is not of the cluster "${name}": pass both of the same cluster`);
  }
}
