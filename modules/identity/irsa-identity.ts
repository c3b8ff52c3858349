import { DataAwsIamPolicyDocument } from '@cdktf/provider-aws/lib/data-aws-iam-policy-document';
import { Fn, type ITerraformDependable, Token } from 'cdktf';
import { Construct } from 'constructs';
import { IDENTITY_ANNOTATION } from './pod-annotation';
import { obtainRole, type RoleProps } from './role';
import { RolePolicy } from './role-policy';
import { awsNamePrefix, checkServiceAccount, type ServiceAccountName } from './service-account';
import type { PolicyGrant, WorkloadIdentity } from './workload-identity';

/** An `IamOpenidConnectProvider` resource or data source, or anything of that shape. */
export interface OidcProvider {
  readonly arn: string;
  /** The cluster's issuer, with or without `https://`. @default - the part of `arn` that names it */
  readonly url?: string;
}

export interface IrsaIdentityProps extends ServiceAccountName, RoleProps {
  /** The IAM OIDC provider of the cluster. @default - none: only right with `role`, whose trust policy names it */
  readonly oidcProvider?: OidcProvider;
  /** Life of the projected service account token, in seconds: 600 to 86400. @default - EKS's, 86400 */
  readonly tokenExpirationSeconds?: number;
  /** Audience of the token, a client id of the OIDC provider. @default 'sts.amazonaws.com' */
  readonly audience?: string;
}

const DEFAULT_AUDIENCE = 'sts.amazonaws.com';

/**
 * An IAM role for a service account (IRSA): pods of the one service account, and no other, get the role by a web
 * identity token.
 *
 * Source: https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
 */
export class IrsaIdentity extends Construct implements WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly roleArn: string;
  readonly credentials = 'web-identity';
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly podAnnotations: Readonly<Record<string, string>>;
  readonly dependencies: readonly ITerraformDependable[];

  private readonly policy: RolePolicy;

  /** @throws if a known value can't be right, or there is neither `oidcProvider` nor `role` */
  constructor(scope: Construct, id: string, props: IrsaIdentityProps) {
    super(scope, id);
    checkServiceAccount(props);
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;

    const role = obtainRole(this, props, props, () => this.trust(props));
    this.roleArn = role.arn;
    this.policy = new RolePolicy(this, 'grants', { roleName: role.name, namePrefix: awsNamePrefix(props) });
    this.dependencies = [this.policy.dependable];
    this.serviceAccountAnnotations = {
      'eks.amazonaws.com/role-arn': role.arn,
      // The regional endpoint answers faster, and goes on when us-east-1 doesn't.
      'eks.amazonaws.com/sts-regional-endpoints': 'true',
      ...(props.audience === undefined ? {} : { 'eks.amazonaws.com/audience': props.audience }),
      ...tokenExpiration(props.tokenExpirationSeconds),
    };
    // The audience is in a pod's token since it was admitted: with another one the role would refuse it.
    const identity = props.audience === undefined ? role.arn : `${role.arn} ${props.audience}`;
    this.podAnnotations = { [IDENTITY_ANNOTATION]: identity };
  }

  /** @throws if the grant allows more than it has to, or its id is taken by a grant of other actions */
  grant(grant: PolicyGrant): void {
    this.policy.grant(grant);
  }

  private trust({ oidcProvider: provider, audience = DEFAULT_AUDIENCE }: IrsaIdentityProps) {
    if (provider === undefined) {
      throw new Error(
        'a role for IRSA has to trust the OIDC provider of its cluster: pass oidcProvider, or a role',
      );
    }
    const issuer = issuerOf(provider);
    return new DataAwsIamPolicyDocument(this, 'trust', {
      statement: [
        {
          effect: 'Allow',
          actions: ['sts:AssumeRoleWithWebIdentity'],
          principals: [{ type: 'Federated', identifiers: [provider.arn] }],
          condition: [
            {
              test: 'StringEquals',
              variable: `${issuer}:sub`,
              values: [`system:serviceaccount:${this.namespace}:${this.serviceAccountName}`],
            },
            { test: 'StringEquals', variable: `${issuer}:aud`, values: [audience] },
          ],
        },
      ],
    });
  }
}

/** The issuer as condition keys name it: without the scheme. */
function issuerOf({ arn, url }: OidcProvider): string {
  const arnIssuer = issuerOfArn(arn);
  if (url === undefined) return arnIssuer;
  if (Token.isUnresolved(url)) return Fn.trimprefix(url, 'https://');
  const issuer = url.replace(/^https:\/\//, '').replace(/\/$/, '');
  if (!/^[a-z0-9.-]+(\/[\w/-]+)?$/i.test(issuer)) {
    throw new Error(
      `"${url}" is not the url of an OIDC provider: pass the cluster's issuer, https://oidc.eks....`,
    );
  }
  if (!Token.isUnresolved(arn) && arnIssuer !== issuer) {
    throw new Error(`oidcProvider has the arn "${arn}" but the url "${url}": pass both of the same provider`);
  }
  return issuer;
}

function issuerOfArn(arn: string): string {
  const separator = ':oidc-provider/';
  if (Token.isUnresolved(arn)) return Token.asString(Fn.element(Fn.split(separator, arn), 1));
  const match = /^arn:[^:]+:iam::\d{12}:oidc-provider\/(.+)$/.exec(arn);
  if (match?.[1] === undefined) {
    throw new Error(
      `"${arn}" is not the arn of an OIDC provider: pass arn:aws:iam::<account>:oidc-provider/<issuer>`,
    );
  }
  return match[1];
}

function tokenExpiration(seconds: number | undefined): Record<string, string> {
  if (seconds === undefined) return {};
  if (!Token.isUnresolved(seconds) && !(Number.isInteger(seconds) && seconds >= 600 && seconds <= 86_400)) {
    throw new Error(`tokenExpirationSeconds ${seconds} is out of range: pass 600 to 86400 seconds`);
  }
  return {
    'eks.amazonaws.com/token-expiration': Token.isUnresolved(seconds)
      ? Token.asString(seconds)
      : `${seconds}`,
  };
}
