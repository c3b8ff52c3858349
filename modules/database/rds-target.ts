import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { DataAwsRegion } from '@cdktf/provider-aws/lib/data-aws-region';
import { Annotations, Token } from 'cdktf';
import { Construct } from 'constructs';
import { parseDatabaseArn } from './arn';
import { connectArn } from './connect-arn';
import { checkHost, hostWarning, regionOfHost } from './endpoint';

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

/** What every way to a target has in common. */
export interface RdsTargetOptions {
  /**
   * Database user to log in as, up to 63 characters. `*` is refused: it would allow every user of the database.
   */
  readonly user: string;
  /**
   * Label of the target in logs and metrics: 1 to 63 of `a-z`, `0-9` and `-`.
   *
   * @default - the construct id
   */
  readonly name?: string;
  /** @default 'postgres' */
  readonly engine?: RdsEngine;
}

/** A `DbInstance` resource or data source, or anything of that shape. */
export interface DatabaseInstance {
  readonly address: string;
  readonly port: number;
  /** `db-...`, the resource id. Not the instance identifier. */
  readonly resourceId: string;
  /** The resource has its ARN here ... */
  readonly arn?: string;
  /** ... and the data source here. */
  readonly dbInstanceArn?: string;
}

export interface RdsInstanceTargetProps extends RdsTargetOptions {
  readonly instance: DatabaseInstance;
}

/** An `RdsCluster` resource or data source, or anything of that shape. */
export interface DatabaseCluster {
  readonly endpoint: string;
  readonly readerEndpoint: string;
  readonly port: number;
  /** `cluster-...`, the resource id. Not the cluster identifier. */
  readonly clusterResourceId: string;
  readonly arn: string;
}

export interface RdsClusterTargetProps extends RdsTargetOptions {
  readonly cluster: DatabaseCluster;
  /** @default 'writer' */
  readonly endpoint?: 'writer' | 'reader';
}

/** A `DbProxy` resource or data source, or anything of that shape. */
export interface DatabaseProxy {
  readonly endpoint: string;
  /** Its last segment, `prx-...`, is what a policy names; never the id of the database behind it. */
  readonly arn: string;
}

export interface RdsProxyTargetProps extends RdsTargetOptions {
  readonly proxy: DatabaseProxy;
  /** @default - 5432 for PostgreSQL, 3306 for MySQL */
  readonly port?: number;
}

export interface RdsTargetAttributes extends RdsTargetOptions {
  readonly host: string;
  /** `db-...`, `cluster-...` or `prx-...`: `aws rds describe-db-instances --query 'DBInstances[].DbiResourceId'` */
  readonly resourceId: string;
  /** @default - 5432 for PostgreSQL, 3306 for MySQL */
  readonly port?: number;
  /** @default - the Region in `host`; where that can't be told, the AWS provider's */
  readonly region?: string;
  /** Account of the database, 12 digits. @default - the AWS provider's */
  readonly account?: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. @default - the AWS provider's */
  readonly partition?: string;
}

