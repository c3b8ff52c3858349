import { NamespaceV1 } from '@cdktf/provider-kubernetes/lib/namespace-v1';
import { TerraformOutput, TerraformStack } from 'cdktf';
import { Construct } from 'constructs';
import type { RdsTarget } from '../modules/database/rds-target';
import type { ExistingRoleIdentity } from '../modules/identity/existing-role-identity';
import type { WorkloadIdentity } from '../modules/identity/workload-identity';
import { EmbeddedPgBouncer } from '../modules/pooler/embedded-pgbouncer';
import type { PgBouncer } from '../modules/pooler/pgbouncer';
import { PgBouncerSidecar } from '../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher } from '../modules/refresher/token-refresher';
import type { Probe } from '../modules/workload/container';
import { SidecarDeployment } from '../modules/workload/sidecar-deployment';
import type { DatabaseConfig, Environment } from './config';
import { databaseTarget } from './databases';
import { workloadIdentity } from './identity';
import { configureAws, configureKubernetes, configureState } from './providers';
import { imageRepository, refresherImage } from './refresher-image';

/** Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/ */
const RESTRICTED = {
  'pod-security.kubernetes.io/enforce': 'restricted',
  'pod-security.kubernetes.io/enforce-version': 'latest',
  'pod-security.kubernetes.io/warn': 'restricted',
  'pod-security.kubernetes.io/audit': 'restricted',
};

/** What the stack gives to whoever comes after it, as Terraform outputs of these names. */
export interface SidecarStackOutputs {
  /** ARN of the role that the pods run with. */
  readonly role_arn: string;
  /** Where the refresher's image is pushed to; absent without a repository of the stack. */
  readonly repository_url?: string;
  readonly refresher_image: string;
  readonly namespace: string;
  readonly service_account: string;
  readonly deployment: string;
  /** The `rds-db:connect` resource of each login, by its name. */
  readonly connect_arns: Readonly<Record<string, string>>;
  /** Statements that the role must have, as JSON; only where its policy is managed elsewhere. */
  readonly required_statements?: string;
}

const OUTPUT_DESCRIPTIONS: Readonly<Record<keyof SidecarStackOutputs, string>> = {
  role_arn: 'Role that the pods run with',
  repository_url: 'Where the image of the refresher is pushed to',
  refresher_image: 'Image of the refresher that the pods run',
  namespace: 'Kubernetes namespace of the app',
  service_account: 'Kubernetes service account that the role is for',
  deployment: 'Kubernetes Deployment of the app',
  connect_arns: 'What the role may connect to and as whom, by the name of the login',
  required_statements: 'IAM statements that the role must have, since its policy is managed elsewhere',
};

/** An app, PgBouncer and the refresher in one Deployment, with all that they need in AWS and Kubernetes. */
export class SidecarStack extends TerraformStack {
  readonly outputs: SidecarStackOutputs;

  /** @throws if a construct refuses what the configuration says */
  constructor(scope: Construct, id: string, config: Environment) {
    super(scope, id);
    configureState(this, id, config.state);
    configureAws(this, id, config.aws);
    // What the constructs use is in both; the bindings alone would ask for the one version that they were made from.
    this.addOverride('terraform.required_providers.aws.version', '>= 5.100.0, < 7.0.0');
    // A lock in S3 takes 1.10, and `terraform_data` 1.4.
    this.addOverride('terraform.required_version', config.state === undefined ? '>= 1.4.0' : '>= 1.10.0');
    if (config.app.lifecycle === 'classic') {
      // Native sidecars ask for 3.0 themselves; without them either does.
      this.addOverride('terraform.required_providers.kubernetes.version', '>= 2.38.0, < 4.0.0');
    }
    const eks = configureKubernetes(this, config);

    const repository = imageRepository(this, config.repository);
    const image = refresherImage(this, config.refresher.image, repository, config.aws);
    const identity = workloadIdentity(this, config, eks);
    const logins = config.databases.map(login => ({ login, target: databaseTarget(this, login) }));
    const pooler = config.pgbouncer && pgbouncer(config.pgbouncer, logins);
    const refresher = new TokenRefresher({
      image,
      targets: logins.map(({ target }) => target),
      pooler,
      logLevel: config.refresher.logLevel,
      requests: config.refresher.requests,
      limits: config.refresher.limits,
    });

    const { app } = config;
    const [port] = app.ports;
    const deployment = new SidecarDeployment(this, 'app', {
      name: app.name,
      namespace: this.namespace(config.namespace),
      image: app.image,
      identity,
      // In the order they start: PgBouncer takes no client before there is a token.
      sidecars: pooler === undefined ? [refresher] : [refresher, pooler],
      lifecycle: app.lifecycle,
      command: app.command,
      args: app.args,
      env: app.env,
      ports: app.ports,
      service: app.service,
      readinessProbe: httpProbe(app.readinessPath, port),
      livenessProbe: httpProbe(app.livenessPath, port),
      replicas: app.replicas,
      writablePaths: app.writablePaths,
      requests: app.requests,
      limits: app.limits,
      dependsOn: image.dependencies,
    });

    this.outputs = {
      role_arn: identity.roleArn,
      repository_url: repository?.repositoryUrl,
      refresher_image: image.uri,
      namespace: deployment.namespace,
      service_account: deployment.serviceAccountName,
      deployment: deployment.resource.metadata.name,
      connect_arns: Object.fromEntries(logins.map(({ target }) => [target.name, target.connectArn])),
      required_statements: requiredStatements(config, identity),
    };
    // Some are named like a construct of the stack.
    const outputs = new Construct(this, 'outputs');
    for (const [name, value] of Object.entries(this.outputs)) {
      if (value === undefined) continue;
      const description = OUTPUT_DESCRIPTIONS[name as keyof SidecarStackOutputs];
      new TerraformOutput(outputs, name, { value, description, staticId: true });
    }
  }

  /** @returns its name, known only once it exists, so that what goes into it waits for it */
  private namespace({ name, create }: Environment['namespace']): string {
    if (!create) return name;
    const namespace = new NamespaceV1(this, 'namespace', { metadata: { name, labels: RESTRICTED } });
    return namespace.metadata.name;
  }
}

function httpProbe(path: string | undefined, port: { readonly port: number } | undefined): Probe | undefined {
  if (path === undefined || port === undefined) return undefined;
  return { check: { kind: 'http', path, port: port.port } };
}

interface Login {
  readonly login: DatabaseConfig;
  readonly target: RdsTarget;
}

function pgbouncer(config: NonNullable<Environment['pgbouncer']>, logins: readonly Login[]): PgBouncer {
  const { mode, image, version, ...settings } = config;
  const databases = logins
    .filter(({ target }) => target.engine === 'postgres')
    .map(({ login: { database, alias }, target }) => ({ target, database, alias }));
  if (mode === 'sidecar') return new PgBouncerSidecar({ databases, image, version, ...settings });
  if (version === undefined) throw new Error('an embedded PgBouncer needs its version: name it');
  return new EmbeddedPgBouncer({ databases, version, ...settings });
}

function requiredStatements(
  { identity: config }: Environment,
  identity: WorkloadIdentity,
): string | undefined {
  if (config.kind !== 'existing-role' || config.managePolicy) return undefined;
  const { requiredStatements = [] } = identity as Partial<ExistingRoleIdentity>;
  return JSON.stringify(
    requiredStatements.map(({ sid, actions, resources }) => ({
      Sid: sid,
      Effect: 'Allow',
      Action: actions,
      Resource: resources,
    })),
  );
}
