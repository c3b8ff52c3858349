/**
 * An RDS Proxy that asks for IAM tokens.
 *
 * For who has a proxy already: it pools, so the pod needs no PgBouncer, and the app logs in with libpq. The proxy is a
 * resource of its own to IAM, `prx-...`, whatever database is behind it, and always wants TLS; its certificate is of another
 * CA than the database's, which the refresher's bundle holds as well.
 */
import { DataAwsDbProxy } from '@cdktf/provider-aws/lib/data-aws-db-proxy';
import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { PodIdentity, RdsTarget, SidecarDeployment, SidecarImage, TokenRefresher } from '../../modules';
import { CLUSTER, configureProviders } from './cluster';

export class RdsProxyLogin extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const proxy = new DataAwsDbProxy(this, 'proxy', { name: 'orders' });
    const target = RdsTarget.fromProxy(this, 'orders', { proxy, user: 'orders' });
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRegistry(`ghcr.io/acme/rds-iam-refresher@sha256:${'5a'.repeat(32)}`),
      targets: [target],
    });

    new SidecarDeployment(this, 'app', {
      name: 'orders',
      image: `ghcr.io/acme/orders@sha256:${'4d'.repeat(32)}`,
      identity: new PodIdentity(this, 'identity', {
        namespace: 'orders',
        serviceAccountName: 'orders',
        clusterName: CLUSTER.name,
      }),
      sidecars: [refresher],
      env: { PGDATABASE: 'orders' },
      ports: [{ name: 'http', port: 8080 }],
      service: true,
      readinessProbe: { check: { kind: 'http', path: '/ready', port: 8080 } },
      livenessProbe: { check: { kind: 'http', path: '/alive', port: 8080 }, periodSeconds: 20 },
      requests: { cpu: '250m', memory: '256Mi' },
      limits: { memory: '512Mi' },
    });
  }
}
