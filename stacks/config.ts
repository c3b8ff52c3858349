/**
 * Schema of an environment: one file describes one stack. Every field is described here once; the descriptions go into
 * `environment.schema.json` too, so that an editor shows them.
 *
 * What only a construct can judge, such as whether an ARN fits its database, is left to the construct.
 */
import { z } from 'zod';

const region = z
  .string()
  .regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/, 'must be an AWS Region such as eu-central-1')
  .describe('AWS Region, such as eu-central-1');

const accountId = z.string().regex(/^\d{12}$/, 'must be the 12 digits of an AWS account id, as text');

const dnsLabel = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-"',
  );

const text = z.string().min(1, 'must not be empty');
const port = z.int().min(1).max(65_535);
const stringMap = z.record(text, z.string());

const awsSchema = z
  .strictObject({
    region,
    accountIds: z
      .array(accountId)
      .min(1)
      .optional()
      .describe(
        'Accounts that the stack may be applied to. Default: whatever account the credentials are of',
      ),
    profile: text.optional().describe('Profile of the AWS configuration files. Default: the environment’s'),
    assumeRoleArn: text.optional().describe('Role to assume for every call. Default: none'),
    defaultTags: stringMap
      .optional()
      .describe('Tags of every AWS resource, besides Environment and ManagedBy'),
  })
  .describe('Where and as whom Terraform works in AWS');

const stateSchema = z
  .strictObject({
    bucket: text.describe('S3 bucket, with versioning'),
    key: text.describe('Object in the bucket; its lock lies beside it'),
    region,
    kmsKeyArn: text.optional().describe('Key to encrypt with. Default: the bucket’s'),
    profile: text.optional(),
    assumeRoleArn: text.optional(),
  })
  .describe('Terraform state in S3. Default: a file in the project folder, for a try');

const clusterSchema = z
  .strictObject({
    name: text.describe('Name of the EKS cluster'),
    access: z
      .discriminatedUnion('kind', [
        z.strictObject({
          kind: z.literal('eks').describe('Looks the cluster up and logs in with `aws eks get-token`'),
        }),
        z.strictObject({
          kind: z.literal('kubeconfig').describe('Takes a kubeconfig file'),
          path: text.describe('Of the file, such as ~/.kube/config'),
          context: text.describe('In the file: without it a stray `kubectl config use-context` would decide'),
        }),
      ])
      .default({ kind: 'eks' })
      .describe('How Terraform reaches the cluster'),
  })
  .describe('The cluster that the pods run in');

const roleFields = {
  roleName: text.optional().describe('Default: a unique name that begins with namespace and service account'),
  rolePath: text.optional().describe('Path of the role. Default: /'),
  permissionsBoundaryArn: text.optional().describe('Policy that bounds the role. Default: none'),
};

const identitySchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('pod-identity').describe('EKS Pod Identity; takes the eks-pod-identity-agent add-on'),
      waitSeconds: z
        .int()
        .min(0)
        .max(600)
        .optional()
        .describe('Seconds until a new association is counted on. Default: 20'),
      ...roleFields,
    }),
    z.strictObject({
      kind: z
        .literal('irsa')
        .describe('IAM role for the service account, by the OIDC provider of the cluster'),
      oidcProviderArn: text.optional().describe('Default: looked up, which takes access of kind eks'),
      ...roleFields,
    }),
    z.strictObject({
      kind: z.literal('existing-role').describe('A role that is bound to the service account elsewhere'),
      roleArn: text.optional().describe('Default: looked up by roleName'),
      roleName: text.optional().describe('With it, permissions are attached to the role'),
      managePolicy: z
        .boolean()
        .default(true)
        .describe(
          'false: the role’s policy is made elsewhere; the output required_statements says what it needs',
        ),
      credentials: z
        .enum(['web-identity', 'container', 'auto'])
        .default('auto')
        .describe('How the role reaches the pods'),
    }),
  ])
  .describe('How the pods get their AWS role');

const namespaceSchema = z
  .strictObject({
    name: dnsLabel,
    create: z.boolean().default(true).describe('false: it exists, and is left as it is'),
  })
  .describe('Kubernetes namespace of the app');

const loginFields = {
  name: dnsLabel.describe('Label of the login in logs and metrics'),
  user: text.describe('Database user with GRANT rds_iam, or AWSAuthenticationPlugin'),
  database: text.describe('Name of the database on the server'),
  alias: text.optional().describe('Name that clients of PgBouncer ask for. Default: database'),
  engine: z.enum(['postgres', 'mysql']).default('postgres'),
};

const databaseSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('instance').describe('An RDS instance, looked up'),
    identifier: text,
    ...loginFields,
  }),
  z.strictObject({
    kind: z.literal('cluster').describe('An Aurora or Multi-AZ DB cluster, looked up'),
    identifier: text,
    endpoint: z.enum(['writer', 'reader']).default('writer'),
    ...loginFields,
  }),
  z.strictObject({
    kind: z.literal('proxy').describe('An RDS Proxy, looked up'),
    proxyName: text,
    port: port.optional().describe('Default: the engine’s'),
    ...loginFields,
  }),
  z.strictObject({
    kind: z.literal('attributes').describe('A database described in full, without a look-up'),
    host: text.describe('The endpoint that RDS shows, never a CNAME'),
    port: port.optional().describe('Default: the engine’s'),
    resourceId: text.describe('db-..., cluster-... or prx-..., not the identifier'),
    region: region.optional().describe('Default: the one in host'),
    account: accountId.optional().describe('Account of the database. Default: the provider’s'),
    partition: text.optional().describe('Default: the provider’s'),
    ...loginFields,
  }),
]);

const repositorySchema = z
  .strictObject({
    name: text.describe('Name of the ECR repository'),
    create: z.boolean().default(true).describe('false: it exists, and is looked up'),
    kmsKeyArn: text.optional().describe('Key to encrypt with. Default: AES256'),
    keepTagged: z.int().min(1).optional().describe('Tagged images to keep. Default: 100'),
    pullAccounts: z.array(accountId).optional().describe('Other accounts that may pull. Default: none'),
    forceDelete: z
      .boolean()
      .optional()
      .describe(
        'true: destroying the stack takes the images along. Default: false, and fails while there are any',
      ),
  })
  .describe('ECR repository for the refresher’s image. Default: none');

const refresherImageSchema = z
  .discriminatedUnion('source', [
    z.strictObject({
      source: z.literal('repository').describe('Pushed to the repository of this stack by somebody else'),
      tag: text.optional(),
      digest: text.optional(),
    }),
    z.strictObject({
      source: z.literal('directory').describe('Built and pushed to the repository of this stack at apply'),
      directory: text
        .optional()
        .describe(
          'Folder with the Dockerfile, relative to the working directory. Default: the refresher’s own',
        ),
      platforms: z.array(text).optional().describe('Default: linux/amd64 and linux/arm64'),
    }),
    z.strictObject({
      source: z.literal('registry').describe('Of any registry'),
      uri: text.describe('With tag or digest'),
    }),
  ])
  .describe('Image of the refresher');

const amountsSchema = z.strictObject({
  cpu: text.optional().describe('Kubernetes quantity, such as 250m'),
  memory: text.optional().describe('Kubernetes quantity, such as 256Mi'),
});
const resourceFields = { requests: amountsSchema.optional(), limits: amountsSchema.optional() };

const refresherSchema = z
  .strictObject({
    image: refresherImageSchema,
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    ...resourceFields,
  })
  .describe('The sidecar that keeps the logins fresh');

