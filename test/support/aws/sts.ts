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

export interface StsOptions extends CredentialEndpointOptions {
  /** The one role that may be assumed. @default arn:aws:iam::111122223333:role/app */
  readonly roleArn?: string;
}

/**
 * A stand-in for STS with the one call that IRSA makes, AssumeRoleWithWebIdentity
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).
 *
 * The lifetime is that of `issue`, and not the `DurationSeconds` of the request: tests want seconds.
 */
export class Sts extends CredentialEndpoint {
  private constructor(
    options: StsOptions,
    readonly roleArn: string,
    /** File with the web identity token that a request must carry. The kubelet projects it. */
    readonly tokenFile: string,
    token: string,
  ) {
    super(options, new AssumeRoleWithWebIdentity(roleArn, token));
  }

  static async start(options: StsOptions): Promise<Sts> {
    const roleArn = options.roleArn ?? 'arn:aws:iam::111122223333:role/app';
    const token = `web-identity.${randomBytes(16).toString('hex')}.signature`;
    const tokenFile = join(tempFolder('web-identity'), 'token');
    writeFileSync(tokenFile, token);
    const endpoint = new Sts(options, roleArn, tokenFile, token);
    await endpoint.comeBack();
    return endpoint;
  }

  /** What an AWS SDK needs to find it. */
  environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_STS: this.url,
      AWS_ROLE_ARN: this.roleArn,
      AWS_ROLE_SESSION_NAME: 'test',
      AWS_WEB_IDENTITY_TOKEN_FILE: this.tokenFile,
    };
  }
}

class AssumeRoleWithWebIdentity implements Dialect {
  constructor(
    private readonly roleArn: string,
    private readonly token: string,
  ) {}

  answer({ method, body }: Request, issue: Parameters<Dialect['answer']>[1]): Answer {
    const form = new URLSearchParams(body);
    if (method !== 'POST' || form.get('Version') !== '2011-06-15') {
      return error(400, 'InvalidAction', 'expected a POST of version 2011-06-15');
    }
    if (form.get('Action') !== 'AssumeRoleWithWebIdentity') {
      return error(400, 'InvalidAction', `could not find operation ${form.get('Action')}`);
    }
    if (form.get('WebIdentityToken') !== this.token) {
      return error(400, 'InvalidIdentityToken', 'the web identity token is not valid');
    }
    if (form.get('RoleArn') !== this.roleArn) {
      return error(403, 'AccessDenied', 'not authorized to perform sts:AssumeRoleWithWebIdentity');
    }
    const session = form.get('RoleSessionName') ?? '';
    if (!/^[\w+=,.@-]{2,64}$/.test(session)) return error(400, 'ValidationError', 'invalid RoleSessionName');
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = issue();
    return xml(
      200,
      `<AssumeRoleWithWebIdentityResponse xmlns="${NAMESPACE}">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:default:app</SubjectFromWebIdentityToken>
    <Audience>sts.amazonaws.com</Audience>
    <AssumedRoleUser>
      <Arn>${this.roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${session}</Arn>
      <AssumedRoleId>AROAEXAMPLE:${session}</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${accessKeyId}</AccessKeyId>
      <SecretAccessKey>${secretAccessKey}</SecretAccessKey>
      <SessionToken>${sessionToken}</SessionToken>
      <Expiration>${expiration.toISOString().replace('.000Z', 'Z')}</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>${REQUEST_ID}</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>`,
    );
  }

  throttled(): Answer {
    return error(400, 'Throttling', 'rate exceeded');
  }

  internalError(): Answer {
    return error(500, 'InternalFailure', 'something went wrong');
  }
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const REQUEST_ID = '00000000-0000-0000-0000-000000000000';

function error(status: number, code: string, message: string): Answer {
  const fault = status < 500 ? 'Sender' : 'Receiver';
  return xml(
    status,
    `<ErrorResponse xmlns="${NAMESPACE}">
  <Error><Type>${fault}</Type><Code>${code}</Code><Message>${message}</Message></Error>
  <RequestId>${REQUEST_ID}</RequestId>
</ErrorResponse>`,
  );
}

function xml(status: number, body: string): Answer {
  return { status, contentType: 'text/xml', body };
}
