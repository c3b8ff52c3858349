import type { CredentialSourceName } from '../config/schema';
import { describeError, RefresherError } from '../errors';
import type { CredentialProvider, Credentials } from './credentials';

type Environment = Readonly<Record<string, string | undefined>>;
type Source = Exclude<CredentialSourceName, 'auto'>;

/** The variables by which each source is recognised, and how a pod comes by them. */
const SOURCES: Record<Exclude<Source, 'instance-metadata'>, { variables: string[][]; hint: string }> = {
  environment: {
    variables: [['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']],
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
  'web-identity': {
    variables: [['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_ARN']],
    hint:
      'the IRSA webhook sets AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE when the service account carries ' +
      'eks.amazonaws.com/role-arn: check the annotation, then recreate the pod',
  },
  container: {
    variables: [['AWS_CONTAINER_CREDENTIALS_FULL_URI'], ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']],
    hint:
      'EKS Pod Identity sets AWS_CONTAINER_CREDENTIALS_FULL_URI on pods admitted after their association took ' +
      'effect: recreate the pod, restarting its containers does not help',
  },
};

function available(source: keyof typeof SOURCES, env: Environment): boolean {
  return SOURCES[source].variables.some(names => names.every(name => env[name]));
}

/**
 * The source to use. `auto` takes the first that the environment is set up for, in the order of the SDK's default chain;
 * a source named in the configuration must be set up, so that a pod without its identity can't fall back to its node's.
 */
export function selectSource(configured: CredentialSourceName, env: Environment): Source {
  const named = Object.keys(SOURCES) as (keyof typeof SOURCES)[];
  if (configured === 'auto') {
    const offered = named.find(source => available(source, env));
    // The SDK's default chain heeds this variable; its provider for instance metadata, alone, does not.
    if (offered === undefined && env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') {
      throw new RefresherError(
        'credentials',
        'no credentials are offered to this process, and AWS_EC2_METADATA_DISABLED keeps it from asking the node: ' +
          `with IRSA, ${SOURCES['web-identity'].hint}; ${SOURCES.container.hint}`,
      );
    }
    return offered ?? 'instance-metadata';
  }
  if (configured !== 'instance-metadata' && !available(configured, env)) {
    throw new RefresherError(
      'credentials',
      `credentials "${configured}" are configured but not offered to this process: ${SOURCES[configured].hint}`,
    );
  }
  return configured;
}

/** The SDK would write to the console, past the JSON lines and what masks them. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Loads a source's provider on first use: each brings code that the others don't need. */
async function loadProvider(source: Source, region: string, timeoutMs: number): Promise<CredentialProvider> {
  // Retries are the schedule's business; one quick one here bridges a dropped connection.
  const maxRetries = 1;
  switch (source) {
    case 'environment': {
      const { fromEnv } = await import('@aws-sdk/credential-provider-env');
      return fromEnv();
    }
    case 'web-identity': {
      const { fromTokenFile } = await import('@aws-sdk/credential-provider-web-identity');
      return fromTokenFile({
        clientConfig: {
          region,
          maxAttempts: maxRetries + 1,
          requestHandler: {
            connectionTimeout: timeoutMs,
            requestTimeout: timeoutMs,
            throwOnRequestTimeout: true,
          },
        },
      });
    }
    case 'container': {
      const { fromHttp } = await import('@aws-sdk/credential-provider-http');
      return fromHttp({ timeout: timeoutMs, maxRetries: 0 });
    }
    case 'instance-metadata': {
      const { fromInstanceMetadata } = await import('@smithy/credential-provider-imds');
      // A new one each time: where the service is down, an old one hands out its last answer again as if it lived on.
      return () =>
        fromInstanceMetadata({ timeout: Math.min(timeoutMs, 5_000), maxRetries, logger: SILENT })();
    }
  }
}

/** What went wrong, without what was received: half an answer can hold a whole secret. */
function explain(source: Source, error: unknown): RefresherError {
  if (error instanceof RefresherError) return error;
  const reason =
    error instanceof SyntaxError ||
    (error instanceof Error && /JSON|XML|parse|deseriali/i.test(error.message))
      ? 'the answer is not what an AWS endpoint sends'
      : describeError(error);
  return new RefresherError('credentials', `no credentials from "${source}": ${reason}`);
}

function validate(answer: Credentials & { readonly originalExpiration?: Date }): Credentials {
  // The SDK extends what instance metadata hands out expired; to RDS, it's dead.
  const { originalExpiration, ...credentials } = answer;
  if (originalExpiration !== undefined) return validate({ ...credentials, expiration: originalExpiration });
  const { accessKeyId, secretAccessKey, expiration } = credentials;
  if (!accessKeyId || !secretAccessKey) throw new Error('the answer lacks a key');
  if (expiration !== undefined && Number.isNaN(expiration.getTime())) {
    throw new Error('the expiration is not a date');
  }
  return credentials;
}

/** A provider for the configured source. It fails with kind `credentials` and a message without secrets. */
export function createProvider(
  configured: CredentialSourceName,
  options: { region: string; timeoutMs: number; env: Environment },
): CredentialProvider {
  let provider: Promise<CredentialProvider> | undefined;
  return async () => {
    const source = selectSource(configured, options.env);
    try {
      provider ??= loadProvider(source, options.region, options.timeoutMs);
      return validate(await (await provider)());
    } catch (error) {
      throw explain(source, error);
    }
  };
}
