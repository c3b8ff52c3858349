/**
 * MySQL or MariaDB, by an option file.
 *
 * For apps on libmysqlclient or MariaDB's connector, which read host, user, password and CA from `--defaults-extra-file`
 * (`read_default_file` in mysqlclient and Django's OPTIONS). Others take the bare token: the output `token`. The user is made
 * with `IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'`, and `REQUIRE SSL`.
 */
import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { IrsaIdentity, RdsTarget, SidecarDeployment, SidecarImage, TokenRefresher } from '../../modules';
import { CLUSTER, configureProviders } from './cluster';

export class MySqlOptionFile extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const target = RdsTarget.fromAttributes(this, 'database', {
      engine: 'mysql',
      host: 'reports.cexample1234.eu-central-1.rds.amazonaws.com',
      resourceId: 'db-MNOPQRSTUVWX56789',
      user: 'reports',
    });
    const optionFile = 'reports.cnf';
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRegistry(`ghcr.io/acme/rds-iam-refresher@sha256:${'5a'.repeat(32)}`),
      targets: [{ target, outputs: [{ format: 'mysql-option-file', path: optionFile }] }],
    });

    new SidecarDeployment(this, 'reports', {
      name: 'reports',
      image: `ghcr.io/acme/reports@sha256:${'6e'.repeat(32)}`,
      identity: new IrsaIdentity(this, 'identity', {
        namespace: 'reports',
        serviceAccountName: 'reports',
        oidcProvider: CLUSTER.oidcProvider,
      }),
      sidecars: [refresher],
      env: { MYSQL_OPTION_FILE: `${refresher.shared.path}/${optionFile}`, MYSQL_DATABASE: 'reports' },
      ports: [{ name: 'http', port: 8080 }],
      service: true,
      readinessProbe: { check: { kind: 'http', path: '/ready', port: 8080 } },
      livenessProbe: { check: { kind: 'http', path: '/alive', port: 8080 }, periodSeconds: 20 },
      requests: { cpu: '250m', memory: '256Mi' },
      limits: { memory: '512Mi' },
    });
  }
}
