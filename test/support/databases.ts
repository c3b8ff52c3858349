/** Databases as the factories of `RdsTarget` take them, with nothing unresolved. Override what a test is about. */
import type { DatabaseCluster, DatabaseInstance, DatabaseProxy } from '../../modules/database/rds-target';

export const INSTANCE: DatabaseInstance = {
  address: 'orders.cxample12345.eu-central-1.rds.amazonaws.com',
  port: 5433,
  resourceId: 'db-ABCDEFGHIJKL01234',
  arn: 'arn:aws:rds:eu-central-1:111122223333:db:orders',
};

export const CLUSTER: DatabaseCluster = {
  endpoint: 'orders.cluster-cxample12345.eu-west-1.rds.amazonaws.com',
  readerEndpoint: 'orders.cluster-ro-cxample12345.eu-west-1.rds.amazonaws.com',
  port: 3307,
  clusterResourceId: 'cluster-ABCDEFGHIJKL01234',
  arn: 'arn:aws:rds:eu-west-1:111122223333:cluster:orders',
};

export const PROXY: DatabaseProxy = {
  endpoint: 'orders.proxy-cxample12345.us-gov-west-1.rds.amazonaws.com',
  arn: 'arn:aws-us-gov:rds:us-gov-west-1:444455556666:db-proxy:prx-0123456789abcdef0',
};
