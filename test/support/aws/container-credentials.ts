import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from '../temp';
import {
  type Answer,
  CredentialEndpoint,
  type CredentialEndpointOptions,
  type Dialect,
  type Request,
} from './credential-endpoint';

/**
 * A stand-in for the EKS Pod Identity agent, which speaks the container credentials protocol of ECS
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
 */
export class ContainerCredentials extends CredentialEndpoint {
  private constructor(
    options: CredentialEndpointOptions,
    /** File with the token that a request must carry. The kubelet projects it; whoever changes it is refused. */
    readonly tokenFile: string,
    token: string,
  ) {
    super(options, new PodIdentityAgent(token));
  }

  static async start(options: CredentialEndpointOptions): Promise<ContainerCredentials> {
    const token = `pod-identity-${randomBytes(16).toString('hex')}`;
    const tokenFile = join(tempFolder('pod-identity'), 'token');
    writeFileSync(tokenFile, token);
    const endpoint = new ContainerCredentials(options, tokenFile, token);
    await endpoint.comeBack();
    return endpoint;
  }

  /** What an AWS SDK needs to find it. */
  environment(): Record<string, string> {
    return {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${this.url}${PATH}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: this.tokenFile,
    };
  }
}

/** The agent's own path. */
const PATH = '/v1/credentials';

class PodIdentityAgent implements Dialect {
  constructor(private readonly token: string) {}

  answer({ method, url, headers }: Request, issue: Parameters<Dialect['answer']>[1]): Answer {
    if (method !== 'GET' || url !== PATH) return error(404, 'NotFound', `no such resource: ${method} ${url}`);
    if (headers.authorization !== this.token) {
      return error(400, 'InvalidTokenException', 'the authorization header holds no valid token');
    }
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = issue();
    return json(200, {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      AccountId: '111122223333',
      Expiration: expiration.toISOString().replace('.000Z', 'Z'),
    });
  }

  throttled(): Answer {
    return error(429, 'ThrottlingException', 'rate exceeded');
  }

  internalError(): Answer {
    return error(500, 'InternalServerException', 'something went wrong');
  }
}

function error(status: number, code: string, message: string): Answer {
  return json(status, { Code: code, Message: message });
}

function json(status: number, body: object): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(body) };
}
