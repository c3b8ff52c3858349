/**
 * Everything that exists already: role, service account, namespace, images.
 *
 * For teams whose platform makes these elsewhere. The role is left alone: the output `required_statements` says what its owner
 * has to allow. All images come from the team's own registry, with the versions it has approved.
 */
import { TerraformOutput, TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import {
  ExistingRoleIdentity,
  PgBouncerSidecar,
  RdsTarget,
  SidecarDeployment,
  SidecarImage,
  TokenRefresher,
} from '../../modules';
import { configureProviders } from './cluster';

const REGISTRY = 'registry.example.com/approved';

export class OwnRoleAndImage extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    configureProviders(this);

    const target = RdsTarget.fromAttributes(this, 'database', {
      host: 'ledger.cexample1234.eu-central-1.rds.amazonaws.com',
      resourceId: 'db-ABCDEFGHIJKL01234',
      account: '444455556666',
      partition: 'aws',
      user: 'ledger',
    });
    const pooler = new PgBouncerSidecar({
      image: `${REGISTRY}/pgbouncer@sha256:${'8b'.repeat(32)}`,
      version: '1.24.1',
      databases: [{ target, database: 'ledger' }],
    });
    const refresher = new TokenRefresher({
      image: SidecarImage.fromRegistry(`${REGISTRY}/rds-iam-refresher@sha256:${'5a'.repeat(32)}`),
      pooler,
    });
    const identity = new ExistingRoleIdentity(this, 'identity', {
      namespace: 'ledger',
      serviceAccountName: 'ledger',
      roleArn: 'arn:aws:iam::111122223333:role/apps/ledger',
      managePolicy: false,
      credentials: 'web-identity',
    });

    new SidecarDeployment(this, 'ledger', {
      name: 'ledger',
      image: `${REGISTRY}/ledger@sha256:${'9c'.repeat(32)}`,
      imagePullSecrets: ['registry'],
      identity,
      // It exists, with the annotation for the role.
      serviceAccountName: 'ledger',
      sidecars: [refresher, pooler],
      ports: [{ name: 'http', port: 8080 }],
      service: true,
      readinessProbe: { check: { kind: 'http', path: '/ready', port: 8080 } },
      livenessProbe: { check: { kind: 'http', path: '/alive', port: 8080 }, periodSeconds: 20 },
      requests: { cpu: '250m', memory: '256Mi' },
      limits: { memory: '512Mi' },
    });
    new TerraformOutput(this, 'required_statements', {
      description: 'What the role has to allow',
      value: identity.requiredStatements,
    });
  }
}