const pgbouncerSchema = z
  .strictObject({
    mode: z
      .enum(['sidecar', 'embedded'])
      .default('sidecar')
      .describe('embedded: the app’s own image holds PgBouncer and starts it'),
    image: text.optional().describe('For mode sidecar; with tag or digest. Default: a public image'),
    version: text
      .optional()
      .describe('Of PgBouncer in the image. Required with image, and with mode embedded'),
    poolMode: z.enum(['session', 'transaction', 'statement']).optional().describe('Default: transaction'),
    listenPort: port.optional().describe('Default: 6432'),
    maxClientConnections: z.int().min(1).optional().describe('Default: 4000'),
    defaultPoolSize: z
      .int()
      .min(1)
      .optional()
      .describe('Server connections a database and user. Default: 20'),
    reservePoolSize: z.int().min(0).optional().describe('Default: 5'),
    serverLifetimeSeconds: z
      .int()
      .min(0)
      .optional()
      .describe('Age at which a server connection is replaced by one with a new login. Default: 3600'),
    extra: z
      .record(text, z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('Further settings by PgBouncer’s own names'),
  })
  .describe('PgBouncer in front of the PostgreSQL databases. Default: none, and the app logs in itself');

const envValueSchema = z.union([
  z.string(),
  z.strictObject({ secret: text, key: text }),
  z.strictObject({ configMap: text, key: text }),
  z.strictObject({ field: text }),
]);

const appSchema = z
  .strictObject({
    name: dnsLabel.describe('Name of the Deployment and of what belongs to it'),
    image: text.describe('With tag or digest'),
    serviceAccountName: dnsLabel.optional().describe('Default: name'),
    command: z.array(z.string()).optional().describe('Default: the image’s entrypoint'),
    args: z.array(z.string()).optional().describe('Default: the image’s command'),
    env: z
      .record(text, envValueSchema)
      .default({})
      .describe('Plain values, or keys of Secrets and ConfigMaps. Never a secret in plain'),
    ports: z
      .array(z.strictObject({ name: dnsLabel, port }))
      .default([])
      .describe('Ports that the app listens on'),
    service: z.boolean().default(false).describe('Whether there is a Service for the ports'),
    readinessPath: text
      .optional()
      .describe('HTTP path on the first port that answers once the app can serve'),
    livenessPath: text
      .optional()
      .describe(
        'HTTP path on the first port that fails once only a restart helps. Never one that asks the database',
      ),
    replicas: z.int().min(0).default(2),
    writablePaths: z.array(text).default([]).describe('Folders that the app may write'),
    lifecycle: z
      .enum(['native', 'classic'])
      .default('native')
      .describe('classic: for Kubernetes before 1.29'),
    ...resourceFields,
  })
  .describe('The app beside the sidecars');

const environmentShape = z.strictObject({
  $schema: z.string().optional().describe('Lets an editor complete the file; ignored'),
  aws: awsSchema,
  state: stateSchema.optional(),
  cluster: clusterSchema,
  identity: identitySchema,
  namespace: namespaceSchema,
  databases: z.array(databaseSchema).min(1, 'name at least one database').describe('Logins to keep fresh'),
  repository: repositorySchema.optional(),
  refresher: refresherSchema,
  pgbouncer: pgbouncerSchema.optional(),
  app: appSchema,
});

type Shape = z.output<typeof environmentShape>;

/** What can only be judged across fields. */
function crossChecks(config: Shape, context: z.RefinementCtx): void {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  const { cluster, databases, identity, pgbouncer, refresher, repository, app } = config;

  const places = new Map<string, number>();
  databases.forEach(({ name }, index) => {
    const first = places.get(name);
    if (first === undefined) places.set(name, index);
    else
      refuse(
        ['databases', index, 'name'],
        `"${name}" is also the name of databases.${first}: give each its own`,
      );
  });

  if (identity.kind === 'irsa' && identity.oidcProviderArn === undefined && cluster.access.kind !== 'eks') {
    refuse(
      ['identity', 'oidcProviderArn'],
      'is needed where cluster.access.kind isn’t "eks": it can’t be looked up',
    );
  }
  if (refresher.image.source !== 'registry' && repository === undefined) {
    refuse(['repository'], `is needed for an image from "${refresher.image.source}": name the repository`);
  }
  if (repository?.create === false) {
    for (const field of ['kmsKeyArn', 'keepTagged', 'pullAccounts', 'forceDelete'] as const) {
      if (repository[field] !== undefined) {
        refuse(
          ['repository', field],
          'can’t be set on a repository that exists: leave it out, or create: false',
        );
      }
    }
  }
  if (pgbouncer !== undefined) {
    if (pgbouncer.mode === 'embedded' && pgbouncer.image !== undefined) {
      refuse(['pgbouncer', 'image'], 'is for mode "sidecar": an embedded PgBouncer is in the app’s image');
    }
    if ((pgbouncer.mode === 'embedded' || pgbouncer.image !== undefined) && pgbouncer.version === undefined) {
      refuse(['pgbouncer', 'version'], 'is needed: it decides how long a token PgBouncer reads');
    }
    if (databases.length > 0 && databases.every(({ engine }) => engine !== 'postgres')) {
      refuse(['pgbouncer'], 'speaks PostgreSQL alone, and no database is: leave it out');
    }
  }
  for (const field of ['readinessPath', 'livenessPath'] as const) {
    if (app[field] !== undefined && app.ports.length === 0) {
      refuse(['app', field], 'needs a port: name the app’s in app.ports');
    }
  }
}

/** Schema of a file in `stacks/environments`. */
export const environmentSchema = environmentShape.superRefine(crossChecks);

/** An environment as a person writes it. */
export type EnvironmentInput = z.input<typeof environmentSchema>;
/** An environment with every default filled in. */
export type Environment = z.output<typeof environmentSchema>;
export type DatabaseConfig = Environment['databases'][number];
export type RefresherImageConfig = Environment['refresher']['image'];

/** The schema for editors. The checks across fields have no place there. */
export function environmentJsonSchema(): object {
  return z.toJSONSchema(environmentShape, { io: 'input' });
}
