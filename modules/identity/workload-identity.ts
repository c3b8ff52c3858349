import type { ITerraformDependable } from 'cdktf';

/** One `Allow` statement for the pod's role. */
export interface PolicyGrant {
  /** Statement id, unique within the role's policy: letters and digits. */
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** Anything that a permission can be given to. */
export interface Grantee {
  /**
   * Allow it something. An identity that owns no role refuses, saying which statement to add by hand, unless it was
   * told that this is done.
   */
  grant(grant: PolicyGrant): void;
}

/**
 * The AWS identity of one Kubernetes service account. IRSA, EKS Pod Identity and a role made elsewhere differ in
 * how a pod gets the role; a workload needs to know only this.
 */
export interface WorkloadIdentity extends Grantee {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly roleArn: string;
  /** Where a container finds its credentials: what the refresher is told to use, and nothing else. */
  readonly credentials: 'web-identity' | 'container' | 'auto';
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  /**
   * Annotations for the pod template. A pod admitted before its association took effect never gets credentials, so
   * a new association must roll the pods.
   */
  readonly podAnnotations: Readonly<Record<string, string>>;
  /**
   * What must be in place before a pod starts: the policy, and the association with its wait. Holds for grants that
   * come after it was read, too.
   */
  readonly dependencies: readonly ITerraformDependable[];
}
