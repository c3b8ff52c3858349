import { DataAwsIamPolicyDocument } from '@cdktf/provider-aws/lib/data-aws-iam-policy-document';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { type ITerraformDependable, Lazy } from 'cdktf';
import { Construct } from 'constructs';
import { mergeGrant } from './statements';
import type { Grantee, PolicyGrant } from './workload-identity';

export interface RolePolicyProps {
  /** Name of the role. May be unresolved. */
  readonly roleName: string;
  /** Beginning of the policy's name; Terraform makes it unique, since a role may have policies from elsewhere. */
  readonly namePrefix: string;
}

/** Everything that is granted to a role, as one inline policy. While nothing is granted there is no policy. */
export class RolePolicy extends Construct implements Grantee {
  /**
   * To depend on the policy, whether it exists already or not: what depends on it while nothing is granted depends
   * on nothing.
   */
  readonly dependable: ITerraformDependable;

  private readonly props: RolePolicyProps;
  private grants: readonly PolicyGrant[] = [];
  private document?: DataAwsIamPolicyDocument;
  private policy?: IamRolePolicy;

  constructor(scope: Construct, id: string, props: RolePolicyProps) {
    super(scope, id);
    this.props = props;
    // An unresolved element that turns out undefined vanishes from `depends_on`.
    this.dependable = { fqn: Lazy.stringValue({ produce: () => this.policy?.fqn }) };
  }

  /** @throws if the grant allows more than it has to, or its id is taken by a grant of other actions */
  grant(grant: PolicyGrant): void {
    this.grants = mergeGrant(this.grants, grant);
    this.document ??= new DataAwsIamPolicyDocument(this, 'document');
    this.document.putStatement(
      this.grants.map(({ sid, actions, resources }) => ({
        sid,
        effect: 'Allow',
        actions: [...actions],
        resources: [...resources],
      })),
    );
    this.policy ??= new IamRolePolicy(this, 'policy', {
      namePrefix: this.props.namePrefix,
      role: this.props.roleName,
      policy: this.document.json,
    });
  }
}
