/** The AWS half of stacks, planned, applied and destroyed by Terraform with the real AWS provider, against moto. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnvironmentInput } from '../../stacks/config';
import { awsHalf } from '../support/aws/aws-half';
import { AwsStandIn, motoCommand, type Place } from '../support/aws/aws-stand-in';
import { binFolder, SCRIPT_TOOLS } from '../support/bin-folder';
import { allows } from '../support/iam';
import type { Json } from '../support/synth';
import { tempFolder } from '../support/temp';
import { missingForTerraform, reportNotRun, terraformFolder } from '../support/terraform';
import { example, synthEnvironment } from './fixtures';

const missing =
  missingForTerraform('aws') ??
  (motoCommand === undefined ? "moto_server was not found in PATH (pip install 'moto[server]')" : undefined);
if (missing !== undefined) reportNotRun('apply and destroy of the AWS half of the stacks', missing);

const ACCOUNT = '111122223333';
const OTHER_ACCOUNT = '444455556666';
const TIMEOUT = 180_000;

describe.skipIf(missing !== undefined)('terraform apply, with the real AWS provider', () => {
  let aws: AwsStandIn;
  beforeAll(async () => {
    aws = await AwsStandIn.start(ACCOUNT);
  });
  afterAll(() => aws?.stop());

  interface Applied {
    readonly outputs: Record<string, Json>;
    /** Whether the pods' role may connect as this user of this database. */
    mayConnect(resource: string): boolean;
    /** Whether the role is given to whom this describes. */
    mayAssume(request: Parameters<typeof allows>[1]): boolean;
  }

  /** Applies an environment, finds nothing left to do, looks at it, destroys it, and finds nothing left over. */
  async function live(
    change: Partial<EnvironmentInput>,
    place: Place,
    look: (applied: Applied) => void | Promise<void>,
    options: { readonly env?: Record<string, string>; readonly target?: Place } = {},
  ): Promise<void> {
    const target = options.target ?? place;
    const before = await aws.inventory(target);
    const { json } = synthEnvironment(change);
    const stack = terraformFolder(awsHalf(json), { ...aws.environment(place), ...options.env });
    await stack.terraform('init', '-input=false');
    await stack.terraform('apply', '-auto-approve', '-input=false');
    expect(await stack.plan()).toEqual({});

    const outputs = await stack.outputs();
    const { trust, policies } = await aws.role(target, outputs.role_arn.split('/').at(-1));
    await look({
      outputs,
      mayConnect: resource => policies.some(policy => allows(policy, { action: 'rds-db:connect', resource })),
      mayAssume: request => allows(trust, request),
    });

    await stack.terraform('destroy', '-auto-approve', '-input=false');
    expect((await stack.terraform('state', 'list')).stdout).toBe('');
    expect(await aws.inventory(target)).toEqual(before);
  }

  /** An AWS CLI for the script that pushes images: ECR has every tag already. Notes how it was called. */
  function cli(status = 0) {
    const calls = join(tempFolder('calls'), 'calls');
    const script = `#!/bin/sh\nprintf '%s\\n' "$*" >>"${calls}"\nprintf 'KEY\\tSECRET\\tTOKEN\\n'\nexit ${status}\n`;
    const env = { PATH: binFolder(SCRIPT_TOOLS, { aws: script }) };
    return { env, calls: () => readFileSync(calls, 'utf8').trimEnd().split('\n') };
  }

  it(
    'of the example: a role for one service account, one user of one database',
    async () => {
      const place = { region: 'eu-central-1' };
      const { arn: cluster } = await aws.createCluster(place, 'example');
      const change: Partial<EnvironmentInput> = {
        identity: { kind: 'pod-identity', waitSeconds: 1 },
        repository: { name: 'rds-iam-refresher', pullAccounts: [OTHER_ACCOUNT], forceDelete: true },
      };
      await live(change, place, async ({ outputs, mayConnect, mayAssume }) => {
        const connect = `arn:aws:rds-db:eu-central-1:${ACCOUNT}:dbuser`;
        expect(outputs.connect_arns).toEqual({ orders: `${connect}:db-ABCDEFGHIJKL01234/app` });
        expect(mayConnect(`${connect}:db-ABCDEFGHIJKL01234/app`)).toBe(true);
        expect(mayConnect(`${connect}:db-ABCDEFGHIJKL01234/postgres`)).toBe(false);
        expect(mayConnect(`${connect}:db-ABCDEFGHIJKL01234/app2`)).toBe(false);
        expect(mayConnect(`${connect}:db-ZYXWVUTSRQPO98765/app`)).toBe(false);
        expect(mayConnect(`arn:aws:rds-db:eu-west-1:${ACCOUNT}:dbuser:db-ABCDEFGHIJKL01234/app`)).toBe(false);
        expect(
          mayConnect(`arn:aws:rds-db:eu-central-1:${OTHER_ACCOUNT}:dbuser:db-ABCDEFGHIJKL01234/app`),
        ).toBe(false);

        const given = (namespace: string, account: string, of = cluster) =>
          mayAssume({
            action: 'sts:AssumeRole',
            principal: { type: 'Service', id: 'pods.eks.amazonaws.com' },
            context: {
              'aws:RequestTag/kubernetes-namespace': namespace,
              'aws:RequestTag/kubernetes-service-account': account,
              'aws:RequestTag/eks-cluster-arn': of,
            },
          });
        expect(given('app', 'web')).toBe(true);
        expect(given('app', 'default')).toBe(false);
        expect(given('other', 'web')).toBe(false);
        expect(given('app', 'web', cluster.replace('/example', '/other'))).toBe(false);

        const { associations } = await aws.inventory(place);
        expect(associations).toMatchObject([
          { clusterName: 'example', namespace: 'app', serviceAccount: 'web', roleArn: outputs.role_arn },
        ]);
        const [repository] = (await aws.ecr(place, 'DescribeRepositories', {})).repositories;
        expect(repository).toMatchObject({
          repositoryUri: outputs.repository_url,
          imageTagMutability: 'IMMUTABLE',
          imageScanningConfiguration: { scanOnPush: true },
        });
        // What would otherwise keep it from being destroyed.
        const imageManifest = JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
          config: { digest: `sha256:${'0'.repeat(64)}` },
          layers: [],
        });
        const image = { repositoryName: 'rds-iam-refresher', imageManifest, imageTag: '1' };
        await aws.ecr(place, 'PutImage', image);
        const { policyText } = await aws.ecr(place, 'GetRepositoryPolicy', {
          repositoryName: 'rds-iam-refresher',
        });
        const shared = (action: string, id: string) =>
          allows(JSON.parse(policyText), { action, principal: { type: 'AWS', id } });
        expect(shared('ecr:BatchGetImage', OTHER_ACCOUNT)).toBe(true);
        expect(shared('ecr:PutImage', OTHER_ACCOUNT)).toBe(false);
        expect(shared('ecr:BatchGetImage', '777788889999')).toBe(false);
      });
    },
    TIMEOUT,
  );

  it(
    'in GovCloud, of what is looked up: databases, OIDC provider, and a repository that exists',
    async () => {
      const place = { region: 'us-gov-west-1' };
      const cluster = await aws.createCluster(place, 'example');
      const issuer = cluster.identity.oidc.issuer;
      await aws.query('iam', place, {
        Action: 'CreateOpenIDConnectProvider',
        Url: issuer,
        'ThumbprintList.member.1': '0'.repeat(40),
      });
      await aws.query('rds', place, {
        Action: 'CreateDBInstance',
        DBInstanceIdentifier: 'orders',
        DBInstanceClass: 'db.t3.micro',
        Engine: 'postgres',
        AllocatedStorage: '20',
        MasterUsername: 'root',
        MasterUserPassword: 'not-checked',
      });
      await aws.query('rds', place, {
        Action: 'CreateDBCluster',
        DBClusterIdentifier: 'audit',
        Engine: 'aurora-postgresql',
        MasterUsername: 'root',
        MasterUserPassword: 'not-checked',
      });
      await aws.ecr(place, 'CreateRepository', { repositoryName: 'shared/refresher' });
      const { env, calls } = cli();

      const change: Partial<EnvironmentInput> = {
        aws: { region: place.region },
        identity: { kind: 'irsa', rolePath: '/eks/' },
        namespace: { name: 'app', create: false },
        databases: [
          { kind: 'instance', name: 'orders', identifier: 'orders', user: 'app', database: 'orders' },
          {
            kind: 'cluster',
            name: 'audit',
            identifier: 'audit',
            endpoint: 'reader',
            user: 'auditor',
            database: 'audit',
          },
        ],
        repository: { name: 'shared/refresher', create: false },
        refresher: { image: { source: 'directory' } },
      };
      const look = ({ outputs, mayConnect, mayAssume }: Applied) => {
        const connect = `arn:aws-us-gov:rds-db:us-gov-west-1:${ACCOUNT}:dbuser`;
        const { orders, audit } = outputs.connect_arns;
        expect(orders).toMatch(new RegExp(`^${connect}:db-[A-Z0-9]+/app$`));
        expect(audit).toMatch(new RegExp(`^${connect}:cluster-[A-Z0-9]+/auditor$`));
        for (const arn of [orders, audit]) expect(mayConnect(arn)).toBe(true);
        // Each user in its own database alone.
        expect(mayConnect(orders.replace(/app$/, 'auditor'))).toBe(false);
        expect(mayConnect(audit.replace(/auditor$/, 'app'))).toBe(false);

        expect(outputs.role_arn).toMatch(new RegExp(`^arn:aws-us-gov:iam::${ACCOUNT}:role/eks/app-web-`));
        const name = issuer.replace('https://', '');
        const given = (subject: string, audience = 'sts.amazonaws.com') =>
          mayAssume({
            action: 'sts:AssumeRoleWithWebIdentity',
            principal: { type: 'Federated', id: `arn:aws-us-gov:iam::${ACCOUNT}:oidc-provider/${name}` },
            context: { [`${name}:sub`]: subject, [`${name}:aud`]: audience },
          });
        expect(given('system:serviceaccount:app:web')).toBe(true);
        expect(given('system:serviceaccount:app:default')).toBe(false);
        expect(given('system:serviceaccount:other:web')).toBe(false);
        expect(given('system:serviceaccount:app:web', 'other')).toBe(false);

        const url = `${ACCOUNT}.dkr.ecr.us-gov-west-1.amazonaws.com/shared/refresher`;
        expect(outputs.repository_url).toBe(url);
        expect(outputs.refresher_image).toMatch(new RegExp(`^${url}:context-[0-9a-f]{20}$`));
        const tag = outputs.refresher_image.split(':').at(-1);
        const describe = `ecr describe-images --region us-gov-west-1 --registry-id ${ACCOUNT} --repository-name shared/refresher --image-ids imageTag=${tag}`;
        // Once before anything else, and once where it would be pushed.
        expect(calls()).toEqual([describe, describe]);
      };
      await live(change, place, look, { env });
    },
    TIMEOUT,
  );

  it(
    'in China, into another account, with a role that exists',
    async () => {
      const place = { region: 'cn-north-1' };
      const assumeRoleArn = `arn:aws-cn:iam::${OTHER_ACCOUNT}:role/deployer`;
      const target = { ...place, accessKey: await aws.accessKeyOf(OTHER_ACCOUNT) };
      await aws.query('iam', target, {
        Action: 'CreateRole',
        RoleName: 'web',
        AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [] }),
      });
      const { env, calls } = cli();
      const change: Partial<EnvironmentInput> = {
        aws: { region: place.region, accountIds: [OTHER_ACCOUNT], assumeRoleArn },
        cluster: { name: 'example', access: { kind: 'kubeconfig', path: '~/.kube/config', context: 'x' } },
        identity: { kind: 'existing-role', roleName: 'web', credentials: 'web-identity' },
        databases: [
          {
            kind: 'attributes',
            name: 'orders',
            host: 'orders.cexample1234.rds.cn-north-1.amazonaws.com.cn',
            resourceId: 'db-ABCDEFGHIJKL01234',
            user: 'app',
            database: 'orders',
          },
        ],
        refresher: { image: { source: 'directory' } },
      };
      const look = ({ outputs, mayConnect }: Applied) => {
        const connect = `arn:aws-cn:rds-db:cn-north-1:${OTHER_ACCOUNT}:dbuser:db-ABCDEFGHIJKL01234`;
        expect(outputs.connect_arns).toEqual({ orders: `${connect}/app` });
        expect(mayConnect(`${connect}/app`)).toBe(true);
        expect(mayConnect(`${connect}/postgres`)).toBe(false);
        expect(mayConnect(`${connect}/app`.replace(OTHER_ACCOUNT, ACCOUNT))).toBe(false);
        expect(outputs.role_arn).toBe(`arn:aws-cn:iam::${OTHER_ACCOUNT}:role/web`);

        const url = `${OTHER_ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/rds-iam-refresher`;
        expect(outputs.repository_url).toBe(url);
        // The address that the repository would have was known before it was there.
        const describe = `ecr describe-images --region cn-north-1 --registry-id ${OTHER_ACCOUNT} --repository-name rds-iam-refresher --image-ids imageTag=${outputs.refresher_image.split(':').at(-1)}`;
        expect(calls().filter(call => call.startsWith('ecr'))).toEqual([describe, describe]);
        expect(calls()[0]).toContain(`sts assume-role --region cn-north-1 --role-arn ${assumeRoleArn} `);
      };
      await live(change, place, look, { env, target });
      // The role is as it was before.
      expect((await aws.role(target, 'web')).policies).toEqual([]);
    },
    TIMEOUT,
  );

  it(
    'of a role whose policy is managed elsewhere: says what it needs, and makes nothing',
    async () => {
      const place = { region: 'eu-west-1' };
      const [database] = example().databases;
      const { json } = synthEnvironment({
        aws: { region: place.region },
        cluster: { name: 'example', access: { kind: 'kubeconfig', path: '~/.kube/config', context: 'x' } },
        identity: { kind: 'existing-role', roleArn: `arn:aws:iam::${ACCOUNT}:role/web`, managePolicy: false },
        databases: [{ ...database, host: 'orders.cexample1234.eu-west-1.rds.amazonaws.com' } as Json],
        repository: undefined,
        refresher: { image: { source: 'registry', uri: 'ghcr.io/acme/refresher:0.1.0' } },
      });
      const changes = aws.changes.length;
      const stack = terraformFolder(awsHalf(json), aws.environment(place));
      await stack.terraform('init', '-input=false');
      await stack.terraform('apply', '-auto-approve', '-input=false');
      const { required_statements: statements, connect_arns: arns } = await stack.outputs();
      const policy = { Statement: JSON.parse(statements) };
      const may = (resource: string) => allows(policy, { action: 'rds-db:connect', resource });
      expect(may(arns.orders)).toBe(true);
      expect(may(arns.orders.replace(/app$/, 'postgres'))).toBe(false);
      expect(aws.changes.slice(changes)).toEqual([]);
    },
    TIMEOUT,
  );

  it(
    'makes nothing at all where the image cannot be built, and says why',
    async () => {
      const place = { region: 'eu-west-3' };
      await aws.createCluster(place, 'example');
      const { json } = synthEnvironment({
        aws: { region: place.region },
        refresher: { image: { source: 'directory' } },
      });
      const changes = aws.changes.length;
      const { env } = cli(254);
      const stack = terraformFolder(awsHalf(json), { ...aws.environment(place), ...env });
      await stack.terraform('init', '-input=false');
      const { code, stdout, stderr } = await stack.tryTerraform('apply', '-auto-approve', '-input=false');
      expect(code).toBe(1);
      // Terraform breaks lines, and prints what the script said before its own error.
      expect((stdout + stderr).replace(/[\s│]+/g, ' ')).toMatch(
        /cannot provide \S+\.dkr\.ecr\.eu-west-3\.amazonaws\.com\/rds-iam-refresher:context-[0-9a-f]+: docker was not found; install it/,
      );
      expect(aws.changes.slice(changes)).toEqual([]);
    },
    TIMEOUT,
  );
});
