/**
 * PgBouncer inside the app's own image.
 *
 * For images that hold PgBouncer and start it themselves, beside the app. The construct brings configuration, socket and
 * `auth_file` into the app's container; the refresher reloads PgBouncer over the socket. The image's entrypoint starts
 * `pgbouncer /etc/pgbouncer/pgbouncer.ini`, then the app.
 */
import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import {
  EmbeddedPgBouncer,
  IrsaIdentity,
  RdsTarget,
  SidecarDeployment,
  SidecarImage,
  TokenRefresher,
} from '../../modules';
import { CLUSTER, configureProviders } from './cluster';

export class EmbeddedPooler extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const target = RdsTarget.fromAttributes(this, 'database', {
      host: 'blog.cexample1234.eu-central-1.rds.amazonaws.com',
      resourceId: 'db-ABCDEFGHIJKL01234',
      user: 'blog',
    });
    const pooler = new EmbeddedPgBouncer({ version: '1.24', databases: [{ target, database: 'blog' }] });
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRegistry(`ghcr.io/acme/rds-iam-refresher@sha256:${'5a'.repeat(32)}`),
      pooler,
    });

    new SidecarDeployment(this, 'blog', {
      name: 'blog',
      image: `ghcr.io/acme/blog-with-pgbouncer@sha256:${'7a'.repeat(32)}`,
      identity: new IrsaIdentity(this, 'identity', {
        namespace: 'blog',
        serviceAccountName: 'blog',
        oidcProvider: CLUSTER.oidcProvider,
      }),
      sidecars: [refresher, pooler],
      command: ['/usr/local/bin/start', pooler.configPath],
      ports: [{ name: 'http', port: 8080 }],
      service: true,
      // The refresher answers for PgBouncer, which nobody but the pod itself can reach.
      startupProbe: {
        check: { kind: 'http', path: `/poolers/${pooler.name}`, port: refresher.probePort },
        periodSeconds: 1,
        failureThreshold: 60,
      },
      readinessProbe: { check: { kind: 'http', path: '/ready', port: 8080 } },
      livenessProbe: { check: { kind: 'http', path: '/alive', port: 8080 }, periodSeconds: 20 },
      requests: { cpu: '250m', memory: '256Mi' },
      limits: { memory: '512Mi' },
    });
  }
}
