import { DataAwsDbInstance } from '@cdktf/provider-aws/lib/data-aws-db-instance';
import { DataAwsDbProxy } from '@cdktf/provider-aws/lib/data-aws-db-proxy';
import { DataAwsRdsCluster } from '@cdktf/provider-aws/lib/data-aws-rds-cluster';
import type { Construct } from 'constructs';
import { RdsTarget } from '../modules/database/rds-target';
import type { DatabaseConfig } from './config';

/** The login that a database of the configuration describes; what it only names is looked up. */
export function databaseTarget(scope: Construct, config: DatabaseConfig): RdsTarget {
  const { name, user, engine } = config;
  const options = { name, user, engine };
  const lookup = `${name}-lookup`;
  switch (config.kind) {
    case 'instance': {
      const instance = new DataAwsDbInstance(scope, lookup, { dbInstanceIdentifier: config.identifier });
      return RdsTarget.fromInstance(scope, name, { ...options, instance });
    }
    case 'cluster': {
      const cluster = new DataAwsRdsCluster(scope, lookup, { clusterIdentifier: config.identifier });
      return RdsTarget.fromCluster(scope, name, { ...options, cluster, endpoint: config.endpoint });
    }
    case 'proxy': {
      const proxy = new DataAwsDbProxy(scope, lookup, { name: config.proxyName });
      return RdsTarget.fromProxy(scope, name, { ...options, proxy, port: config.port });
    }
    case 'attributes': {
      const { host, port, resourceId, region, account, partition } = config;
      return RdsTarget.fromAttributes(scope, name, {
        ...options,
        host,
        port,
        resourceId,
        region,
        account,
        partition,
      });
    }
  }
}
