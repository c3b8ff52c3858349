import type { DataAwsIamPolicyDocument } from '@cdktf/provider-aws/lib/data-aws-iam-policy-document';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { Token } from 'cdktf';
import type { Construct } from 'constructs';
import { awsNamePrefix, LONGEST_PREFIX, type ServiceAccountName } from './service-account';

/** An `IamRole` resource or data source, or anything of that shape. */
export interface RoleReference {
  readonly arn: string;
  readonly name: string;
}

/** The role that an identity makes, or the one it is to use. */
export interface RoleProps {
  /**
   * A role made elsewhere. Its trust policy stays yours; what is granted is attached to it as one inline policy.
   *
   * @default - a role is made
   */
  readonly role?: RoleReference;
  /** Name of the role to make, at most 64 characters. @default - a unique one that begins with `roleNamePrefix` */
  readonly roleName?: string;
  /** At most 38 characters. @default - namespace and service account, cut to length */
  readonly roleNamePrefix?: string;
  /** @default '/' */
  readonly path?: string;
  /** ARN of the policy that bounds the role. @default - none */
  readonly permissionsBoundary?: string;
  /** Longest session, in seconds: 3600 to 43200. @default - AWS's, 3600 */
  readonly maxSessionDuration?: number;
  /** @default - says which service account the role is for */
  readonly description?: string;
  /** @default - the provider's default tags alone */
  readonly tags?: Readonly<Record<string, string>>;
}

const ONLY_FOR_NEW_ROLES = [
  'roleName',
  'roleNamePrefix',
  'path',
  'permissionsBoundary',
  'maxSessionDuration',
  'description',
] as const satisfies readonly (keyof RoleProps)[];

/**
 * The role of `props`, or a new one that trusts what `trust` says.
 *
 * @throws if an option can't be right, or is for a new role and `role` was given
 */
export function obtainRole(
  scope: Construct,
  account: ServiceAccountName,
  props: RoleProps,
  trust: () => DataAwsIamPolicyDocument,
): RoleReference {
  if (props.role !== undefined) {
    const idle = ONLY_FOR_NEW_ROLES.filter(key => props[key] !== undefined);
    if (idle.length > 0) {
      throw new Error(
        `${idle.join(', ')} can't be applied to a role made elsewhere: leave out either that or role`,
      );
    }
    return props.role;
  }
  checkRoleProps(props);
  const { namespace, serviceAccountName } = account;
  return new IamRole(scope, 'role', {
    ...(props.roleName === undefined
      ? { namePrefix: props.roleNamePrefix ?? awsNamePrefix(account) }
      : { name: props.roleName }),
    description: props.description ?? `Kubernetes service account ${namespace}/${serviceAccountName}`,
    path: props.path,
    permissionsBoundary: props.permissionsBoundary,
    maxSessionDuration: props.maxSessionDuration,
    assumeRolePolicy: trust().json,
    tags: props.tags,
  });
}

function checkRoleProps({
  roleName,
  roleNamePrefix,
  path,
  permissionsBoundary,
  maxSessionDuration,
}: RoleProps): void {
  if (roleName !== undefined && roleNamePrefix !== undefined) {
    throw new Error(
      `roleName "${roleName}" and roleNamePrefix "${roleNamePrefix}" exclude each other: pass one`,
    );
  }
  checkName('roleName', roleName, 64);
  checkName('roleNamePrefix', roleNamePrefix, LONGEST_PREFIX);
  if (path !== undefined && !Token.isUnresolved(path) && !/^\/([!-~]+\/)?$/.test(path)) {
    throw new Error(`path "${path}" is not an IAM path: begin and end it with "/"`);
  }
  if (
    permissionsBoundary !== undefined &&
    !Token.isUnresolved(permissionsBoundary) &&
    !/^arn:[^:]+:iam::[^:]*:policy\/.+$/.test(permissionsBoundary)
  ) {
    throw new Error(
      `permissionsBoundary "${permissionsBoundary}" is not the arn of a policy: pass arn:aws:iam::...`,
    );
  }
  if (
    maxSessionDuration !== undefined &&
    !Token.isUnresolved(maxSessionDuration) &&
    !(maxSessionDuration >= 3600 && maxSessionDuration <= 43_200)
  ) {
    throw new Error(`maxSessionDuration ${maxSessionDuration} is out of range: pass 3600 to 43200 seconds`);
  }
}

function checkName(what: string, value: string | undefined, longest: number): void {
  if (value === undefined || Token.isUnresolved(value)) return;
  if (/^[\w+=,.@-]+$/.test(value) && value.length <= longest) return;
  throw new Error(`${what} "${value}" is invalid: use 1 to ${longest} letters, digits and _+=,.@-`);
}
