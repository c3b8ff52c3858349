import { Token } from 'cdktf';

/** What an `rds-db:connect` statement names. */
export interface ConnectResource {
  readonly partition: string;
  readonly region: string;
  /** Account of the database, 12 digits. */
  readonly account: string;
  /** `db-...`, `cluster-...` or `prx-...`. */
  readonly resourceId: string;
  readonly user: string;
}

/**
 * The resource of an `rds-db:connect` statement.
 *
 * Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 *
 * @throws if a known part can't be right: a policy with it would be valid, and allow nothing or too much
 */
export function connectArn(resource: ConnectResource): string {
  const { partition, region, account, resourceId, user } = resource;
  checkPartition(partition);
  checkAccount(account);
  checkResourceId(resourceId);
  checkUser(user);
  return `arn:${partition}:rds-db:${region}:${account}:dbuser:${resourceId}/${user}`;
}

function checkPartition(partition: string): void {
  if (Token.isUnresolved(partition) || /^aws(-[a-z]+)*$/.test(partition)) return;
  throw new Error(`"${partition}" is not an AWS partition: pass one such as aws, aws-cn or aws-us-gov`);
}

function checkAccount(account: string): void {
  if (Token.isUnresolved(account) || /^\d{12}$/.test(account)) return;
  throw new Error(`"${account}" is not an AWS account id: pass its 12 digits, as text`);
}

function checkResourceId(resourceId: string): void {
  // RDS writes identifiers in small letters and resource ids in capitals, so `db-orders` is told from `db-ABC...`.
  if (Token.isUnresolved(resourceId) || /^((db|cluster)-[A-Z0-9]+|prx-[A-Za-z0-9]+)$/.test(resourceId))
    return;
  throw new Error(
    `"${resourceId}" is not a resource id: pass the one like db-ABCDEFGHIJKL01234, cluster-... or prx-..., ` +
      'not the identifier of the instance or cluster',
  );
}

function checkUser(user: string): void {
  if (Token.isUnresolved(user)) return;
  if (user === '') throw new Error('the database user is empty: pass the user that has the rds_iam role');
  if (/[*?]/.test(user)) {
    throw new Error(
      `database user "${user}" is a wildcard, which would allow every user that matches: make a target a user`,
    );
  }
  if (/[\s\p{Cc}]/u.test(user)) {
    throw new Error(
      `database user ${JSON.stringify(user)} holds white space or control characters: pass the bare name`,
    );
  }
  if (user.includes('${')) {
    throw new Error(
      `database user ${JSON.stringify(user)} holds a policy variable, which IAM would replace: pass the name itself`,
    );
  }
  if (user.length > 63) {
    throw new Error(`database user "${user}" has ${user.length} characters: a name has at most 63`);
  }
}
