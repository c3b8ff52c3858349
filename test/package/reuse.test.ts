/** The package as others get it: packed, installed from the registry, used by its README. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NpmProject, pack, type Tarball } from '../support/npm';
import type { Json } from '../support/synth';
import { missingForTerraform, reportNotRun, terraformIn } from '../support/terraform';

const ROOT = process.cwd();
const [, EXAMPLE = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
const DEPENDENCIES = {
  '@cdktf/provider-aws': '^21.22.1',
  '@cdktf/provider-kubernetes': '^12.1.1',
  constructs: '>=10.6.0 <10.8.0',
};
const TIMEOUT = 240_000;

/** An app with the README's stack, and an image that is built. */
const main = (library: string, first = '') => `${first}
import { App, TerraformStack } from '${library}';
import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import { SidecarImage, SidecarRepository } from 'cdktf-rds-iam-sidecar';
import { shop } from './shop.js';

const app = new App();
const stack = new TerraformStack(app, 'shop');
// The bindings ask for the one version that they were made from.
stack.addOverride('terraform.required_providers.aws.version', '>= 5.100.0');
new AwsProvider(stack, 'aws', { region: 'eu-central-1' });
new KubernetesProvider(stack, 'kubernetes', { configPath: '~/.kube/config' });
const repository = new SidecarRepository(stack, 'images', { repositoryName: 'refresher' });
SidecarImage.refresher(stack, 'image', { repository });
shop(stack);
app.synth();
`;

/** Stricter than \`strict\`, and without leave for mistakes in declarations. */
const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: [],
    outDir: 'out',
  },
  include: ['*.ts'],
};

/** Type-checks the app and runs it. */
async function synthesize(project: NpmProject, app: string): Promise<Json> {
  project.write('shop.ts', EXAMPLE);
  project.write('main.ts', app);
  project.write('tsconfig.json', JSON.stringify(TSCONFIG));
  await project.node(join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '--project', '.');
  await project.node('out/main.js');
  return JSON.parse(readFileSync(project.file('cdktf.out', 'stacks', 'shop', 'cdk.tf.json'), 'utf8'));
}

/** Without what names the library's version and the folder. */
function comparable({ '//': _, ...json }: Json): Json {
  return { ...json, terraform: { ...json.terraform, backend: undefined } };
}

describe('the package', () => {
  let tarball: Tarball;
  let project: NpmProject;
  let alias: NpmProject | undefined;
  let withCdktf: Json;

  beforeAll(async () => {
    tarball = await pack(ROOT);
    project = new NpmProject({
      dependencies: { ...DEPENDENCIES, cdktf: '^0.21.0', 'cdktf-rds-iam-sidecar': tarball.path },
    });
    await project.install();
    withCdktf = await synthesize(project, main('cdktf'));
  }, TIMEOUT);

  afterAll(() => {
    for (const made of [tarball, project, alias]) made?.remove();
  });

  it('makes the stack of the README', () => {
    const [deployment] = Object.values<Json>(withCdktf.resource.kubernetes_deployment_v1);
    const { init_container, container } = deployment.spec.template.spec;
    expect(init_container.map(({ name }: Json) => name)).toEqual(['refresher', 'pgbouncer']);
    expect(container.map(({ name }: Json) => name)).toEqual(['app']);
    expect(withCdktf.terraform.required_providers.kubernetes.version).toBe('>= 3.0.0, < 4.0.0');
    expect(JSON.stringify(withCdktf.data)).toMatch(/:dbuser:db-ABCDEFGHIJKLMNOPQRSTUVWXYZ\/shop/);
  });

  it('ships the context of the image, and puts that alone into the output', () => {
    const [push] = Object.entries<Json>(withCdktf.resource.terraform_data)
      .filter(([name]) => name.includes('push'))
      .map(([, { provisioner }]) => provisioner[0]['local-exec'].environment);
    const context = project.file('cdktf.out', 'stacks', 'shop', push.CONTEXT);
    for (const file of ['Dockerfile', 'dist/refresher.js', 'dist/rds-ca-bundle.pem']) {
      expect(existsSync(join(context, file)), file).toBe(true);
    }
    expect(push.BUILD_ARGS).toBe(`VERSION=${JSON.parse(readFileSync('package.json', 'utf8')).version}`);
  });

  it('ships no sources and no tests', () => {
    const installed = project.file('node_modules', 'cdktf-rds-iam-sidecar');
    for (const path of [
      'modules',
      'stacks',
      'test',
      'demo',
      'sidecar-image/src',
      'sidecar-image/dist/meta.json',
    ]) {
      expect(existsSync(join(installed, path)), path).toBe(false);
    }
  });

  it('can be imported by name from an ES module', async () => {
    const script =
      "import { RdsTarget } from 'cdktf-rds-iam-sidecar'; console.log(typeof RdsTarget.fromAttributes)";
    expect(await project.node('--no-deprecation', '--input-type=module', '--eval', script)).toBe(
      'function\n',
    );
  });

  const missing = missingForTerraform('aws', 'kubernetes');
  if (missing !== undefined) reportNotRun("terraform validate of the README's stack", missing);
  it.skipIf(missing !== undefined)(
    'makes a stack that terraform validate accepts',
    async () => {
      const terraform = terraformIn(project.file('cdktf.out', 'stacks', 'shop'));
      await terraform.terraform('init', '-backend=false', '-input=false');
      const { stdout } = await terraform.terraform('validate', '-json');
      expect(JSON.parse(stdout)).toMatchObject({ valid: true, diagnostics: [] });
    },
    TIMEOUT,
  );

  // Both ways of docs/cdktn.md.
  it(
    'makes the same with cdktn in place of cdktf, as an alias',
    async () => {
      alias = new NpmProject({
        dependencies: { ...DEPENDENCIES, cdktf: 'npm:cdktn@^0.24.0', 'cdktf-rds-iam-sidecar': tarball.path },
        overrides: { cdktf: '$cdktf' },
      });
      await alias.install();
      const manifest = readFileSync(alias.file('node_modules', 'cdktf', 'package.json'), 'utf8');
      expect(JSON.parse(manifest).name).toBe('cdktn');
      expect(comparable(await synthesize(alias, main('cdktf')))).toEqual(comparable(withCdktf));
    },
    TIMEOUT,
  );

  it(
    'makes the same in a cdktn app that has cdktf beside it',
    async () => {
      await project.install('cdktn@^0.24.0');
      const app = main('cdktn', "import 'cdktf-rds-iam-sidecar/cdktn';");
      expect(comparable(await synthesize(project, app))).toEqual(comparable(withCdktf));
    },
    TIMEOUT,
  );
});
