/**
 * A password file for libpq, and no pooler.
 *
 * For workers and tools that hold a few connections: anything on libpq (psql, psycopg, ruby-pg, PHP) reads `PGPASSFILE` at
 * each new connection, and so finds the current token. The file is its owner's alone: the image must be able to run
 * with the pod's uid, which is the refresher's, too.
 */
import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { IrsaIdentity, RdsTarget, SidecarDeployment, SidecarImage, TokenRefresher } from '../../modules';
import { CLUSTER, configureProviders } from './cluster';

export class LibpqPasswordFile extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const target = RdsTarget.fromAttributes(this, 'database', {
      host: 'invoices.cexample1234.eu-central-1.rds.amazonaws.com',
      resourceId: 'db-ABCDEFGHIJKL01234',
      user: 'invoices',
    });
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRegistry(`ghcr.io/acme/rds-iam-refresher@sha256:${'5a'.repeat(32)}`),
      targets: [target],
    });

    new SidecarDeployment(this, 'worker', {
      name: 'invoices',
      component: 'worker',
      image: `ghcr.io/acme/invoices@sha256:${'2b'.repeat(32)}`,
      identity: new IrsaIdentity(this, 'identity', {
        namespace: 'invoices',
        serviceAccountName: 'invoices',
        oidcProvider: CLUSTER.oidcProvider,
      }),
      sidecars: [refresher],
      // The uid that the image is made for; the refresher takes it on.
      runAsUser: 10_001,
      // PGHOST, PGPORT, PGUSER, PGPASSFILE, PGSSLMODE and PGSSLROOTCERT are set by the refresher.
      env: { PGDATABASE: 'invoices' },
      command: ['python', '-m', 'invoices.worker'],
      writablePaths: ['/tmp'],
      // The worker touches the file after each job.
      livenessProbe: {
        check: { kind: 'exec', command: ['/bin/sh', '-c', 'test -n "$(find /tmp/alive -mmin -5)"'] },
        initialDelaySeconds: 60,
        periodSeconds: 60,
      },
      readinessProbe: { check: { kind: 'exec', command: ['test', '-e', '/tmp/alive'] } },
      requests: { cpu: '100m', memory: '128Mi' },
      limits: { memory: '256Mi' },
    });
  }
}
