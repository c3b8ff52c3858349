/**
 * Django behind PgBouncer.
 *
 * For a web app with many short transactions, and more workers than the database should have connections. The refresher
 * takes the place of a cron job that writes PgBouncer's `auth_file`; the app talks to 127.0.0.1 and knows of no token.
 *
 * In Django's settings, because a transaction may run on another connection than the one before:
 * `CONN_MAX_AGE = 0` and `DISABLE_SERVER_SIDE_CURSORS = True`.
 */
import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import {
  IrsaIdentity,
  type Mount,
  PgBouncerSidecar,
  RdsTarget,
  SidecarDeployment,
  SidecarImage,
  SidecarRepository,
  TokenRefresher,
} from '../../modules';
import { CLUSTER, configureProviders } from './cluster';

export class DjangoPgBouncer extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const target = RdsTarget.fromAttributes(this, 'database', {
      host: 'shop.cexample1234.eu-central-1.rds.amazonaws.com',
      resourceId: 'db-ABCDEFGHIJKL01234',
      user: 'shop',
    });
    const pooler = new PgBouncerSidecar({
      databases: [{ target, database: 'shop' }],
      poolMode: 'transaction',
      maxClientConnections: 4000,
      defaultPoolSize: 20,
      reservePoolSize: 5,
    });
    const repository = new SidecarRepository(this, 'repository', { repositoryName: 'rds-iam-refresher' });
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRepository(repository, { tag: '0.1.0' }),
      pooler,
    });

    const image = `ghcr.io/acme/shop@sha256:${'1f'.repeat(32)}`;
    const env = {
      DJANGO_SETTINGS_MODULE: 'shop.settings',
      // A Secret that exists, as a file: variables end up in dumps and child processes.
      DJANGO_SECRET_KEY_FILE: '/run/secrets/shop/django-secret-key',
      DATABASE_URL: 'postgres://shop@127.0.0.1:6432/shop',
    };
    const secrets: Mount = {
      volume: { kind: 'secret', name: 'secrets', source: 'shop' },
      path: '/run/secrets/shop',
    };
    const requests = { cpu: '250m', memory: '256Mi' };
    const limits = { memory: '512Mi' };
    const healthy = { kind: 'http', path: '/healthz', port: 8000 } as const;
    new SidecarDeployment(this, 'shop', {
      name: 'shop',
      image,
      identity: new IrsaIdentity(this, 'identity', {
        namespace: 'shop',
        serviceAccountName: 'shop',
        oidcProvider: CLUSTER.oidcProvider,
      }),
      sidecars: [refresher, pooler],
      // Runs when refresher and PgBouncer are up, and before the app.
      initContainers: [
        {
          name: 'migrate',
          image,
          command: ['python', 'manage.py', 'migrate', '--no-input'],
          env,
          mounts: [secrets],
          requests,
          limits,
        },
      ],
      command: ['gunicorn', 'shop.wsgi', '--bind', '0.0.0.0:8000', '--worker-tmp-dir', '/dev/shm'],
      env,
      mounts: [secrets],
      ports: [{ name: 'http', port: 8000 }],
      service: { ports: { http: 80 } },
      replicas: 3,
      writablePaths: ['/tmp'],
      readinessProbe: { check: healthy, periodSeconds: 5 },
      livenessProbe: { check: healthy, periodSeconds: 20, failureThreshold: 5 },
      requests,
      limits,
    });
  }
}
