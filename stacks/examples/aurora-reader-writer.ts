/**
 * An Aurora cluster with its writer and its readers, behind one PgBouncer.
 *
 * For an app that sends its reading elsewhere. A token is for one host and one user, and a userlist holds one password a
 * user: so writer and reader log in as two users, each with `GRANT rds_iam`. With a single user it takes two poolers, each
 * with an `authFile` of its own.
 *
 * As `shop_reader` grant no more than SELECT: the reader endpoint may become a writer in a failover.
 */
import { DataAwsRdsCluster } from '@cdktf/provider-aws/lib/data-aws-rds-cluster';
import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import {
  PgBouncerSidecar,
  PodIdentity,
  RdsTarget,
  SidecarDeployment,
  SidecarImage,
  TokenRefresher,
} from '../../modules';
import { CLUSTER, configureProviders } from './cluster';

export class AuroraReaderWriter extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const cluster = new DataAwsRdsCluster(this, 'shop', { clusterIdentifier: 'shop' });
    const writer = RdsTarget.fromCluster(this, 'writer', { cluster, user: 'shop' });
    const reader = RdsTarget.fromCluster(this, 'reader', {
      cluster,
      user: 'shop_reader',
      endpoint: 'reader',
    });
    const pooler = new PgBouncerSidecar({
      databases: [
        { target: writer, database: 'shop' },
        { target: reader, database: 'shop', alias: 'shop-reader', poolSize: 40 },
      ],
    });
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRegistry(`ghcr.io/acme/rds-iam-refresher@sha256:${'5a'.repeat(32)}`),
      pooler,
    });

    new SidecarDeployment(this, 'app', {
      name: 'catalog',
      image: `ghcr.io/acme/catalog@sha256:${'3c'.repeat(32)}`,
      identity: new PodIdentity(this, 'identity', {
        namespace: 'catalog',
        serviceAccountName: 'catalog',
        clusterName: CLUSTER.name,
      }),
      sidecars: [refresher, pooler],
      env: {
        DATABASE_URL: 'postgres://shop@127.0.0.1:6432/shop',
        READER_DATABASE_URL: 'postgres://shop_reader@127.0.0.1:6432/shop-reader',
      },
      ports: [{ name: 'http', port: 8080 }],
      service: true,
      readinessProbe: { check: { kind: 'http', path: '/ready', port: 8080 } },
      livenessProbe: { check: { kind: 'http', path: '/alive', port: 8080 }, periodSeconds: 20 },
      requests: { cpu: '250m', memory: '256Mi' },
      limits: { memory: '512Mi' },
    });
  }
}
