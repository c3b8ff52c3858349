import { Fn, Token } from 'cdktf';

/** What a target takes from the ARN of its database. Unresolved where the ARN is. */
export interface DatabaseArn {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** The last segment: the identifier of an instance or a cluster, the `prx-...` id of a proxy. */
  readonly resource: string;
}

const SEGMENTS = { partition: 1, region: 3, account: 4, resource: 6 } as const;

/**
 * Takes an ARN such as `arn:aws:rds:eu-central-1:111122223333:db:orders` apart. One that is known only at apply is
 * taken apart by Terraform.
 *
 * @throws if the ARN is known and isn't of an RDS resource of kind `kind`
 */
export function parseDatabaseArn(arn: string, kind: 'db' | 'cluster' | 'db-proxy'): DatabaseArn {
  if (Token.isUnresolved(arn)) {
    const parts = Fn.split(':', arn);
    const segment = (index: number) => Token.asString(Fn.element(parts, index));
    return {
      partition: segment(SEGMENTS.partition),
      region: segment(SEGMENTS.region),
      account: segment(SEGMENTS.account),
      resource: segment(SEGMENTS.resource),
    };
  }
  const match = new RegExp(`^arn:([^:]+):rds:([^:]+):([^:]+):${kind}:([^:]+)$`).exec(arn);
  const [, partition, region, account, resource] = match ?? [];
  if (!partition || !region || !account || !resource) {
    throw new Error(
      `"${arn}" is not the arn of this kind of database: pass one like arn:aws:rds:<region>:<account>:${kind}:<id>`,
    );
  }
  return { partition, region, account, resource };
}
