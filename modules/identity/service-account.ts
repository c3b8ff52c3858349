import { Token } from 'cdktf';

/** The service account that an identity is for. Pods get the AWS role by running as it. */
export interface ServiceAccountName {
  /** Kubernetes namespace of the service account. */
  readonly namespace: string;
  readonly serviceAccountName: string;
}

/** Source of the rules: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
export function checkServiceAccount({ namespace, serviceAccountName }: ServiceAccountName): void {
  if (!Token.isUnresolved(namespace) && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw new Error(
      `"${namespace}" is not a namespace: use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-"`,
    );
  }
  const subdomain = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
  if (!Token.isUnresolved(serviceAccountName) && !subdomain.test(serviceAccountName)) {
    throw new Error(
      `"${serviceAccountName}" is not the name of a service account: use 1 to 253 of a-z, 0-9, "-" and "."`,
    );
  }
}

/** `<namespace>-<service account>-`, cut to what AWS takes as the prefix of a name. */
export function awsNamePrefix(account: ServiceAccountName): string {
  return `${awsNameOf(account).slice(0, LONGEST_PREFIX - 1)}-`;
}

/** Longest `name_prefix` of an IAM role: 64 characters less the 26 that Terraform adds. */
export const LONGEST_PREFIX = 38;

/** Where a name is known only at apply it can't be cut to length, and one that says less has to do. */
function awsNameOf({ namespace, serviceAccountName }: ServiceAccountName): string {
  const parts = [namespace, serviceAccountName].filter(part => !Token.isUnresolved(part));
  return parts.length === 0 ? 'rds-iam-sidecar' : parts.join('-');
}
