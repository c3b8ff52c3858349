import { DataAwsIamOpenidConnectProvider } from '@cdktf/provider-aws/lib/data-aws-iam-openid-connect-provider';
import { DataResource } from 'cdktf';
import type { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { connectGrant } from '../../../modules/database/connect-grant';
import { RdsTarget } from '../../../modules/database/rds-target';
import { IrsaIdentity, type IrsaIdentityProps } from '../../../modules/identity/irsa-identity';
import { CLUSTER, INSTANCE } from '../../support/databases';
import { allows, policyOf } from '../../support/iam';
import { synth, testStack } from '../../support/synth';

const ISSUER = 'oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE0123';
const PROVIDER = { arn: `arn:aws:iam::111122223333:oidc-provider/${ISSUER}`, url: `https://${ISSUER}` };
const PROPS: IrsaIdentityProps = { namespace: 'app', serviceAccountName: 'web', oidcProvider: PROVIDER };

const make = (change: Partial<IrsaIdentityProps> = {}, scope: Construct = testStack()) =>
  new IrsaIdentity(scope, 'Identity', { ...PROPS, ...change });

const byLogicalName = (json: object, part: string) => {
  const found = Object.entries(json).filter(([name]) => name.includes(part));
  expect(found).toHaveLength(1);
  return found[0]?.[1];
};

describe('the role', () => {
  const trust = (change: Partial<IrsaIdentityProps> = {}) =>
    byLogicalName(synth(scope => make(change, scope)).json.data.aws_iam_policy_document, 'trust');
  const request = {
    action: 'sts:AssumeRoleWithWebIdentity',
    principal: { type: 'Federated', id: PROVIDER.arn },
    context: { [`${ISSUER}:sub`]: 'system:serviceaccount:app:web', [`${ISSUER}:aud`]: 'sts.amazonaws.com' },
  };

  it('is given to the one service account', () => {
    const policy = policyOf(trust());
    expect(allows(policy, request)).toBe(true);
    const subject = (value: string) => ({ ...request.context, [`${ISSUER}:sub`]: value });
    expect(allows(policy, { ...request, context: subject('system:serviceaccount:app:web2') })).toBe(false);
    expect(allows(policy, { ...request, context: subject('system:serviceaccount:other:web') })).toBe(false);
    expect(allows(policy, { ...request, context: subject('') })).toBe(false);
  });

  it('is given for tokens that were made for STS, by this issuer', () => {
    const policy = policyOf(trust());
    const audience = { ...request.context, [`${ISSUER}:aud`]: 'vault' };
    expect(allows(policy, { ...request, context: audience })).toBe(false);
    const other = { type: 'Federated', id: 'arn:aws:iam::111122223333:oidc-provider/example.com' };
    expect(allows(policy, { ...request, principal: other })).toBe(false);
    const audienceOfOurs = { ...PROPS, audience: 'vault' };
    expect(allows(policyOf(trust(audienceOfOurs)), { ...request, context: audience })).toBe(true);
  });

  it.each([
    ['a url with scheme', PROVIDER],
    ['a url without scheme', { ...PROVIDER, url: ISSUER }],
    ['a url with a slash at its end', { ...PROVIDER, url: `https://${ISSUER}/` }],
    ['the arn alone', { arn: PROVIDER.arn }],
  ])('knows the issuer from %s', (_, oidcProvider) => {
    expect(allows(policyOf(trust({ oidcProvider })), request)).toBe(true);
  });

  it('names an issuer that is known only after apply as a value', () => {
    const document = byLogicalName(
      synth(scope => {
        const oidcProvider = new DataAwsIamOpenidConnectProvider(scope, 'Provider', { url: 'https://x' });
        make({ oidcProvider }, scope);
      }).json.data.aws_iam_policy_document,
      'trust',
    );
    const url = 'data.aws_iam_openid_connect_provider.Provider.url';
    expect(document.statement[0].condition).toEqual([
      {
        test: 'StringEquals',
        variable: `\${trimprefix(${url}, "https://")}:sub`,
        values: ['system:serviceaccount:app:web'],
      },
      {
        test: 'StringEquals',
        variable: `\${trimprefix(${url}, "https://")}:aud`,
        values: ['sts.amazonaws.com'],
      },
    ]);
  });

  it('is named for its service account unless told otherwise', () => {
    const role = (change: Partial<IrsaIdentityProps>) =>
      synth(scope => make(change, scope)).resource('aws_iam_role');
    expect(role({})).toMatchObject({
      name_prefix: 'app-web-',
      description: 'Kubernetes service account app/web',
    });
    expect(role({ serviceAccountName: 'a'.repeat(60) }).name_prefix).toBe(`app-${'a'.repeat(33)}-`);
    expect(
      role({
        roleName: 'web',
        path: '/eks/',
        permissionsBoundary: 'arn:aws:iam::111122223333:policy/boundary',
        maxSessionDuration: 7200,
        description: 'x',
        tags: { team: 'shop' },
      }),
    ).toEqual({
      name: 'web',
      path: '/eks/',
      permissions_boundary: 'arn:aws:iam::111122223333:policy/boundary',
      max_session_duration: 7200,
      description: 'x',
      tags: { team: 'shop' },
      assume_role_policy: expect.stringMatching(
        /^\$\{data\.aws_iam_policy_document\.[\w-]*trust[\w-]*\.json}$/,
      ),
    });
  });

  it('may be one that exists', () => {
    const stack = synth(scope => {
      const role = { arn: 'arn:aws:iam::111122223333:role/web', name: 'web' };
      const identity = make({ role, oidcProvider: undefined }, scope);
      identity.grant({ sid: 'Read', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::x/*'] });
      expect(identity.roleArn).toBe(role.arn);
    });
    expect(stack.resources('aws_iam_role')).toEqual([]);
    expect(stack.resource('aws_iam_role_policy').role).toBe('web');
  });
});

describe('the service account', () => {
  it('names the role', () => {
    const identity = make({
      role: { arn: 'arn:aws:iam::111122223333:role/web', name: 'web' },
      tokenExpirationSeconds: 3600,
    });
    expect(identity.serviceAccountAnnotations).toEqual({
      'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/web',
      'eks.amazonaws.com/sts-regional-endpoints': 'true',
      'eks.amazonaws.com/token-expiration': '3600',
    });
    expect(identity.podAnnotations).toEqual({
      'rds-iam-sidecar/identity': 'arn:aws:iam::111122223333:role/web',
    });
    expect(identity.credentials).toBe('web-identity');
  });

  it('names another audience where the trust policy does', () => {
    const role = { arn: 'arn:aws:iam::111122223333:role/web', name: 'web' };
    expect(make({ role, audience: 'vault' }).podAnnotations).toEqual({
      'rds-iam-sidecar/identity': 'arn:aws:iam::111122223333:role/web vault',
    });
    expect(make({ audience: 'vault' }).serviceAccountAnnotations).toMatchObject({
      'eks.amazonaws.com/audience': 'vault',
    });
  });
});

describe('grants', () => {
  const instance = (user: string, name: string) => (scope: Construct) =>
    RdsTarget.fromInstance(scope, name, { instance: INSTANCE, user });

  it('allow to connect as the user of the target, and not as another or to another database', () => {
    const stack = synth(scope => make({}, scope).grant(connectGrant(instance('app', 'orders')(scope))));
    const policy = policyOf(byLogicalName(stack.json.data.aws_iam_policy_document, 'grants'));
    const connect = (resource: string) => allows(policy, { action: 'rds-db:connect', resource });
    const database = 'arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234';
    expect(connect(`${database}/app`)).toBe(true);
    expect(connect(`${database}/app2`)).toBe(false);
    expect(connect(`${database}/admin`)).toBe(false);
    expect(connect('arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ZZZZEFGHIJKL01234/app')).toBe(false);
    expect(connect('arn:aws:rds-db:eu-west-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app')).toBe(false);
    expect(connect('arn:aws:rds-db:eu-central-1:999922223333:dbuser:db-ABCDEFGHIJKL01234/app')).toBe(false);
    expect(allows(policy, { action: 'rds:DescribeDBInstances', resource: INSTANCE.arn ?? '' })).toBe(false);
  });

  it('end up in one policy of one document', () => {
    const stack = synth(scope => {
      const identity = make({}, scope);
      identity.grant(connectGrant(instance('app', 'orders')(scope)));
      const reader = RdsTarget.fromCluster(scope, 'audit', { cluster: CLUSTER, user: 'audit' });
      identity.grant(connectGrant(reader));
      identity.grant(connectGrant(reader));
    });
    const document = byLogicalName(stack.json.data.aws_iam_policy_document, 'grants');
    expect(document.statement).toEqual([
      {
        sid: 'RdsConnectAudit',
        effect: 'Allow',
        actions: ['rds-db:connect'],
        resources: ['arn:aws:rds-db:eu-west-1:111122223333:dbuser:cluster-ABCDEFGHIJKL01234/audit'],
      },
      {
        sid: 'RdsConnectOrders',
        effect: 'Allow',
        actions: ['rds-db:connect'],
        resources: ['arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app'],
      },
    ]);
    expect(stack.resource('aws_iam_role_policy')).toEqual({
      name_prefix: 'app-web-',
      role: expect.stringMatching(/^\$\{aws_iam_role\.[\w-]+\.name}$/),
      policy: expect.stringMatching(/^\$\{data\.aws_iam_policy_document\.[\w-]*grants[\w-]*\.json}$/),
    });
  });

  it('are no policy while there are none', () => {
    const stack = synth(scope => {
      const { dependencies } = make({}, scope);
      new DataResource(scope, 'Pod', { dependsOn: [...dependencies] });
    });
    expect(stack.resources('aws_iam_role_policy')).toEqual([]);
    expect(Object.keys(stack.json.data.aws_iam_policy_document)).toHaveLength(1);
    expect(stack.resource('terraform_data').depends_on).toEqual([]);
  });

  it('are waited for, even by what read the dependencies before', () => {
    const stack = synth(scope => {
      const identity = make({}, scope);
      new DataResource(scope, 'Pod', { dependsOn: [...identity.dependencies] });
      identity.grant(connectGrant(instance('app', 'orders')(scope)));
    });
    const [name] = Object.keys(stack.json.resource.aws_iam_role_policy);
    expect(stack.resource('terraform_data').depends_on).toEqual([`aws_iam_role_policy.${name}`]);
  });
});

it('has these defaults', () => {
  const stack = synth(scope => {
    make({}, scope).grant(
      connectGrant(RdsTarget.fromInstance(scope, 'orders', { instance: INSTANCE, user: 'app' })),
    );
  });
  expect(stack.json).toMatchSnapshot();
});

describe('what is refused', () => {
  it.each<[Partial<IrsaIdentityProps>, string]>([
    [
      { oidcProvider: undefined },
      'a role for IRSA has to trust the OIDC provider of its cluster: pass oidcProvider, or a role',
    ],
    [
      { oidcProvider: { arn: 'arn:aws:iam::111122223333:role/web' } },
      '"arn:aws:iam::111122223333:role/web" is not the arn of an OIDC provider: pass arn:aws:iam::<account>:oidc-provider/<issuer>',
    ],
    [
      { oidcProvider: { ...PROVIDER, url: 'https://example.com/id/1' } },
      `oidcProvider has the arn "${PROVIDER.arn}" but the url "https://example.com/id/1": pass both of the same provider`,
    ],
    [
      { oidcProvider: { ...PROVIDER, url: 'not a url' } },
      `"not a url" is not the url of an OIDC provider: pass the cluster's issuer, https://oidc.eks....`,
    ],
    [
      { namespace: 'App' },
      '"App" is not a namespace: use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-"',
    ],
    [{ namespace: '*' }, '"*" is not a namespace'],
    [
      { serviceAccountName: 'web*' },
      '"web*" is not the name of a service account: use 1 to 253 of a-z, 0-9, "-" and "."',
    ],
    [{ tokenExpirationSeconds: 60 }, 'tokenExpirationSeconds 60 is out of range: pass 600 to 86400 seconds'],
    [{ maxSessionDuration: 900 }, 'maxSessionDuration 900 is out of range: pass 3600 to 43200 seconds'],
    [{ path: 'eks' }, 'path "eks" is not an IAM path: begin and end it with "/"'],
    [
      { permissionsBoundary: 'boundary' },
      'permissionsBoundary "boundary" is not the arn of a policy: pass arn:aws:iam::...',
    ],
    [
      { roleName: 'a', roleNamePrefix: 'b' },
      'roleName "a" and roleNamePrefix "b" exclude each other: pass one',
    ],
    [{ roleName: 'a b' }, 'roleName "a b" is invalid: use 1 to 64 letters, digits and _+=,.@-'],
    [
      { roleNamePrefix: 'a'.repeat(39) },
      `roleNamePrefix "${'a'.repeat(39)}" is invalid: use 1 to 38 letters, digits and _+=,.@-`,
    ],
    [
      { role: { arn: 'x', name: 'x' }, path: '/eks/', roleName: 'web' },
      "roleName, path can't be applied to a role made elsewhere: leave out either that or role",
    ],
  ])('%o', (change, message) => {
    expect(() => make(change)).toThrow(message);
  });
});
