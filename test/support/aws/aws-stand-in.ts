/** AWS on loopback, for a real Terraform with the real AWS provider. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '../free-port';
import { findCommand, RunningProcess } from '../process';
import type { Json } from '../synth';

/** Path of moto's server, where there is one: `pip install 'moto[server]'`. */
export const motoCommand = findCommand(['moto_server']);

/** Where a call goes, and as whom. */
export interface Place {
  readonly region: string;
  /** @default - one of the stand-in's account */
  readonly accessKey?: string;
}

interface Association {
  readonly associationId: string;
  readonly clusterName: string;
  readonly [attribute: string]: unknown;
}

const ASSOCIATIONS = /^\/clusters\/([^/]+)\/pod-identity-associations(?:\/([^/]+))?$/;

/**
 * moto, and in front of it what moto lacks: the associations of EKS Pod Identity. It notes every call that could
 * change something.
 */
export class AwsStandIn {
  /** @throws where there is no moto */
  static async start(account: string): Promise<AwsStandIn> {
    if (motoCommand === undefined) throw new Error('moto_server was not found in PATH');
    const port = await freePort();
    const { MOTO_ACCOUNT_ID: _, ...env } = process.env;
    const moto = await RunningProcess.start(motoCommand, ['-H', '127.0.0.1', '-p', `${port}`], { env });
    await moto.waitForOutput(/Running on http/);
    const standIn = new AwsStandIn(account, moto, `http://127.0.0.1:${port}`);
    standIn.server.listen(0, '127.0.0.1');
    await once(standIn.server, 'listening');
    standIn.ownKey = await standIn.accessKeyOf(account);
    return standIn;
  }

  /** Names of the calls that were made to change something, in their order: `iam CreateRole`, `eks POST /clusters`. */
  readonly changes: string[] = [];
  private ownKey = 'AKIAEXAMPLE';
  private readonly associations = new Map<string, Association>();
  private readonly server: Server;

  private constructor(
    readonly account: string,
    private readonly moto: RunningProcess,
    private readonly motoUrl: string,
  ) {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch(error => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** For Terraform, the AWS CLI and the SDKs. */
  environment({ region, accessKey }: Place): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: accessKey ?? this.ownKey,
      AWS_SECRET_ACCESS_KEY: 'not-checked',
      AWS_REGION: region,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    };
  }

  /** An access key of an account, which moto tells by it. */
  async accessKeyOf(account: string): Promise<string> {
    const parameters = { RoleArn: `arn:aws:iam::${account}:role/test`, RoleSessionName: 'test' };
    const xml = await this.query('sts', { region: 'eu-central-1' }, { Action: 'AssumeRole', ...parameters });
    return /<AccessKeyId>([^<]*)</.exec(xml)?.[1] ?? '';
  }

  /** A call of a service with the query protocol: IAM, STS, RDS. @returns the XML */
  async query(
    service: 'iam' | 'sts' | 'rds',
    place: Place,
    parameters: Record<string, string>,
  ): Promise<string> {
    const versions = { iam: '2010-05-08', sts: '2011-06-15', rds: '2014-10-31' };
    return this.call(service, place, '/', {
      'content-type': 'application/x-www-form-urlencoded',
      body: new URLSearchParams({ Version: versions[service], ...parameters }).toString(),
    });
  }

  async ecr(place: Place, action: string, parameters: object): Promise<Json> {
    const text = await this.call('ecr', place, '/', {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `AmazonEC2ContainerRegistry_V20150921.${action}`,
      body: JSON.stringify(parameters),
    });
    return JSON.parse(text);
  }

  async createCluster(place: Place, name: string): Promise<Json> {
    const text = await this.call('eks', place, '/clusters', {
      'content-type': 'application/json',
      body: JSON.stringify({
        name,
        roleArn: `arn:aws:iam::${this.account}:role/eks`,
        resourcesVpcConfig: {},
      }),
    });
    return JSON.parse(text).cluster;
  }

