/**
 * Pod template annotation with what the pods got their credentials by. A pod gets them when it is admitted, so
 * another role or association must make new pods, and a change here does.
 */
export const IDENTITY_ANNOTATION = 'rds-iam-sidecar/identity';
