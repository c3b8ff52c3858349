import { resolve } from 'node:path';
import { DataResource, type ITerraformDependable, Token } from 'cdktf';
import { Construct } from 'constructs';
import { contextHash, readContext } from './build-context';
import { ContextAsset } from './context-asset';
import { checkDigest, checkTag, checkUri } from './image-name';
import { packagedContext } from './packaged-context';
import { preflight } from './preflight';
import { PUSH_SCRIPT } from './push-script';
import { scriptStep } from './script-step';
import type { ImageRepository } from './sidecar-repository';

export interface RegistryImageOptions {
  /** Whether the tag `latest` is taken, which names another image after each push. @default false */
  readonly allowLatest?: boolean;
}

export interface RepositoryImageProps extends RegistryImageOptions {
  /** @default - `digest` says which image */
  readonly tag?: string;
  /** `sha256:` and 64 hexadecimal digits. @default - `tag` says which image */
  readonly digest?: string;
}

/** How an image is built, and where it is pushed to. */
export interface BuiltImageProps {
  /** Where the image is pushed to, tagged with the hash of its context. */
  readonly repository: ImageRepository;
  /** @default ['linux/amd64', 'linux/arm64'] */
  readonly platforms?: readonly string[];
  /** Values for the Dockerfile's `ARG`s. They end up in the state and in the image: never a secret. @default - none */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Profile of the AWS CLI for the login to ECR: the AWS provider's. @default - the environment's */
  readonly awsProfile?: string;
  /** Role to assume for the login to ECR: the AWS provider's. @default - none */
  readonly assumeRoleArn?: string;
  /**
   * Whether all other resources below the scope wait until the machine that applies was found able to provide the
   * image, so that nothing is created in vain. Turn it off where the AWS provider is configured by one of them, which
   * would make a cycle.
   *
   * @default true
   */
  readonly checkFirst?: boolean;
}

export interface DirectoryImageProps extends BuiltImageProps {
  /**
   * Folder with the `Dockerfile`. What its `.dockerignore` lets through is copied to the output of synth, and built
   * from there.
   */
  readonly directory: string;
}

export interface RefresherImageProps extends BuiltImageProps {
  /** Another image to build on, with its digest to pin it. @default - the Dockerfile's, a distroless Node 24 */
  readonly baseImage?: string;
}

const DEFAULT_PLATFORMS = ['linux/amd64', 'linux/arm64'] as const;

/** An image to run, and what must be done before it can be pulled. */
export class SidecarImage {
  /**
   * An image of any registry, by tag or digest: `ghcr.io/acme/refresher:1.2.0`, `public.ecr.aws/x/y@sha256:...`.
   *
   * @throws if the URI is known and names no image, or one that changes
   */
  static fromRegistry(uri: string, options: RegistryImageOptions = {}): SidecarImage {
    checkUri(uri, options.allowLatest);
    return new SidecarImage(uri, []);
  }

  /**
   * An image that was pushed to a repository, by exactly one of tag and digest.
   *
   * @throws if there is none or both, or a known one can't be right
   */
  static fromRepository(repository: ImageRepository, props: RepositoryImageProps): SidecarImage {
    const { tag, digest } = props;
    if (tag !== undefined && digest !== undefined) {
      throw new Error(`tag "${tag}" and digest "${digest}" exclude each other: pass one`);
    }
    if (digest !== undefined) {
      checkDigest(digest);
      return new SidecarImage(`${repository.repositoryUrl}@${digest}`, []);
    }
    if (tag === undefined) throw new Error('an image of a repository has to be named: pass tag or digest');
    checkTag(tag, props.allowLatest);
    return new SidecarImage(`${repository.repositoryUrl}:${tag}`, []);
  }

  /**
   * The refresher, built from what this package ships, and pushed at apply as `fromDirectory` says.
   *
   * @throws if the package was not built, or an option can't be right
   */
  static refresher(scope: Construct, id: string, props: RefresherImageProps): SidecarImage {
    const { baseImage, buildArgs, ...rest } = props;
    const { directory, version } = packagedContext();
    return SidecarImage.fromDirectory(scope, id, {
      ...rest,
      directory,
      buildArgs: { VERSION: version, ...(baseImage !== undefined && { BASE: baseImage }), ...buildArgs },
    });
  }

  /**
   * An image that Terraform builds and pushes at apply, on the machine that applies. That takes Docker there, with
   * `buildx` for more than one platform, and the AWS CLI for a repository in ECR. It is built once for each content of
   * the folder: the tag is a hash of that.
   *
   * @throws if the folder can't be read, holds no `Dockerfile` or lacks what that copies, or an option can't be right
   */
  static fromDirectory(scope: Construct, id: string, props: DirectoryImageProps): SidecarImage {
    const { platforms = DEFAULT_PLATFORMS, buildArgs = {}, repository } = props;
    checkPlatforms(platforms);
    checkBuildArgs(buildArgs);
    const files = readContext(resolve(props.directory));
    const hash = contextHash(files, { platforms, buildArgs });
    const tag = `context-${hash.slice(0, TAG_HASH_DIGITS)}`;

    const construct = new Construct(scope, id);
    const { expectedUrl } = repository;
    const environment = {
      PLATFORMS: platforms.join(','),
      ASSUME_ROLE_ARN: props.assumeRoleArn ?? '',
      ...(props.awsProfile !== undefined && { AWS_PROFILE: props.awsProfile }),
    };
    if (props.checkFirst ?? true) {
      preflight(scope, construct, {
        script: PUSH_SCRIPT,
        environment: {
          ...environment,
          STEP: 'check',
          IMAGE: expectedUrl === undefined ? '' : `${expectedUrl}:${tag}`,
        },
        trigger: tag,
      });
    }
    const uri = `${repository.repositoryUrl}:${tag}`;
    const push = scriptStep(PUSH_SCRIPT, {
      ...environment,
      STEP: 'push',
      IMAGE: uri,
      CONTEXT: new ContextAsset(construct, 'context', { files, hash }).path,
      BUILD_ARGS: Object.entries(buildArgs)
        .map(([name, value]) => `${name}=${value}`)
        .join('\n'),
    });
    const pushed = new DataResource(construct, 'push', {
      triggersReplace: { image: uri },
      provisioners: [push],
    });
    return new SidecarImage(uri, [pushed]);
  }

  private constructor(
    /** Repository with tag or digest. May be unresolved. */
    readonly uri: string,
    /** What must be in place before the image can be pulled: pass it to what runs the image. */
    readonly dependencies: readonly ITerraformDependable[],
  ) {}
}

/** 80 bits: enough to tell all images of a repository apart, and short enough to read. */
const TAG_HASH_DIGITS = 20;

function checkPlatforms(platforms: readonly string[]): void {
  if (platforms.length === 0)
    throw new Error('an image without platforms runs nowhere: name one such as linux/amd64');
  for (const platform of platforms) {
    if (!/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/.test(platform)) {
      throw new Error(`"${platform}" is not a platform: pass one such as linux/amd64 or linux/arm64`);
    }
  }
}

function checkBuildArgs(buildArgs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(buildArgs)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new Error(`"${name}" is not the name of a build argument: use letters, digits and _`);
    }
    if (Token.isUnresolved(value)) {
      throw new Error(
        `build argument ${name} is known only after apply: the tag is made at synth, so pass plain text`,
      );
    }
    if (/[\n\r]/.test(value)) {
      throw new Error(`build argument ${name} has more than one line: pass one`);
    }
    if (/[$%]\{/.test(value)) {
      throw new Error(
        `build argument ${name} holds a Terraform template, which would be replaced: pass plain text`,
      );
    }
  }
}
