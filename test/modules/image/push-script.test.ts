import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUSH_SCRIPT } from '../../../modules/image/push-script';
import { SidecarImage } from '../../../modules/image/sidecar-image';
import { SidecarRepository } from '../../../modules/image/sidecar-repository';
import { freePort } from '../../support/free-port';
import { findCommand, RunningProcess, run } from '../../support/process';
import { synthStack, testStack } from '../../support/synth';
import { tempFolder } from '../../support/temp';
import { reportNotRun, terraformCommand, terraformFolder } from '../../support/terraform';

it('holds neither of the two openings of a Terraform template', () => {
  expect(PUSH_SCRIPT).not.toMatch(/[$%]\{/);
});

describe('what it does', () => {
  const ECR = '111122223333.dkr.ecr.eu-central-1.amazonaws.com';
  /** Commands that write down how they were called; their answers come from the test. */
  const STUB = `#!/bin/sh
name=$(basename "$0")
printf '%s' "$name" >>"$CALLS"
for argument in "$@"; do printf ' <%s>' "$argument" >>"$CALLS"; done
printf '\\n' >>"$CALLS"
case "$name $1 $2" in
  'docker login '*) cat >>"$CALLS.password"; printf '%s' "$DOCKER_CONFIG" >"$CALLS.config"
    ls "$DOCKER_CONFIG" >"$CALLS.linked"; printf secret >"$DOCKER_CONFIG/config.json" ;;
esac
line=$(printf '%s' "$name $*")
while IFS='|' read -r pattern status output; do
  case "$line" in $pattern) printf '%s\\n' "$output"; exit "$status" ;; esac
done <"$ANSWERS"
exit 0
`;

  /** Runs the script with these commands in its PATH; the first answer that fits a call is given. */
  async function push(options: {
    readonly commands?: readonly string[];
    /** `pattern|exit status|output` a line; a call without an answer succeeds silently. */
    readonly answers?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
  }) {
    const folder = tempFolder('push');
    const bin = join(folder, 'bin');
    const home = join(folder, 'home');
    for (const path of [bin, join(folder, 'tmp'), join(home, '.docker', 'cli-plugins')]) {
      mkdirSync(path, { recursive: true });
    }
    for (const tool of [
      'sh',
      'basename',
      'cat',
      'cut',
      'grep',
      'ln',
      'ls',
      'mkdir',
      'mktemp',
      'printenv',
      'rm',
    ]) {
      writeFileSync(join(bin, tool), `#!/bin/sh\nexec ${findCommand([tool])} "$@"\n`, { mode: 0o755 });
    }
    for (const command of options.commands ?? ['docker', 'aws']) {
      writeFileSync(join(bin, command), STUB, { mode: 0o755 });
    }
    const calls = join(folder, 'calls');
    writeFileSync(calls, '');
    writeFileSync(join(folder, 'answers'), [...(options.answers ?? []), ''].join('\n'));
    const finished = await run('/bin/sh', ['-c', PUSH_SCRIPT], {
      env: {
        PATH: bin,
        HOME: home,
        TMPDIR: join(folder, 'tmp'),
        CALLS: calls,
        ANSWERS: join(folder, 'answers'),
        IMAGE: `${ECR}/acme/refresher:context-1`,
        CONTEXT: 'assets/x',
        PLATFORMS: 'linux/amd64,linux/arm64',
        BUILD_ARGS: '',
        ...options.environment,
      },
    });
    const read = (suffix: string) => readFileSync(`${calls}${suffix}`, 'utf8');
    return {
      ...finished,
      read,
      calls: read('').trimEnd().split('\n'),
      leftovers: readdirSync(join(folder, 'tmp')),
      home: readdirSync(join(home, '.docker')),
    };
  }

  const MISSING = 'aws ecr describe-images*|254|ImageNotFoundException';
  const PASSWORD = 'aws ecr get-login-password*|0|the password';

  it('builds all platforms and pushes them to ECR', async () => {
    const pushed = await push({
      answers: [MISSING, PASSWORD],
      environment: { BUILD_ARGS: 'A= 1\\n 2 \nB=$HOME `x` "\'*' },
    });
    expect(pushed.stderr).toBe('');
    expect(pushed.code).toBe(0);
    expect(pushed.calls).toEqual([
      'aws <ecr> <describe-images> <--region> <eu-central-1> <--registry-id> <111122223333> <--repository-name> <acme/refresher> <--image-ids> <imageTag=context-1>',
      'docker <version>',
      'docker <context> <show>',
      'aws <ecr> <get-login-password> <--region> <eu-central-1>',
      `docker <login> <--username> <AWS> <--password-stdin> <${ECR}>`,
      'docker <buildx> <version>',
      'docker <buildx> <inspect>',
      `docker <buildx> <build> <--platform> <linux/amd64,linux/arm64> <--push> <--tag> <${ECR}/acme/refresher:context-1> <--build-arg> <A= 1\\n 2 > <--build-arg> <B=$HOME \`x\` "'*> <assets/x>`,
    ]);
  });

  it('leaves no login behind, and passes the password by standard input alone', async () => {
    const pushed = await push({ answers: [MISSING, PASSWORD] });
    expect(pushed.read('.password')).toBe('the password');
    expect(pushed.read('')).not.toContain('the password');
    expect(pushed.stdout + pushed.stderr).not.toContain('the password');
    expect(pushed.read('.config')).not.toContain('.docker');
    expect(pushed.read('.linked').trim()).toBe('cli-plugins');
    expect(pushed.leftovers).toEqual([]);
    expect(pushed.home).toEqual(['cli-plugins']);
  });

  it('leaves nothing behind when it fails, either', async () => {
    const pushed = await push({ answers: [MISSING, PASSWORD, 'docker buildx build*|1|'] });
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toBe(
      `cannot provide ${ECR}/acme/refresher:context-1: docker buildx build failed\n`,
    );
    expect(pushed.leftovers).toEqual([]);
    expect(pushed.home).toEqual(['cli-plugins']);
  });

  it('does nothing when ECR has the tag, even without Docker', async () => {
    const pushed = await push({ commands: ['aws'] });
    expect(pushed.code).toBe(0);
    expect(pushed.stdout).toBe(`${ECR}/acme/refresher:context-1 is in the registry already\n`);
    expect(pushed.calls).toHaveLength(1);
  });

  it('pushes to another registry with the login of the caller', async () => {
    const pushed = await push({
      commands: ['docker'],
      answers: ['docker manifest inspect*|1|no such manifest'],
      environment: { IMAGE: 'ghcr.io/acme/refresher:context-1', PLATFORMS: 'linux/amd64' },
    });
    expect(pushed.code).toBe(0);
    expect(pushed.calls).toEqual([
      'docker <version>',
      'docker <manifest> <inspect> <ghcr.io/acme/refresher:context-1>',
      'docker <buildx> <version>',
      'docker <buildx> <build> <--platform> <linux/amd64> <--push> <--tag> <ghcr.io/acme/refresher:context-1> <assets/x>',
    ]);
  });

  it('does nothing when another registry has the tag', async () => {
    const pushed = await push({ environment: { IMAGE: 'ghcr.io/acme/refresher:context-1' } });
    expect(pushed.code).toBe(0);
    expect(pushed.calls).toHaveLength(2);
  });

  it('makes a builder for several platforms where the default one cannot, and removes it', async () => {
    const answers = [
      MISSING,
      PASSWORD,
      'docker buildx inspect|0|Driver:          docker',
      'docker info*|0|[[Backing Filesystem extfs]]',
      'docker buildx create*|0|made-for-this',
    ];
    const pushed = await push({ answers });
    expect(pushed.code).toBe(0);
    expect(pushed.calls.slice(-3)).toEqual([
      'docker <buildx> <create> <--driver> <docker-container>',
      expect.stringContaining('<--builder> <made-for-this> <assets/x>'),
      'docker <buildx> <rm> <made-for-this>',
    ]);
    const containerd = '[[driver-type io.containerd.snapshotter.v1]]';
    const other = await push({
      answers: [MISSING, PASSWORD, answers[2] ?? '', `docker info*|0|${containerd}`],
    });
    expect(other.code).toBe(0);
    expect(other.read('')).not.toContain('<create>');
  });

  it('goes without buildx for the one platform of the daemon', async () => {
    const pushed = await push({
      answers: [MISSING, PASSWORD, 'docker buildx*|1|', 'docker version --format*|0|linux/amd64'],
      environment: { PLATFORMS: 'linux/amd64' },
    });
    expect(pushed.code).toBe(0);
    expect(pushed.calls.slice(-2)).toEqual([
      `docker <build> <--pull> <--tag> <${ECR}/acme/refresher:context-1> <assets/x>`,
      `docker <push> <${ECR}/acme/refresher:context-1>`,
    ]);
  });

  const NO_BUILDX = ['docker buildx*|1|', 'docker version --format*|0|linux/amd64'];
  it.each<[string, Parameters<typeof push>[0], string]>([
    [
      'without Docker',
      { commands: ['aws'], answers: [MISSING] },
      'docker was not found; install it, or push the image elsewhere and use SidecarImage.fromRepository',
    ],
    [
      'without a daemon',
      { answers: [MISSING, 'docker version|1|'] },
      'docker is installed but its daemon does not answer; start it, or set DOCKER_HOST',
    ],
    [
      'without the AWS CLI',
      { commands: ['docker'] },
      'the AWS CLI was not found, and the login to ECR needs it; install it',
    ],
    [
      'without AWS credentials',
      { answers: [MISSING, 'aws ecr get-login-password*|253|'] },
      'aws ecr get-login-password failed; check the AWS credentials of the shell that applies',
    ],
    [
      'without buildx, several platforms',
      { answers: [MISSING, PASSWORD, ...NO_BUILDX] },
      'docker buildx was not found, and docker alone builds for linux/amd64, not linux/amd64,linux/arm64; install buildx',
    ],
    [
      'without buildx, a platform that is not the daemon’s',
      { answers: [MISSING, PASSWORD, ...NO_BUILDX], environment: { PLATFORMS: 'linux/arm64' } },
      'docker buildx was not found, and docker alone builds for linux/amd64, not linux/arm64; install buildx',
    ],
    [
      'without a builder',
      {
        answers: [MISSING, PASSWORD, 'docker buildx inspect|0|Driver: docker', 'docker buildx create*|1|'],
      },
      'no builder for several platforms could be made; make one with docker buildx create --use',
    ],
  ])('says what is missing: %s', async (_, options, message) => {
    const pushed = await push(options);
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toContain(`cannot provide ${ECR}/acme/refresher:context-1: ${message}\n`);
  });
});

const registryCommand = findCommand(['docker-registry', 'registry']);
const dockerDaemon = findCommand(['docker']) !== undefined && (await run('docker', ['version'])).code === 0;
const missing = [
  ...(dockerDaemon ? [] : ['a Docker daemon']),
  ...(registryCommand ? [] : ['docker-registry']),
  ...(terraformCommand ? [] : ['terraform']),
];
if (missing.length > 0) reportNotRun('pushing an image by terraform apply', `no ${missing.join(', no ')}`);

describe.runIf(missing.length === 0)('terraform apply', () => {
  let registry: RunningProcess;
  let port: number;
  let platform: string;
  const images: string[] = [];

  beforeAll(async () => {
    port = await freePort();
    const folder = tempFolder('registry');
    writeFileSync(
      join(folder, 'config.yml'),
      `version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}/data}}
http: {addr: 127.0.0.1:${port}}
`,
    );
    registry = await RunningProcess.start(registryCommand ?? '', ['serve', join(folder, 'config.yml')]);
    await registry.waitForOutput(/listening on/);
    const version = await run('docker', ['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']);
    platform = version.stdout.trim();
  });

  afterAll(async () => {
    if (images.length > 0) await run('docker', ['rmi', ...images]);
    await registry?.stop();
  });

  const tagsInRegistry = () =>
    new Promise<unknown>((resolve, reject) => {
      get(`http://127.0.0.1:${port}/v2/acme/refresher/tags/list`, response => {
        let text = '';
        response.setEncoding('utf8').on('data', part => {
          text += part;
        });
        response.on('end', () => resolve(JSON.parse(text)));
      }).on('error', reject);
    });

  it('builds and pushes once for each content', async () => {
    const directory = tempFolder('context');
    writeFileSync(join(directory, 'Dockerfile'), 'FROM scratch\nARG NAME\nLABEL name=$NAME\nCOPY file /\n');
    writeFileSync(join(directory, 'file'), `${port}`);

    const stack = testStack();
    const { uri } = SidecarImage.fromDirectory(stack, 'Image', {
      directory,
      repository: SidecarRepository.fromRepositoryUrl(`127.0.0.1:${port}/acme/refresher`),
      platforms: [platform],
      buildArgs: { NAME: 'it\'s "quoted" $HOME' },
    });
    images.push(uri);
    const { json } = synthStack(stack);
    // The context, where a real synth would copy it.
    json.resource.terraform_data = Object.fromEntries(
      Object.entries<typeof json>(json.resource.terraform_data).map(([name, resource]) => {
        resource.provisioner[0]['local-exec'].environment.CONTEXT = directory;
        return [name, resource];
      }),
    );

    const first = terraformFolder(json);
    await first.terraform('init', '-input=false');
    const applied = await first.terraform('apply', '-auto-approve', '-input=false');
    expect(applied.stdout).toContain('Apply complete! Resources: 1 added');
    expect(await tagsInRegistry()).toEqual({ name: 'acme/refresher', tags: [uri.split(':').at(-1)] });
    const label = await run('docker', ['inspect', '--format', '{{.Config.Labels.name}}', uri]);
    expect(label.stdout.trim()).toBe('it\'s "quoted" $HOME');

    // Another machine, or a lost state: the image is there, and so is left alone.
    const second = terraformFolder(json);
    await second.terraform('init', '-input=false');
    expect((await second.terraform('apply', '-auto-approve', '-input=false')).stdout).toContain(
      `${uri} is in the registry already`,
    );
    expect((await second.terraform('plan', '-input=false')).stdout).toContain('No changes.');
  }, 120_000);
});
