import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository';
import { App, DataResource, TerraformStack, Testing } from 'cdktf';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { packagedContext } from '../../../modules/image/packaged-context';
import { PUSH_SCRIPT } from '../../../modules/image/push-script';
import {
  type DirectoryImageProps,
  type RefresherImageProps,
  SidecarImage,
} from '../../../modules/image/sidecar-image';
import { SidecarRepository } from '../../../modules/image/sidecar-repository';
import { type Json, synth, synthStack, testStack } from '../../support/synth';
import { removeFolder, tempFolder } from '../../support/temp';

function contextFolder(dockerfile = 'FROM scratch\n'): string {
  const directory = tempFolder('context');
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  return directory;
}

/** What Terraform runs to provide the image. */
function steps(stack: TerraformStack): { check: Json; push: Json } {
  const all = Object.entries<Json>(synthStack(stack).json.resource.terraform_data);
  const find = (part: string) => all.find(([name]) => name.includes(part))?.[1];
  return { check: find('Image_check_'), push: find('Image_push_') };
}

const REPOSITORY = SidecarRepository.fromRepositoryUrl('ghcr.io/acme/refresher');
const make = (props: Partial<DirectoryImageProps> = {}, scope = testStack()) =>
  SidecarImage.fromDirectory(scope, 'Image', {
    directory: contextFolder(),
    repository: REPOSITORY,
    ...props,
  });

