import { DataAwsIamRole } from '@cdktf/provider-aws/lib/data-aws-iam-role';
import { type ITerraformDependable, Token } from 'cdktf';
import { Construct } from 'constructs';
import { IDENTITY_ANNOTATION } from './pod-annotation';
import { RolePolicy } from './role-policy';
import { awsNamePrefix, checkServiceAccount, type ServiceAccountName } from './service-account';
import { describeStatement, mergeGrant } from './statements';
import type { PolicyGrant, WorkloadIdentity } from './workload-identity';

export interface ExistingRoleIdentityProps extends ServiceAccountName {
  /** @default - looked up by `roleName` */
  readonly roleArn?: string;
  /** With it, what is granted is attached to the role as one inline policy. @default - nothing is attached */
  readonly roleName?: string;
  /**
   * `false` says that the role's policy is managed elsewhere and allows what the pod needs: grants are then recorded
   * in `requiredStatements` and nothing is attached.
   *
   * @default true
   */
  readonly managePolicy?: boolean;
  /**
   * How the role reaches the pods: `web-identity` annotates the service account for IRSA; `container` counts on a Pod
   * Identity association; `auto` leaves it to the environment, and annotates nothing.
   *
   * @default 'auto'
   */
  readonly credentials?: 'web-identity' | 'container' | 'auto';
}

/** An identity whose role, and what binds it to the service account, was made elsewhere. */
export class ExistingRoleIdentity extends Construct implements WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly roleArn: string;
  readonly credentials: 'web-identity' | 'container' | 'auto';
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly podAnnotations: Readonly<Record<string, string>>;
  readonly dependencies: readonly ITerraformDependable[];

  private readonly policy?: RolePolicy;
  private readonly managedElsewhere: boolean;
  private required: readonly PolicyGrant[] = [];

  /** @throws if a known value can't be right, or there is neither `roleArn` nor `roleName` */
  constructor(scope: Construct, id: string, props: ExistingRoleIdentityProps) {
    super(scope, id);
    checkServiceAccount(props);
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;
    this.roleArn = this.arnOf(props);
    this.managedElsewhere = props.managePolicy === false;
    if (props.roleName !== undefined && !this.managedElsewhere) {
      const { roleName } = props;
      this.policy = new RolePolicy(this, 'grants', { roleName, namePrefix: awsNamePrefix(props) });
    }
    this.dependencies = this.policy === undefined ? [] : [this.policy.dependable];
    this.credentials = props.credentials ?? 'auto';
    this.serviceAccountAnnotations =
      this.credentials === 'web-identity'
        ? {
            'eks.amazonaws.com/role-arn': this.roleArn,
            'eks.amazonaws.com/sts-regional-endpoints': 'true',
          }
        : {};
    this.podAnnotations = { [IDENTITY_ANNOTATION]: this.roleArn };
  }

  /** What the role must allow, where its policy is managed elsewhere. */
  get requiredStatements(): readonly PolicyGrant[] {
    return this.required;
  }

  /** @throws if nothing says how the role comes to be allowed it, or the grant allows more than it has to */
  grant(grant: PolicyGrant): void {
    if (this.policy !== undefined) {
      this.policy.grant(grant);
      return;
    }
    this.required = mergeGrant(this.required, grant);
    if (this.managedElsewhere) return;
    throw new Error(
      `the role "${Token.isUnresolved(this.roleArn) ? this.node.path : this.roleArn}" was made elsewhere and must allow ` +
        `${describeStatement(grant)}: pass roleName to have it attached, or add it and pass managePolicy: false`,
    );
  }

  private arnOf({ roleArn, roleName }: ExistingRoleIdentityProps): string {
    if (roleArn === undefined) {
      if (roleName === undefined)
        throw new Error('a role made elsewhere has to be named: pass roleArn or roleName');
      checkRoleName(roleName);
      return new DataAwsIamRole(this, 'role', { name: roleName }).arn;
    }
    if (roleName !== undefined) checkRoleName(roleName);
    if (Token.isUnresolved(roleArn)) return roleArn;
    const match = /^arn:[^:]+:iam::\d{12}:role\/(?:.+\/)?([^/]+)$/.exec(roleArn);
    if (match === null) {
      throw new Error(`"${roleArn}" is not the arn of a role: pass arn:aws:iam::<account>:role/<name>`);
    }
    if (roleName !== undefined && !Token.isUnresolved(roleName) && match[1] !== roleName) {
      throw new Error(`roleArn "${roleArn}" is not of the role "${roleName}": pass both of the same role`);
    }
    return roleArn;
  }
}

function checkRoleName(roleName: string): void {
  if (Token.isUnresolved(roleName) || /^[\w+=,.@-]{1,64}$/.test(roleName)) return;
  throw new Error(`"${roleName}" is not the name of a role: pass the name alone, without path and arn`);
}