/** Ways to describe a database login. Each takes a scope and an id, as a construct does. */
export const RdsTarget = {
  /**
   * A login to an RDS instance.
   *
   * @throws if a known value can't be right; values known only at apply aren't checked
   */
  fromInstance(scope: Construct, id: string, props: RdsInstanceTargetProps): RdsTarget {
    const { instance } = props;
    const arn = instance.arn ?? instance.dbInstanceArn;
    if (arn === undefined) {
      throw new Error(
        `the instance of "${id}" has no arn: pass arn with it, or use RdsTarget.fromAttributes`,
      );
    }
    const { partition, region, account } = parseDatabaseArn(arn, 'db');
    const { address: host, port, resourceId } = instance;
    return describe(scope, id, props, { host, port, resourceId, partition, region, account });
  },

  /**
   * A login to an Aurora cluster or a Multi-AZ DB cluster.
   *
   * @throws if a known value can't be right; values known only at apply aren't checked
   */
  fromCluster(scope: Construct, id: string, props: RdsClusterTargetProps): RdsTarget {
    const { cluster } = props;
    const { partition, region, account } = parseDatabaseArn(cluster.arn, 'cluster');
    const host = props.endpoint === 'reader' ? cluster.readerEndpoint : cluster.endpoint;
    const { port, clusterResourceId: resourceId } = cluster;
    return describe(scope, id, props, { host, port, resourceId, partition, region, account });
  },

  /**
   * A login to an RDS Proxy that takes IAM tokens (`iam_auth = REQUIRED`). It always wants TLS.
   *
   * @throws if a known value can't be right; values known only at apply aren't checked
   */
  fromProxy(scope: Construct, id: string, props: RdsProxyTargetProps): RdsTarget {
    const { resource: resourceId, ...place } = parseDatabaseArn(props.proxy.arn, 'db-proxy');
    const port = props.port ?? defaultPort(props.engine);
    return describe(scope, id, props, { host: props.proxy.endpoint, port, resourceId, ...place });
  },

  /**
   * A login to a database that this app doesn't manage. What isn't given is asked of the AWS provider.
   *
   * @throws if a known value can't be right; values known only at apply aren't checked
   */
  fromAttributes(scope: Construct, id: string, props: RdsTargetAttributes): RdsTarget {
    const { host, resourceId, port = defaultPort(props.engine) } = props;
    // `id` is the Region's name under AWS provider 5 and 6 alike; `name` and `region` each exist in one of them only.
    const providerRegion = (at: Construct) => new DataAwsRegion(at, 'region').id;
    return describe(scope, id, props, {
      host,
      port,
      resourceId,
      partition: props.partition ?? (at => new DataAwsPartition(at, 'partition').partition),
      region: props.region ?? regionOfHost(host) ?? providerRegion,
      account: props.account ?? (at => new DataAwsCallerIdentity(at, 'caller-identity').accountId),
    });
  },
} as const;

/** A value that is at hand, or the data source to make for it. */
type OrLookup = string | ((at: Construct) => string);

interface Database {
  readonly host: string;
  readonly port: number;
  readonly resourceId: string;
  readonly partition: OrLookup;
  readonly region: OrLookup;
  readonly account: OrLookup;
}

function defaultPort(engine: RdsEngine | undefined): number {
  return engine === 'mysql' ? 3306 : 5432;
}

function describe(scope: Construct, id: string, options: RdsTargetOptions, database: Database): RdsTarget {
  const { user, name = id, engine = 'postgres' } = options;
  const { host, port, resourceId } = database;
  checkName(name);
  checkHost(host);
  checkPort(port);

  const construct = new Construct(scope, id);
  const find = (value: OrLookup) => (typeof value === 'string' ? value : value(construct));
  const region = find(database.region);
  checkRegion(region, host);
  const arn = connectArn({
    partition: find(database.partition),
    region,
    account: find(database.account),
    resourceId,
    user,
  });

  const warning = hostWarning(host);
  if (warning !== undefined) Annotations.of(construct).addWarning(warning);
  return { name, engine, host, port, user, region, connectArn: arn };
}

function checkName(name: string): void {
  if (!Token.isUnresolved(name) && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new Error(
    `"${name}" can't label a target in logs and metrics: pass a name of 1 to 63 of a-z, 0-9 and "-", known at synth`,
  );
}

function checkPort(port: number): void {
  if (Token.isUnresolved(port) || (Number.isInteger(port) && port >= 1 && port <= 65_535)) return;
  throw new Error(`port ${port} is not a port: pass a whole number from 1 to 65535`);
}

function checkRegion(region: string, host: string): void {
  if (Token.isUnresolved(region)) return;
  if (!/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region)) {
    throw new Error(
      `"${region}" is not an AWS Region: pass one such as eu-central-1, not an Availability Zone`,
    );
  }
  const hostRegion = regionOfHost(host);
  if (hostRegion !== undefined && hostRegion !== region) {
    throw new Error(
      `region "${region}" is not the Region of host "${host}", which is "${hostRegion}": ` +
        'a token signed for another Region is refused',
    );
  }
}
