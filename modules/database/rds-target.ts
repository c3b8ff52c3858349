/** Engines whose IAM login the refresher can serve. */
export type RdsEngine = 'postgres' | 'mysql';

/**
 * A database login: where the application connects, as whom, and the IAM resource that allows it.
 *
 * The policy is made from `connectArn` and the token is signed for `host`, `port`, `user` and `region` of the same
 * value, so the two can't disagree.
 */
export interface RdsTarget {
  /** Label of the target in logs and metrics; unique within a pod. */
  readonly name: string;
  readonly engine: RdsEngine;
  /** The endpoint RDS gave the database. Never a CNAME: the token's signature covers it. May be unresolved. */
  readonly host: string;
  /** May be unresolved. */
  readonly port: number;
  /** Database user, with `GRANT rds_iam` or `AWSAuthenticationPlugin`. */
  readonly user: string;
  /** AWS Region of the database. May be unresolved. */
  readonly region: string;
  /** `arn:<partition>:rds-db:<region>:<account>:dbuser:<resource id>/<user>`. Usually unresolved. */
  readonly connectArn: string;
}
