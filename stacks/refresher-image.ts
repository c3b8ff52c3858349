import type { Construct } from 'constructs';
import { SidecarImage } from '../modules/image/sidecar-image';
import { type ImageRepository, SidecarRepository } from '../modules/image/sidecar-repository';
import type { Environment, RefresherImageConfig } from './config';

/** The repository that the configuration describes, new or existing. */
export function imageRepository(
  scope: Construct,
  config: Environment['repository'],
): ImageRepository | undefined {
  if (config === undefined) return undefined;
  if (!config.create) return SidecarRepository.fromRepositoryName(scope, 'repository', config.name);
  const repository = new SidecarRepository(scope, 'repository', {
    repositoryName: config.name,
    kmsKeyArn: config.kmsKeyArn,
    keepTagged: config.keepTagged,
    forceDelete: config.forceDelete,
  });
  repository.grantPullToPrincipals(...(config.pullAccounts ?? []));
  return repository;
}

/** The refresher's image, with what must happen before it can be pulled. */
export function refresherImage(
  scope: Construct,
  config: RefresherImageConfig,
  repository: ImageRepository | undefined,
  aws: Environment['aws'],
): SidecarImage {
  if (config.source === 'registry') return SidecarImage.fromRegistry(config.uri);
  if (repository === undefined) {
    throw new Error(`an image from "${config.source}" needs a repository: name one`);
  }
  if (config.source === 'repository') {
    return SidecarImage.fromRepository(repository, { tag: config.tag, digest: config.digest });
  }
  const { directory, platforms } = config;
  const { profile: awsProfile, assumeRoleArn } = aws;
  const props = { platforms, repository, awsProfile, assumeRoleArn };
  if (directory === undefined) return SidecarImage.refresher(scope, 'refresher-image', props);
  return SidecarImage.fromDirectory(scope, 'refresher-image', { ...props, directory });
}