  /** All that the stacks make, by what it is. */
  async inventory(place: Place): Promise<Record<string, unknown>> {
    const names = (xml: string, tag: string) =>
      [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, name = '']) => name);
    const roles = names(await this.query('iam', place, { Action: 'ListRoles' }), 'RoleName').sort();
    const policies: Record<string, string[]> = {};
    for (const RoleName of roles) {
      const xml = await this.query('iam', place, { Action: 'ListRolePolicies', RoleName });
      policies[RoleName] = names(xml, 'member').sort();
    }
    const { repositories } = await this.ecr(place, 'DescribeRepositories', {});
    return {
      roles: policies,
      repositories: repositories.map((repository: Json) => repository.repositoryName).sort(),
      associations: [...this.associations.values()],
    };
  }

  /** Whom a role trusts, and what its policies allow, as IAM holds them. */
  async role(place: Place, name: string): Promise<{ readonly trust: Json; readonly policies: Json[] }> {
    const document = (xml: string, tag: string) => {
      const [, text = ''] = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml) ?? [];
      return JSON.parse(decodeURIComponent(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&')));
    };
    const trust = document(
      await this.query('iam', place, { Action: 'GetRole', RoleName: name }),
      'AssumeRolePolicyDocument',
    );
    const list = await this.query('iam', place, { Action: 'ListRolePolicies', RoleName: name });
    const policies = [];
    for (const [, PolicyName = ''] of list.matchAll(/<member>([^<]*)<\/member>/g)) {
      const xml = await this.query('iam', place, { Action: 'GetRolePolicy', RoleName: name, PolicyName });
      policies.push(document(xml, 'PolicyDocument'));
    }
    return { trust, policies };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await this.moto.stop();
  }

  private async call(
    service: string,
    { region, accessKey = this.ownKey }: Place,
    path: string,
    { body, ...headers }: { readonly body: string; readonly [header: string]: string },
  ): Promise<string> {
    // moto reads account, Region and service off the signature, and doesn't verify it.
    const scope = `${accessKey}/20250101/${region}/${service}/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=00`;
    const response = await fetch(`${this.motoUrl}${path}`, {
      method: 'POST',
      headers: { ...headers, authorization },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${service} answered ${response.status} to ${body}: ${text}`);
    return text;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    this.note(request, body.toString('utf8'));
    const { pathname } = new URL(request.url ?? '/', this.motoUrl);
    const [own, cluster = '', id] = ASSOCIATIONS.exec(pathname) ?? [];
    if (own !== undefined) {
      const { status, json } = this.associate(
        request.method ?? '',
        decodeURIComponent(cluster),
        id,
        body.toString(),
      );
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
      return;
    }
    const { host: _, 'content-length': __, connection: ___, ...headers } = request.headers;
    const relayed = await fetch(`${this.motoUrl}${request.url}`, {
      method: request.method,
      headers: headers as Record<string, string>,
      ...(body.length > 0 && { body }),
    });
    const answer = corrected(Buffer.from(await relayed.arrayBuffer()));
    const kept = [...relayed.headers].filter(
      ([name]) => !/^(content-(length|encoding)|transfer-encoding)$/.test(name),
    );
    response.writeHead(relayed.status, Object.fromEntries(kept)).end(answer);
  }

  private note(request: IncomingMessage, body: string): void {
    const [, service = 'unknown'] =
      /Credential=[^/]+\/[^/]+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
    const target = String(request.headers['x-amz-target'] ?? '').split('.')[1];
    const action = target ?? new URLSearchParams(body).get('Action') ?? `${request.method} ${request.url}`;
    if (!/^(Get|List|Describe|Assume|GET )/i.test(action)) this.changes.push(`${service} ${action}`);
  }

  /** Source: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html */
  private associate(
    method: string,
    clusterName: string,
    id: string | undefined,
    body: string,
  ): { readonly status: number; readonly json: object } {
    if (method === 'GET' && id === undefined) {
      return { status: 200, json: { associations: [...this.associations.values()] } };
    }
    if (method === 'POST' && id === undefined) {
      const associationId = `a-${randomBytes(8).toString('hex')}`;
      const { clientRequestToken: _, ...given } = JSON.parse(body);
      const associationArn = `arn:aws:eks:eu-central-1:${this.account}:podidentityassociation/${clusterName}/${associationId}`;
      const now = Date.now() / 1000;
      const association = {
        ...given,
        clusterName,
        associationId,
        associationArn,
        createdAt: now,
        modifiedAt: now,
      };
      this.associations.set(associationId, association);
      return { status: 200, json: { association } };
    }
    const association = this.associations.get(id ?? '');
    if (association === undefined) {
      return { status: 404, json: { __type: 'ResourceNotFoundException', message: `no association ${id}` } };
    }
    if (method === 'DELETE') this.associations.delete(association.associationId);
    return { status: 200, json: { association } };
  }
}

/** moto gives registries in China the domain of all others. */
function corrected(answer: Buffer): Buffer {
  const registry = /(\.dkr\.ecr\.cn-[a-z]+-\d\.amazonaws\.com)(?=\/)/g;
  const text = answer.toString('latin1');
  return registry.test(text) ? Buffer.from(text.replace(registry, '$1.cn'), 'latin1') : answer;
}
