import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository';
import { TerraformOutput } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { RolePolicy } from '../../../modules/identity/role-policy';
import type { PolicyGrant } from '../../../modules/identity/workload-identity';
import {
  type ImageRepository,
  SidecarRepository,
  type SidecarRepositoryProps,
} from '../../../modules/image/sidecar-repository';
import { allows, policyOf } from '../../support/iam';
import { synth, testStack } from '../../support/synth';

const ARN = 'arn:aws:ecr:eu-central-1:111122223333:repository/acme/refresher';
const URL = '111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme/refresher';
const PULL = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];

/** Remembers what it was granted. */
function grantee() {
  const grants: PolicyGrant[] = [];
  return { grants, grant: (grant: PolicyGrant) => void grants.push(grant) };
}

describe('a new repository', () => {
  const stack = (props: Partial<SidecarRepositoryProps> = {}) =>
    synth(scope => {
      new SidecarRepository(scope, 'Images', { repositoryName: 'acme/refresher', ...props });
    });

  it('keeps tags where they are, scans, encrypts, and is not destroyed with images in it', () => {
    expect(stack().resource('aws_ecr_repository')).toEqual({
      name: 'acme/refresher',
      image_tag_mutability: 'IMMUTABLE',
      image_scanning_configuration: { scan_on_push: true },
      encryption_configuration: [{ encryption_type: 'AES256' }],
      force_delete: false,
    });
  });

  it('takes a key, tags and the risk when told', () => {
    const kmsKeyArn = 'arn:aws:kms:eu-central-1:111122223333:key/1234';
    expect(
      stack({ kmsKeyArn, forceDelete: true, tags: { team: 'shop' } }).resource('aws_ecr_repository'),
    ).toMatchObject({
      encryption_configuration: [{ encryption_type: 'KMS', kms_key: kmsKeyArn }],
      force_delete: true,
      tags: { team: 'shop' },
    });
  });

  it('removes what is not needed any more', () => {
    const rules = (props: Partial<SidecarRepositoryProps>) => {
      const lifecycle = stack(props).resource('aws_ecr_lifecycle_policy');
      expect(lifecycle.repository).toMatch(/^\$\{aws_ecr_repository\.[\w-]+\.name}$/);
      return JSON.parse(lifecycle.policy).rules.map((rule: { selection: object }) => rule.selection);
    };
    expect(rules({})).toEqual([
      { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 14 },
      { tagStatus: 'tagged', tagPatternList: ['*'], countType: 'imageCountMoreThan', countNumber: 100 },
    ]);
    expect(rules({ expireUntaggedAfterDays: 1, keepTagged: 7 })).toMatchObject([
      { countNumber: 1 },
      { countNumber: 7 },
    ]);
  });

  it.each<[Partial<SidecarRepositoryProps>, string]>([
    [
      { repositoryName: 'Acme' },
      '"Acme" is not the name of an ECR repository: use 2 to 256 of a-z and 0-9, with . _ - or / between them',
    ],
    [{ repositoryName: 'a/' }, '"a/" is not the name of an ECR repository'],
    [
      { kmsKeyArn: 'alias/x' },
      '"alias/x" is not the arn of a KMS key: pass arn:aws:kms:<region>:<account>:key/<id>',
    ],
    [{ keepTagged: 0 }, 'keepTagged 0 is out of range: pass a whole number of at least 1'],
    [{ expireUntaggedAfterDays: 0.5 }, 'expireUntaggedAfterDays 0.5 is out of range'],
  ])('is refused with %o', (props, message) => {
    expect(() => stack(props)).toThrow(message);
  });
});

