import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../process';
import { removeFolder, tempFolder } from '../temp';
import { docker, removeOnExit, tryDocker } from './engine';

export interface BuildOptions {
  /** Folder of the build context. */
  readonly context: string;
  /** @default - `Dockerfile` in the context */
  readonly dockerfile?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Such as `linux/arm64`. @default - the engine's own */
  readonly platform?: string;
}

/** What `docker image inspect` says, as far as it is read here. */
export interface ImageDetails {
  readonly Os: string;
  readonly Architecture: string;
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Healthcheck?: unknown;
  };
  readonly RootFS: { readonly Layers: readonly string[] };
}

export interface ImageFile {
  readonly path: string;
  /** As `ls` has it: `-rw-r--r--`. */
  readonly mode: string;
  /** `uid/gid`. */
  readonly owner: string;
}

/** An image built for a test, to be removed by it. */
export class BuiltImage {
  private constructor(readonly name: string) {}

  /** @throws when the build fails; the error quotes its output. */
  static async build({ context, dockerfile, buildArgs = {}, platform }: BuildOptions): Promise<BuiltImage> {
    const name = `refresher-test:${randomBytes(8).toString('hex')}`;
    const args = ['build', '--quiet', '--tag', name];
    if (dockerfile !== undefined) args.push('--file', dockerfile);
    if (platform !== undefined) args.push('--platform', platform);
    for (const [key, value] of Object.entries(buildArgs)) args.push('--build-arg', `${key}=${value}`);
    await docker([...args, context], { env: await builderEnvironment() });
    removeOnExit('image', 'rm', '--force', name);
    return new BuiltImage(name);
  }

  async inspect(): Promise<ImageDetails> {
    return inspectImage(this.name);
  }

  /** `docker history`, with nothing cut off. */
  history(): Promise<string> {
    return docker(['history', '--no-trunc', '--format', '{{json .}}', this.name]);
  }

  /** Every file, folder and link of the last layer. */
  async filesOfLastLayer(): Promise<ImageFile[]> {
    const folder = tempFolder('image');
    try {
      const archive = join(folder, 'image.tar');
      await docker(['save', '--output', archive, this.name]);
      const unpacked = join(folder, 'unpacked');
      mkdirSync(unpacked);
      await tar(['-xf', archive, '-C', unpacked]);
      const [manifest] = JSON.parse(await tar(['-xOf', archive, 'manifest.json']));
      return parseListing(
        await tar(['--numeric-owner', '-tvf', join(unpacked, manifest.Layers.at(-1) as string)]),
      );
    } finally {
      removeFolder(folder);
    }
  }

  async remove(): Promise<void> {
    await tryDocker(['image', 'rm', '--force', this.name]);
  }
}

export async function inspectImage(name: string): Promise<ImageDetails> {
  return JSON.parse(await docker(['image', 'inspect', name]))[0];
}

/** The builder that knows the engine's own images, whatever the user's default is. */
async function builderEnvironment(): Promise<NodeJS.ProcessEnv> {
  const { code } = await tryDocker(['buildx', 'version']);
  return code === 0
    ? { ...process.env, DOCKER_BUILDKIT: '1', BUILDX_BUILDER: 'default', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' }
    : { ...process.env, DOCKER_BUILDKIT: '0' };
}

async function tar(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('tar', args);
  if (code !== 0) throw new Error(`tar ${args.join(' ')} ended with status ${code}:\n${stderr}`);
  return stdout;
}

/** Of `tar -tv`: mode, owner, size, day, time, path. */
function parseListing(listing: string): ImageFile[] {
  return listing
    .trimEnd()
    .split('\n')
    .map(line => {
      const [mode = '', owner = '', , , , ...path] = line.split(/\s+/);
      return { mode, owner, path: path.join(' ') };
    });
}
