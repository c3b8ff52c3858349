import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { DataAwsEcrRepository } from '@cdktf/provider-aws/lib/data-aws-ecr-repository';
import { DataAwsIamPolicyDocument } from '@cdktf/provider-aws/lib/data-aws-iam-policy-document';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { DataAwsRegion } from '@cdktf/provider-aws/lib/data-aws-region';
import { EcrLifecyclePolicy } from '@cdktf/provider-aws/lib/ecr-lifecycle-policy';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository';
import { EcrRepositoryPolicy } from '@cdktf/provider-aws/lib/ecr-repository-policy';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import type { Grantee } from '../identity/workload-identity';
import { parseEcrUrl } from './ecr-url';

/** Where images are kept. */
export interface ImageRepository {
  /** Registry and path, without tag. May be unresolved. */
  readonly repositoryUrl: string;
  /**
   * The same URL, known before the repository exists. May be unresolved, and then depends on look-ups alone.
   *
   * @default - unknown
   */
  readonly expectedUrl?: string | undefined;
  /**
   * Allow the grantee's role to pull from the repository. It must be of the repository's account.
   *
   * Pods don't pull: their node does, by its own role, or by `imagePullSecrets`.
   *
   * @throws if the repository isn't an ECR repository whose ARN is known
   */
  grantPull(grantee: Grantee): void;
}

export interface SidecarRepositoryProps {
  /** 2 to 256 of `a-z`, `0-9`, and `.`, `_`, `-` and `/` between them. */
  readonly repositoryName: string;
  /** ARN of a KMS key to encrypt with; can't be changed later. @default - AES256, with a key of ECR's */
  readonly kmsKeyArn?: string;
  /** Images without a tag are removed after so many days. @default 14 */
  readonly expireUntaggedAfterDays?: number;
  /**
   * How many tagged images to keep; older ones are removed, whether something runs them or not.
   *
   * @default 100
   */
  readonly keepTagged?: number;
  /** Whether destroying the repository may take its images along. @default false */
  readonly forceDelete?: boolean;
  /** @default - the provider's default tags alone */
  readonly tags?: Readonly<Record<string, string>>;
}

const PULL_ACTIONS = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:GetDownloadUrlForLayer',
] as const;

/** An ECR repository for a sidecar's image: tags can't be moved, images are scanned as they are pushed. */
export class SidecarRepository extends Construct implements ImageRepository {
  /** A repository that exists, looked up by name in the provider's account and Region. */
  static fromRepositoryName(scope: Construct, id: string, repositoryName: string): ImageRepository {
    checkRepositoryName(repositoryName);
    const { repositoryUrl, arn } = new DataAwsEcrRepository(scope, id, { name: repositoryName });
    const expectedUrl = Token.isUnresolved(repositoryName) ? undefined : repositoryUrl;
    return imported({ repositoryUrl, expectedUrl, arn });
  }

  /**
   * A repository that exists, in any registry: `<account>.dkr.ecr.<region>.amazonaws.com/<name>`, `ghcr.io/<name>`.
   *
   * @throws if the URL is known and has a scheme or a tag
   */
  static fromRepositoryUrl(repositoryUrl: string): ImageRepository {
    if (!Token.isUnresolved(repositoryUrl) && !/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+$/.test(repositoryUrl)) {
      throw new Error(
        `"${repositoryUrl}" is not the url of a repository: pass registry/path, without scheme, tag and digest`,
      );
    }
    // It may be that of a repository which this stack makes.
    if (Token.isUnresolved(repositoryUrl)) return imported({ repositoryUrl });
    const arn = parseEcrUrl(repositoryUrl)?.repositoryArn;
    return imported({ repositoryUrl, expectedUrl: repositoryUrl, arn });
  }

  readonly repositoryUrl: string;
  readonly repositoryArn: string;
  readonly repositoryName: string;

  private readonly givenName: string;
  private readonly pullers = new Set<string>();
  private expected?: string;
  private pullPolicy?: DataAwsIamPolicyDocument;

