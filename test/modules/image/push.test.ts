/** An image from a folder to a registry, by Terraform. */
import { chmodSync, cpSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, DataResource, TerraformStack } from 'cdktf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUSH_SCRIPT } from '../../../modules/image/push-script';
import { type BuiltImageProps, SidecarImage } from '../../../modules/image/sidecar-image';
import { SidecarRepository } from '../../../modules/image/sidecar-repository';
import { binFolder, SCRIPT_TOOLS } from '../../support/bin-folder';
import { buildBaseImage } from '../../support/docker/base-image';
import { describeWithDocker, docker, tryDocker } from '../../support/docker/engine';
import type { BuiltImage } from '../../support/docker/image';
import { Registry, registryCommand } from '../../support/docker/registry';
import { run } from '../../support/process';
import { tempFolder } from '../../support/temp';
import { missingForTerraform, reportNotRun, terraformIn } from '../../support/terraform';

const missing =
  missingForTerraform() ?? (registryCommand ? undefined : 'docker-registry was not found in PATH');
if (missing !== undefined) reportNotRun('pushing an image by terraform apply', missing);
const POD = 'terraform_data.Pod';

/** Of "the password". */
const HTPASSWD = 'AWS:$2b$12$ivyECEU.KMvzYXKYNPMkQuV3KstWYrUnFJBJUMk/wCpYch0aUMynG\n';

describe.skipIf(registryCommand === undefined)('the script', () => {
  describeWithDocker('to a registry that asks for a login', () => {
    // A registry on loopback in place of ECR, which the script tells by its name.
    const script = PUSH_SCRIPT.replace('*.dkr.ecr*.amazonaws.*)', '127.*)');
    const answer = (password: string) =>
      `#!/bin/sh\ncase "$2" in get-login-password) printf '${password}' ;; *) exit 254 ;; esac\n`;

    it.each([
      ['the password', 0],
      ['another', 1],
    ])('logs in with %s: status %i', async (password, status) => {
      const registry = await Registry.start(HTPASSWD);
      const context = tempFolder('context');
      writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
      const image = `${registry.address}/acme/refresher:1`;
      try {
        const { code, stdout, stderr } = await run('/bin/sh', ['-c', script], {
          env: {
            ...process.env,
            PATH: `${binFolder([], { aws: answer(password) })}:${process.env.PATH}`,
            STEP: 'push',
            IMAGE: image,
            CONTEXT: context,
            PLATFORMS: await docker(['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']),
            BUILD_ARGS: '',
            ASSUME_ROLE_ARN: '',
          },
        });
        expect({ code, output: stdout + stderr }).toMatchObject({ code: status });
        if (status !== 0) expect(stderr).toContain(`cannot provide ${image}: docker `);
        expect((await fetch(`http://${registry.address}/v2/acme/refresher/tags/list`)).status).toBe(401);
      } finally {
        await tryDocker(['rmi', '--force', image]);
        await registry.stop();
      }
    });
  });
});