describe('an image of a directory', () => {
  it('is pushed at apply, by a script that gets all it needs by environment', () => {
    const stack = testStack();
    const { uri } = make({ buildArgs: { VERSION: '1 2', NAME: "it's" } }, stack);
    const { triggers_replace, provisioner } = steps(stack).push;
    const environment = provisioner[0]['local-exec'].environment;
    expect(provisioner).toEqual([
      { 'local-exec': { interpreter: ['/bin/sh', '-c'], command: PUSH_SCRIPT, quiet: true, environment } },
    ]);
    expect(environment).toEqual({
      STEP: 'push',
      ASSUME_ROLE_ARN: '',
      IMAGE: uri,
      CONTEXT: expect.stringMatching(/^assets\/Image_context_\w+\/[0-9a-f]{64}$/),
      PLATFORMS: 'linux/amd64,linux/arm64',
      BUILD_ARGS: "VERSION=1 2\nNAME=it's",
    });
    expect(triggers_replace).toEqual({ image: uri });
  });

  it('is waited for by what runs it', () => {
    const stack = synth(scope => {
      const image = SidecarImage.fromDirectory(scope, 'Image', {
        directory: contextFolder(),
        repository: new SidecarRepository(scope, 'Images', { repositoryName: 'images' }),
      });
      new DataResource(scope, 'Pod', { input: { image: image.uri }, dependsOn: [...image.dependencies] });
    });
    const { input, depends_on } = stack.json.resource.terraform_data.Pod;
    expect(depends_on).toContainEqual(expect.stringMatching(/^terraform_data\.Image_push_/));
    expect(input.image).toMatch(/^\$\{aws_ecr_repository\.[\w-]+\.repository_url}:context-[0-9a-f]{20}$/);
  });

  it('has another tag for another content, platform or argument, and the same for the same', () => {
    const uris = [
      make(),
      make({ directory: contextFolder('FROM scratch\nLABEL a=b\n') }),
      make({ platforms: ['linux/amd64'] }),
      make({ buildArgs: { A: '1' } }),
    ].map(({ uri }) => uri);
    expect(new Set(uris).size).toBe(4);
    expect(make().uri).toBe(uris[0]);
  });

  describe('is built from a copy in the output of synth', () => {
    /** The copy's files with their modes. */
    function copied(directory: string, stack = testStack()): Record<string, string> {
      make({ directory }, stack);
      const folder = Testing.fullSynth(stack);
      const context = steps(stack).push.provisioner[0]['local-exec'].environment.CONTEXT;
      const copy = join(folder, 'stacks', 'test', context);
      const files = readdirSync(copy, { recursive: true, encoding: 'utf8' }).sort();
      const modes = files.map(name => [name, (statSync(join(copy, name)).mode & 0o777).toString(8)]);
      removeFolder(folder);
      return Object.fromEntries(modes);
    }

    it('of all that makes the image', () => {
      const directory = contextFolder();
      writeFileSync(join(directory, 'run'), '', { mode: 0o755 });
      expect(copied(directory)).toEqual({ Dockerfile: '644', run: '755' });
    });

    it('and of nothing else', () => {
      const directory = contextFolder();
      for (const name of ['secret.env', 'a']) writeFileSync(join(directory, name), '');
      writeFileSync(join(directory, '.dockerignore'), '*\n!a\n');
      expect(Object.keys(copied(directory))).toEqual(['.dockerignore', 'Dockerfile', 'a']);
    });

    it('which takes the place of the one before', () => {
      const outdir = tempFolder('output');
      const copies = (dockerfile: string) => {
        const app = new App({ outdir });
        make({ directory: contextFolder(dockerfile) }, new TerraformStack(app, 'test'));
        app.synth();
        const assets = join(outdir, 'stacks', 'test', 'assets');
        return readdirSync(assets).flatMap(asset => readdirSync(join(assets, asset)));
      };
      const [before] = copies('FROM a\n');
      const after = copies('FROM b\n');
      expect(after).toHaveLength(1);
      expect(after).not.toContain(before);
    });
  });

  describe('is checked for before anything else', () => {
    function stackOf(props: Partial<DirectoryImageProps> = {}) {
      const stack = testStack();
      const repository = new SidecarRepository(stack, 'Images', { repositoryName: 'images' });
      make({ repository, ...props }, stack);
      new DataResource(stack, 'Elsewhere');
      return stack;
    }

    it('every resource waits for the check, once, and no data source does', () => {
      const stack = stackOf();
      synthStack(stack);
      const { json } = synthStack(stack);
      const resources = Object.entries<Json>(json.resource).flatMap(([type, all]) =>
        Object.entries<Json>(all).map(([name, { depends_on = [] }]) => [`${type}.${name}`, depends_on]),
      );
      expect(resources).toHaveLength(5);
      for (const [address, dependencies] of resources) {
        const expected = /Image_check_/.test(address)
          ? []
          : [expect.stringMatching(/^terraform_data\.Image_check_/)];
        expect(dependencies, address).toEqual(expected);
      }
      for (const all of Object.values<Json>(json.data)) {
        for (const source of Object.values<Json>(all)) expect(source.depends_on).toBeUndefined();
      }
    });

    it('by the same script, which is told the address that the repository will have', () => {
      const { check, push } = steps(
        stackOf({ platforms: ['linux/arm64'], awsProfile: 'shop', assumeRoleArn: 'arn' }),
      );
      const [, tag] = push.triggers_replace.image.split(':');
      expect(check.triggers_replace).toEqual({ for: tag });
      expect(check.provisioner[0]['local-exec']).toMatchObject({ command: PUSH_SCRIPT, quiet: true });
      const { IMAGE, ...environment } = check.provisioner[0]['local-exec'].environment;
      expect(environment).toEqual({
        STEP: 'check',
        PLATFORMS: 'linux/arm64',
        AWS_PROFILE: 'shop',
        ASSUME_ROLE_ARN: 'arn',
      });
      expect(push.provisioner[0]['local-exec'].environment).toMatchObject({
        AWS_PROFILE: 'shop',
        ASSUME_ROLE_ARN: 'arn',
      });
      expect(IMAGE.replace(/\$\{data\.(\w+)\.[\w-]+\.(\w+)}/g, '<$1.$2>')).toBe(
        `<aws_caller_identity.account_id>.dkr.ecr.<aws_region.id>.<aws_partition.dns_suffix>/images:${tag}`,
      );
    });

    it('of a repository of any registry', () => {
      const stack = testStack();
      const { uri } = make({}, stack);
      expect(steps(stack).check.provisioner[0]['local-exec'].environment.IMAGE).toBe(uri);
    });

    it('without an address where that depends on what waits for the check', () => {
      const stack = testStack();
      const { repositoryUrl } = new EcrRepository(stack, 'Images', { name: 'images' });
      make({ repository: SidecarRepository.fromRepositoryUrl(repositoryUrl) }, stack);
      expect(steps(stack).check.provisioner[0]['local-exec'].environment.IMAGE).toBe('');
    });

    it('in its scope alone', () => {
      const stack = testStack();
      make({}, new Construct(stack, 'Ours') as TerraformStack);
      new DataResource(stack, 'Theirs');
      expect(synthStack(stack).json.resource.terraform_data.Theirs).toEqual({});
    });

    it('or not, when told', () => {
      const stack = stackOf({ checkFirst: false });
      expect(steps(stack).check).toBeUndefined();
      expect(synthStack(stack).json.resource.aws_ecr_repository).toMatchObject({});
      expect(JSON.stringify(synthStack(stack).json)).not.toContain('depends_on');
    });
  });

  it.each<[Partial<DirectoryImageProps>, string]>([
    [{ platforms: [] }, 'an image without platforms runs nowhere: name one such as linux/amd64'],
    [{ platforms: ['amd64'] }, '"amd64" is not a platform: pass one such as linux/amd64 or linux/arm64'],
    [{ buildArgs: { 'A B': '1' } }, '"A B" is not the name of a build argument: use letters, digits and _'],
    [{ buildArgs: { A: '1\n2' } }, 'build argument A has more than one line: pass one'],
    [
      { buildArgs: { A: '${x}' } },
      'build argument A holds a Terraform template, which would be replaced: pass plain text',
    ],
  ])('is refused with %o', (props, message) => {
    expect(() => make(props)).toThrow(message);
  });

  it('is refused with an argument that is known only after apply: its tag is made before', () => {
    const stack = testStack();
    const unresolved = new DataResource(stack, 'X').id;
    expect(() => make({ buildArgs: { A: unresolved } }, stack)).toThrow(
      'build argument A is known only after apply: the tag is made at synth, so pass plain text',
    );
  });
});