  /** @throws if a known value can't be right */
  constructor(scope: Construct, id: string, props: SidecarRepositoryProps) {
    super(scope, id);
    const { repositoryName, kmsKeyArn, expireUntaggedAfterDays = 14, keepTagged = 100 } = props;
    checkRepositoryName(repositoryName);
    checkKmsKey(kmsKeyArn);
    checkCount('expireUntaggedAfterDays', expireUntaggedAfterDays);
    checkCount('keepTagged', keepTagged);
    this.givenName = repositoryName;

    const repository = new EcrRepository(this, 'repository', {
      name: repositoryName,
      imageTagMutability: 'IMMUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: [
        kmsKeyArn === undefined ? { encryptionType: 'AES256' } : { encryptionType: 'KMS', kmsKey: kmsKeyArn },
      ],
      forceDelete: props.forceDelete ?? false,
      tags: props.tags,
    });
    new EcrLifecyclePolicy(this, 'lifecycle', {
      repository: repository.name,
      policy: lifecyclePolicy(expireUntaggedAfterDays, keepTagged),
    });
    this.repositoryUrl = repository.repositoryUrl;
    this.repositoryArn = repository.arn;
    this.repositoryName = repository.name;
  }

  get expectedUrl(): string | undefined {
    if (Token.isUnresolved(this.givenName)) return undefined;
    this.expected ??= `${registryOf(this)}/${this.givenName}`;
    return this.expected;
  }

  grantPull(grantee: Grantee): void {
    grantPullFrom(this.repositoryArn, grantee);
  }

  /**
   * Allow principals of other accounts to pull, by the repository's own policy. Their account has to allow it, too.
   *
   * @param principals account ids, or ARNs of roles and users
   * @throws if one of them is neither
   */
  grantPullToPrincipals(...principals: readonly string[]): void {
    for (const principal of principals) {
      checkPrincipal(principal);
      this.pullers.add(principal);
    }
    if (this.pullers.size === 0) return;
    const document = this.pullPolicy ?? this.attachPullPolicy();
    document.putStatement([
      {
        sid: 'Pull',
        effect: 'Allow',
        actions: [...PULL_ACTIONS],
        principals: [{ type: 'AWS', identifiers: [...this.pullers] }],
      },
    ]);
  }

  private attachPullPolicy(): DataAwsIamPolicyDocument {
    this.pullPolicy = new DataAwsIamPolicyDocument(this, 'pull-document');
    new EcrRepositoryPolicy(this, 'pull-policy', {
      repository: this.repositoryName,
      policy: this.pullPolicy.json,
    });
    return this.pullPolicy;
  }
}

/** The private registry of the AWS provider's account and Region. */
function registryOf(scope: Construct): string {
  const { accountId } = new DataAwsCallerIdentity(scope, 'caller-identity');
  const { dnsSuffix } = new DataAwsPartition(scope, 'partition');
  // `id` is the Region's name under AWS provider 5 and 6 alike.
  const region = new DataAwsRegion(scope, 'region').id;
  return `${accountId}.dkr.ecr.${region}.${dnsSuffix}`;
}

interface Imported {
  readonly repositoryUrl: string;
  readonly expectedUrl?: string | undefined;
  readonly arn?: string;
}

function imported({ repositoryUrl, expectedUrl, arn }: Imported): ImageRepository {
  return {
    repositoryUrl,
    expectedUrl,
    grantPull(grantee) {
      if (arn === undefined) {
        const name = Token.isUnresolved(repositoryUrl)
          ? 'a repository known after apply'
          : `"${repositoryUrl}"`;
        throw new Error(
          `${name} has no known arn to allow pulling from: use SidecarRepository.fromRepositoryName for one in ECR`,
        );
      }
      grantPullFrom(arn, grantee);
    },
  };
}

function grantPullFrom(repositoryArn: string, grantee: Grantee): void {
  grantee.grant({ sid: 'EcrPull', actions: PULL_ACTIONS, resources: [repositoryArn] });
  // The login to a registry; IAM knows no resource for it.
  grantee.grant({ sid: 'EcrLogin', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] });
}

/** Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html */
function lifecyclePolicy(expireUntaggedAfterDays: number, keepTagged: number): string {
  return JSON.stringify({
    rules: [
      {
        rulePriority: 1,
        description: `Remove untagged images after ${expireUntaggedAfterDays} days`,
        selection: {
          tagStatus: 'untagged',
          countType: 'sinceImagePushed',
          countUnit: 'days',
          countNumber: expireUntaggedAfterDays,
        },
        action: { type: 'expire' },
      },
      {
        rulePriority: 2,
        description: `Keep the ${keepTagged} newest tagged images`,
        selection: {
          tagStatus: 'tagged',
          tagPatternList: ['*'],
          countType: 'imageCountMoreThan',
          countNumber: keepTagged,
        },
        action: { type: 'expire' },
      },
    ],
  });
}

function checkRepositoryName(name: string): void {
  const part = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*';
  if (Token.isUnresolved(name)) return;
  if (name.length >= 2 && name.length <= 256 && new RegExp(`^${part}(/${part})*$`).test(name)) return;
  throw new Error(
    `"${name}" is not the name of an ECR repository: use 2 to 256 of a-z and 0-9, with . _ - or / between them`,
  );
}

function checkKmsKey(arn: string | undefined): void {
  if (arn === undefined || Token.isUnresolved(arn) || /^arn:[^:]+:kms:[^:]+:\d{12}:key\/.+$/.test(arn))
    return;
  throw new Error(`"${arn}" is not the arn of a KMS key: pass arn:aws:kms:<region>:<account>:key/<id>`);
}

function checkCount(what: string, count: number): void {
  if (Token.isUnresolved(count) || (Number.isInteger(count) && count >= 1)) return;
  throw new Error(`${what} ${count} is out of range: pass a whole number of at least 1`);
}

function checkPrincipal(principal: string): void {
  if (Token.isUnresolved(principal)) return;
  if (/^\d{12}$/.test(principal) || /^arn:[^:]+:(iam|sts)::\d{12}:[^*]+$/.test(principal)) return;
  throw new Error(
    `"${principal}" is not a principal to share with: pass an account id or the arn of a role or user`,
  );
}
