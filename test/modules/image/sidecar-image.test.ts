import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataResource, Testing } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { PUSH_SCRIPT } from '../../../modules/image/push-script';
import { type DirectoryImageProps, SidecarImage } from '../../../modules/image/sidecar-image';
import { SidecarRepository } from '../../../modules/image/sidecar-repository';
import { synth, synthStack, testStack } from '../../support/synth';
import { removeFolder, tempFolder } from '../../support/temp';

function contextFolder(dockerfile = 'FROM scratch\n'): string {
  const directory = tempFolder('context');
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  return directory;
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
    const { triggers_replace, provisioner } = synthStack(stack).resource('terraform_data');
    const environment = provisioner[0]['local-exec'].environment;
    expect(provisioner).toEqual([
      { 'local-exec': { interpreter: ['/bin/sh', '-c'], command: PUSH_SCRIPT, quiet: true, environment } },
    ]);
    expect(environment).toEqual({
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
    const [push] = Object.keys(stack.json.resource.terraform_data);
    const { input, depends_on } = stack.json.resource.terraform_data.Pod;
    expect(depends_on).toEqual([`terraform_data.${push}`]);
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

  it('is built from a copy in the output of synth', () => {
    const stack = testStack();
    make({}, stack);
    const { provisioner } = synthStack(stack).resource('terraform_data');
    const folder = Testing.fullSynth(stack);
    const output = join(folder, 'stacks', 'test');
    const copy = join(output, provisioner[0]['local-exec'].environment.CONTEXT, 'Dockerfile');
    expect(existsSync(join(output, 'cdk.tf.json'))).toBe(true);
    expect(readFileSync(copy, 'utf8')).toBe('FROM scratch\n');
    removeFolder(folder);
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