describe('grantPull', () => {
  it('allows exactly a pull of this repository', () => {
    const to = grantee();
    SidecarRepository.fromRepositoryUrl(URL).grantPull(to);
    expect(to.grants).toEqual([
      { sid: 'EcrPull', actions: PULL, resources: [ARN] },
      { sid: 'EcrLogin', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] },
    ]);
  });

  it('is taken by the policy of a role, for several repositories at once', () => {
    const { statement } = synth(scope => {
      const policy = new RolePolicy(scope, 'Node', { roleName: 'node', namePrefix: 'pull-' });
      new SidecarRepository(scope, 'Images', { repositoryName: 'images' }).grantPull(policy);
      SidecarRepository.fromRepositoryUrl(URL).grantPull(policy);
    }).dataSource('aws_iam_policy_document');
    expect(statement).toMatchObject([
      { sid: 'EcrLogin', resources: ['*'] },
      { sid: 'EcrPull', resources: [expect.stringMatching(/^\$\{aws_ecr_repository\.[\w-]+\.arn}$/), ARN] },
    ]);
  });

  it('goes to principals of other accounts by the policy of the repository', () => {
    const stack = synth(scope => {
      const repository = new SidecarRepository(scope, 'Images', { repositoryName: 'images' });
      repository.grantPullToPrincipals();
      repository.grantPullToPrincipals('444455556666');
      repository.grantPullToPrincipals('arn:aws:iam::777788889999:role/node', '444455556666');
    });
    const { repository, policy } = stack.resource('aws_ecr_repository_policy');
    expect(repository).toMatch(/^\$\{aws_ecr_repository\.[\w-]+\.name}$/);
    expect(policy).toMatch(/^\$\{data\.aws_iam_policy_document\.[\w-]+\.json}$/);
    const document = policyOf(stack.dataSource('aws_iam_policy_document'));
    const may = (action: string, id: string) => allows(document, { action, principal: { type: 'AWS', id } });
    for (const action of PULL) {
      expect(may(action, '444455556666')).toBe(true);
      expect(may(action, 'arn:aws:iam::777788889999:role/node')).toBe(true);
      expect(may(action, '777788889999')).toBe(false);
    }
    expect(may('ecr:PutImage', '444455556666')).toBe(false);
  });

  it('leaves the policy of the repository alone without principals', () => {
    const stack = synth(scope => {
      new SidecarRepository(scope, 'Images', { repositoryName: 'images' }).grantPullToPrincipals();
    });
    expect(stack.json.data).toBeUndefined();
  });

  it.each(['*', 'arn:aws:iam::444455556666:role/*', 'acme'])('refuses to share with %s', principal => {
    const repository = new SidecarRepository(testStack(), 'Images', { repositoryName: 'images' });
    expect(() => repository.grantPullToPrincipals(principal)).toThrow(
      `"${principal}" is not a principal to share with: pass an account id or the arn of a role or user`,
    );
  });
});

describe('a repository that exists', () => {
  it.each([
    [
      '111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/x',
      'arn:aws-cn:ecr:cn-north-1:111122223333:repository/x',
    ],
    [
      '111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/x',
      'arn:aws-us-gov:ecr:us-gov-west-1:111122223333:repository/x',
    ],
    [
      '111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu/x',
      'arn:aws-eusc:ecr:eusc-de-east-1:111122223333:repository/x',
    ],
  ])('is in the partition of its url: %s', (url, arn) => {
    const to = grantee();
    SidecarRepository.fromRepositoryUrl(url).grantPull(to);
    expect(to.grants[0]?.resources).toEqual([arn]);
  });

  it('is looked up by name', () => {
    const stack = synth(scope => {
      const repository: ImageRepository = SidecarRepository.fromRepositoryName(
        scope,
        'Images',
        'acme/refresher',
      );
      const to = grantee();
      repository.grantPull(to);
      new TerraformOutput(scope, 'url', { value: repository.repositoryUrl });
      new TerraformOutput(scope, 'arn', { value: to.grants[0]?.resources[0] });
    });
    expect(stack.dataSource('aws_ecr_repository')).toEqual({ name: 'acme/refresher' });
    expect(stack.output('url')).toBe('${data.aws_ecr_repository.Images.repository_url}');
    expect(stack.output('arn')).toBe('${data.aws_ecr_repository.Images.arn}');
  });

  it('has no grants where it is not in ECR, or that is unknown', () => {
    expect(() => SidecarRepository.fromRepositoryUrl('ghcr.io/acme/refresher').grantPull(grantee())).toThrow(
      '"ghcr.io/acme/refresher" has no known arn to allow pulling from: use SidecarRepository.fromRepositoryName for one in ECR',
    );
    const { repositoryUrl } = new EcrRepository(testStack(), 'Images', { name: 'images' });
    expect(() => SidecarRepository.fromRepositoryUrl(repositoryUrl).grantPull(grantee())).toThrow(
      'a repository known after apply has no known arn',
    );
  });

  it.each(['https://ghcr.io/acme', `${URL}:1`, `${URL}@sha256:00`, 'refresher', ''])('is not %s', url => {
    expect(() => SidecarRepository.fromRepositoryUrl(url)).toThrow(
      `"${url}" is not the url of a repository: pass registry/path, without scheme, tag and digest`,
    );
  });
});
