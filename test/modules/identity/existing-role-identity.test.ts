import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { DataResource } from 'cdktf';
import type { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import {
  ExistingRoleIdentity,
  type ExistingRoleIdentityProps,
} from '../../../modules/identity/existing-role-identity';
import { synth, testStack } from '../../support/synth';

const ROLE_ARN = 'arn:aws:iam::111122223333:role/eks/web';
const READ = { sid: 'Read', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::x/*'] };

const make = (change: Partial<ExistingRoleIdentityProps> = {}, scope: Construct = testStack()) =>
  new ExistingRoleIdentity(scope, 'Identity', {
    namespace: 'app',
    serviceAccountName: 'web',
    roleArn: ROLE_ARN,
    ...change,
  });

describe('a grant', () => {
  it('is attached where the role is named', () => {
    const stack = synth(scope => {
      const identity = make({ roleName: 'web' }, scope);
      new DataResource(scope, 'Pod', { dependsOn: [...identity.dependencies] });
      identity.grant(READ);
    });
    expect(stack.resource('aws_iam_role_policy').role).toBe('web');
    expect(stack.dataSource('aws_iam_policy_document').statement).toEqual([{ ...READ, effect: 'Allow' }]);
    expect(stack.resource('terraform_data').depends_on).toHaveLength(1);
  });

  it('is refused where nothing says how the role is allowed it', () => {
    expect(() => make().grant(READ)).toThrow(
      `the role "${ROLE_ARN}" was made elsewhere and must allow ` +
        '{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::x/*"]}: ' +
        'pass roleName to have it attached, or add it and pass managePolicy: false',
    );
  });

  it('names the construct where the arn is unresolved', () => {
    const scope = testStack();
    const roleArn = new IamRole(scope, 'Role', { assumeRolePolicy: '{}' }).arn;
    expect(() => make({ roleArn }, scope).grant(READ)).toThrow('the role "test/Identity" was made elsewhere');
  });

  it('is recorded where the policy is managed elsewhere', () => {
    const stack = synth(scope => {
      const identity = make({ roleName: 'web', managePolicy: false }, scope);
      identity.grant(READ);
      identity.grant(READ);
      expect(identity.requiredStatements).toEqual([READ]);
      expect(identity.dependencies).toEqual([]);
    });
    expect(stack.json.resource).toBeUndefined();
  });

  it('is held to least privilege there, too', () => {
    const identity = make({ managePolicy: false });
    expect(() => identity.grant({ ...READ, resources: ['*'] })).toThrow(
      'grant "Read" allows s3:GetObject on "*": name the arns it is for',
    );
  });
});

describe('the role', () => {
  it('is looked up by its name where only that is given', () => {
    const stack = synth(scope => {
      const { roleArn } = make({ roleArn: undefined, roleName: 'web' }, scope);
      new DataResource(scope, 'Pod', { input: { roleArn } });
    });
    expect(stack.dataSource('aws_iam_role')).toEqual({ name: 'web' });
    expect(stack.resource('terraform_data').input.roleArn).toMatch(/^\$\{data\.aws_iam_role\.[\w-]+\.arn}$/);
  });

  it.each([
    [undefined, 'auto', {}],
    ['container', 'container', {}],
    [
      'web-identity',
      'web-identity',
      { 'eks.amazonaws.com/role-arn': ROLE_ARN, 'eks.amazonaws.com/sts-regional-endpoints': 'true' },
    ],
  ] as const)('reaches the pods by %s', (given, credentials, serviceAccountAnnotations) => {
    expect(make({ credentials: given })).toMatchObject({ credentials, serviceAccountAnnotations });
  });

  it('makes new pods when it is another', () => {
    expect(make().podAnnotations).toEqual({ 'rds-iam-sidecar/identity': ROLE_ARN });
  });
});

describe('what is refused', () => {
  it.each<[Partial<ExistingRoleIdentityProps>, string]>([
    [{ roleArn: undefined }, 'a role made elsewhere has to be named: pass roleArn or roleName'],
    [{ roleArn: 'web' }, '"web" is not the arn of a role: pass arn:aws:iam::<account>:role/<name>'],
    [{ roleName: 'other' }, `roleArn "${ROLE_ARN}" is not of the role "other": pass both of the same role`],
    [
      { roleName: 'eks/web' },
      '"eks/web" is not the name of a role: pass the name alone, without path and arn',
    ],
    [{ serviceAccountName: '' }, '"" is not the name of a service account'],
  ])('%o', (change, message) => {
    expect(() => make(change)).toThrow(message);
  });
});
