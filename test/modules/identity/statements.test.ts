import { Token } from 'cdktf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeStatement, mergeGrant } from '../../../modules/identity/statements';
import type { PolicyGrant } from '../../../modules/identity/workload-identity';

const read = (bucket: string): PolicyGrant => ({
  sid: 'Read',
  actions: ['s3:GetObject'],
  resources: [`arn:aws:s3:::${bucket}/*`],
});

describe('mergeGrant', () => {
  it('orders by statement id, whatever the order of the calls', () => {
    const grants = ['B', 'a', 'C', 'A'].map(sid => ({ ...read('x'), sid }));
    const sids = (list: PolicyGrant[]) =>
      list.reduce<PolicyGrant[]>((all, grant) => mergeGrant(all, grant), []).map(({ sid }) => sid);
    expect(sids(grants)).toEqual(['A', 'B', 'C', 'a']);
    fc.assert(
      fc.property(fc.shuffledSubarray(grants, { minLength: 4 }), shuffled => {
        expect(sids(shuffled)).toEqual(['A', 'B', 'C', 'a']);
      }),
    );
  });

  it('takes the same grant once, and adds the resources of one with the same id and actions', () => {
    const once = mergeGrant([], read('x'));
    expect(mergeGrant(once, read('x'))).toEqual(once);
    expect(mergeGrant(once, read('y'))).toEqual([
      { sid: 'Read', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::x/*', 'arn:aws:s3:::y/*'] },
    ]);
  });

  it('leaves what it was given alone', () => {
    const before = mergeGrant([], read('x'));
    const copy = structuredClone(before);
    mergeGrant(before, read('y'));
    expect(before).toEqual(copy);
  });

  it('takes unresolved arns as they are', () => {
    const resource = Token.asString({ resolve: () => 'arn' });
    expect(mergeGrant([], { ...read('x'), resources: [resource] })[0]?.resources).toEqual([resource]);
  });

  it.each<[Partial<PolicyGrant>, string]>([
    [{ sid: 'Read-x' }, '"Read-x" is not a statement id: use letters and digits only'],
    [{ actions: [] }, 'grant "Read" has no actions: name at least one'],
    [{ resources: [] }, 'grant "Read" has no resources: name at least one arn'],
    [
      { actions: ['s3:*'] },
      '"s3:*" of grant "Read" is not one action: name each as service:Action, without "*"',
    ],
    [{ actions: ['*'] }, '"*" of grant "Read" is not one action'],
    [{ actions: ['GetObject'] }, '"GetObject" of grant "Read" is not one action'],
    [{ resources: ['*'] }, 'grant "Read" allows s3:GetObject on "*": name the arns it is for'],
    [
      { actions: ['ecr:GetAuthorizationToken', 's3:GetObject'], resources: ['*'] },
      'grant "Read" allows s3:GetObject on "*": name the arns it is for',
    ],
    [
      { resources: ['bucket/key'] },
      '"bucket/key" of grant "Read" is not an arn: pass one such as arn:aws:s3:::bucket/key',
    ],
    [
      {
        actions: ['rds-db:connect'],
        resources: ['arn:aws:rds-db:eu-central-1:111122223333:dbuser:*/app'],
      },
      'grant "Read" allows rds-db:connect on "arn:aws:rds-db:eu-central-1:111122223333:dbuser:*/app": name one user of one database, without a wildcard',
    ],
  ])('refuses %o', (change, message) => {
    expect(() => mergeGrant([], { ...read('x'), ...change })).toThrow(message);
  });

  it('refuses an id that stands for other actions', () => {
    const before = mergeGrant([], read('x'));
    expect(() => mergeGrant(before, { ...read('x'), actions: ['s3:PutObject'] })).toThrow(
      'grant "Read" of s3:PutObject was made before with s3:GetObject: give each its own sid',
    );
  });

  it('lets "*" pass for actions that know no resource', () => {
    const login = { sid: 'Login', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] };
    expect(mergeGrant([], login)).toEqual([login]);
  });
});

describe('describeStatement', () => {
  it('writes the statement out, with a word for what is known only after apply', () => {
    const id = Token.asString({ resolve: () => 'x' });
    expect(describeStatement({ ...read('x'), resources: [`arn:aws:s3:::${id}/*`] })).toBe(
      '{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::<known after apply>/*"]}',
    );
  });
});
