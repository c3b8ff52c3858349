/** What the URL of a private ECR repository says. */
export interface EcrRepositoryName {
  readonly partition: string;
  readonly region: string;
  /** 12 digits. */
  readonly account: string;
  readonly repositoryName: string;
  readonly repositoryArn: string;
}

const ECR_URL =
  /^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.(amazonaws\.(?:com\.cn|com|eu))\/([a-z0-9._/-]+)$/;

/** @returns `undefined` for a repository that isn't in a private ECR registry */
export function parseEcrUrl(url: string): EcrRepositoryName | undefined {
  const [, account, region, suffix, repositoryName] = ECR_URL.exec(url) ?? [];
  if (!account || !region || !suffix || !repositoryName) return undefined;
  const partition = partitionOf(region, suffix);
  const repositoryArn = `arn:${partition}:ecr:${region}:${account}:repository/${repositoryName}`;
  return { partition, region, account, repositoryName, repositoryArn };
}

/** Source: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
function partitionOf(region: string, suffix: string): string {
  if (suffix === 'amazonaws.com.cn') return 'aws-cn';
  if (suffix === 'amazonaws.eu') return 'aws-eusc';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