describe('the refresher’s own image', () => {
  const refresher = (props: Partial<RefresherImageProps> = {}, stack = testStack()) => {
    const { uri } = SidecarImage.refresher(stack, 'Image', { repository: REPOSITORY, ...props });
    return { uri, environment: steps(stack).push.provisioner[0]['local-exec'].environment };
  };
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

  it('is built from the packaged context, with its version', () => {
    const { uri, environment } = refresher();
    expect(environment.BUILD_ARGS).toBe(`VERSION=${version}`);
    const directory = 'sidecar-image';
    expect(make({ directory, buildArgs: { VERSION: version } }).uri).toBe(uri);
  });

  it('can have another base, and other arguments', () => {
    expect(refresher({ baseImage: 'a@sha256:b', buildArgs: { VERSION: '7' } }).environment.BUILD_ARGS).toBe(
      'VERSION=7\nBASE=a@sha256:b',
    );
  });

  it('is found from the sources, from a bundle of the package, and from one of an app', () => {
    const project = tempFolder('project');
    const installed = join(project, 'node_modules', 'cdktf-rds-iam-sidecar');
    mkdirSync(join(installed, 'sidecar-image'), { recursive: true });
    mkdirSync(join(project, 'out'));
    writeFileSync(join(installed, 'sidecar-image', 'Dockerfile'), '');
    writeFileSync(join(installed, 'package.json'), '{"name":"cdktf-rds-iam-sidecar","version":"7.0.0"}');
    const found = { directory: join(installed, 'sidecar-image'), version: '7.0.0' };
    expect(packagedContext(join(installed, 'dist'))).toEqual(found);
    expect(packagedContext(join(project, 'out'))).toEqual(found);
    expect(packagedContext()).toEqual({ directory: join(process.cwd(), 'sidecar-image'), version });
  });

  it('is refused where it is not found', () => {
    const folder = tempFolder('elsewhere');
    expect(() => packagedContext(folder)).toThrow(
      `the refresher's build context was not found above "${folder}": pass its folder to SidecarImage.fromDirectory`,
    );
  });
});