describe.skipIf(missing !== undefined)('terraform apply', () => {
  describeWithDocker('to a registry', () => {
    let registry: Registry;
    let base: BuiltImage;
    let platform: string;
    const images = new Set<string>();

    beforeAll(async () => {
      registry = await Registry.start();
      base = await buildBaseImage({ nodePath: false });
      platform = await docker(['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']);
      // A build looks for a newer base, so it has to be where one is looked for.
      await docker(['tag', base.name, `${registry.address}/base:1`]);
      await docker(['push', '--quiet', `${registry.address}/base:1`]);
    });

    afterAll(async () => {
      await tryDocker(['rmi', '--force', `${registry?.address}/base:1`, ...images]);
      await base?.remove();
      await registry?.stop();
    });

    /** An app that runs an image, with its state where the last one left it. */
    function deploy(state: string, image: (stack: TerraformStack, props: BuiltImageProps) => SidecarImage) {
      const app = new App({ outdir: tempFolder('output') });
      const stack = new TerraformStack(app, 'test');
      stack.addOverride('terraform.backend', { local: { path: join(state, 'terraform.tfstate') } });
      const repository = SidecarRepository.fromRepositoryUrl(`${registry.address}/acme/refresher`);
      const { uri, dependencies } = image(stack, { repository, platforms: [platform] });
      // What a Deployment knows of it.
      new DataResource(stack, 'Pod', { input: { image: uri }, dependsOn: [...dependencies] });
      app.synth();
      images.add(uri);
      return { uri, folder: join(app.outdir, 'stacks', 'test') };
    }

    async function started(folder: string, env: Readonly<Record<string, string>> = {}) {
      const terraform = terraformIn(folder, env);
      await terraform.terraform('init', '-input=false');
      return terraform;
    }
    const apply = ['apply', '-auto-approve', '-input=false'] as const;

    it('rolls the pods when the image is another, and never when it is the same', async () => {
      const state = tempFolder('state');
      const directory = tempFolder('context');
      writeFileSync(
        join(directory, 'Dockerfile'),
        `FROM ${registry.address}/base:1\nARG NAME\nLABEL name=$NAME\nCOPY app /app\n`,
      );
      writeFileSync(join(directory, 'app'), '1');
      writeFileSync(join(directory, '.dockerignore'), 'notes\n');
      const version = () =>
        deploy(state, (stack, props) =>
          SidecarImage.fromDirectory(stack, 'Image', {
            ...props,
            directory,
            buildArgs: { NAME: 'it\'s "quoted" $HOME' },
          }),
        );

      const first = version();
      const terraform = await started(first.folder);
      expect((await terraform.terraform(...apply)).stdout).toContain('Resources: 3 added');
      expect(await registry.tags('acme/refresher')).toEqual([first.uri.split(':').at(-1)]);
      const label = await docker(['inspect', '--format', '{{.Config.Labels.name}}', first.uri]);
      expect(label).toBe('it\'s "quoted" $HOME');

      // Another clone of it: other dates, another umask, and a file that isn't part of it.
      utimesSync(join(directory, 'app'), 1, 1);
      chmodSync(join(directory, 'app'), 0o600);
      writeFileSync(join(directory, 'notes'), 'x');
      const same = await started(version().folder);
      expect(await same.plan()).toEqual({});

      writeFileSync(join(directory, 'app'), '2');
      const second = version();
      const changed = await started(second.folder);
      const plan = await changed.plan();
      expect(plan).toEqual({
        [POD]: 'update',
        [Object.keys(plan).find(address => address.includes('Image_check')) ?? '']: 'delete create',
        [Object.keys(plan).find(address => address.includes('Image_push')) ?? '']: 'delete create',
      });
      expect((await changed.terraform(...apply)).stdout).toContain('2 added, 1 changed, 2 destroyed');
      expect(await registry.tags('acme/refresher')).toHaveLength(2);

      // Another machine, or a lost state: the image is there, and so is left alone.
      const again = deploy(tempFolder('state'), (stack, props) =>
        SidecarImage.fromDirectory(stack, 'Image', {
          ...props,
          directory,
          buildArgs: { NAME: 'it\'s "quoted" $HOME' },
        }),
      );
      expect(again.uri).toBe(second.uri);
      expect((await (await started(again.folder)).terraform(...apply)).stdout).toContain(
        `${again.uri} is in the registry already`,
      );

      await changed.terraform('destroy', '-auto-approve', '-input=false');
      expect((await changed.terraform('show')).stdout).toMatch(/The state file is empty|No state/);
    });

    it('pushes the refresher that the package ships', async () => {
      const { uri, folder } = deploy(tempFolder('state'), (stack, props) =>
        SidecarImage.refresher(stack, 'Image', { ...props, baseImage: `${registry.address}/base:1` }),
      );
      const terraform = await started(folder);
      await terraform.terraform(...apply);
      const details = JSON.parse(await docker(['inspect', uri]))[0];
      expect(details.Config).toMatchObject({ User: '65532:65532', Cmd: ['run'] });
      expect(details.Config.Labels['org.opencontainers.image.version']).toMatch(/^\d+\.\d+\.\d+$/);
    });

    it('makes nothing where there is no Docker, and says so', async () => {
      const directory = tempFolder('context');
      cpSync(join(process.cwd(), 'test/stacks/context'), directory, { recursive: true });
      const { folder } = deploy(tempFolder('state'), (stack, props) =>
        SidecarImage.fromDirectory(stack, 'Image', { ...props, directory }),
      );
      const terraform = await started(folder, { PATH: binFolder(SCRIPT_TOOLS) });
      const { code, stdout, stderr } = await terraform.tryTerraform(...apply);
      expect(code).toBe(1);
      expect((stdout + stderr).replace(/\s+/g, ' ')).toContain('docker was not found; install it');
      // What failed to be made, and nothing after it.
      expect((await terraform.terraform('state', 'list')).stdout).toMatch(
        /^terraform_data\.Image_check_\w+\n$/,
      );
    });
  });
});
