import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PUSH_SCRIPT } from '../../../modules/image/push-script';
import { binFolder, SCRIPT_TOOLS } from '../../support/bin-folder';
import { run } from '../../support/process';
import { tempFolder } from '../../support/temp';

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
if [ "$name" = aws ]; then
  printf 'profile %s key %s\\n' "$AWS_PROFILE" "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN" |
    sed 's/ *$//' >>"$CALLS.keys"
fi
case "$name $1 $2" in
  'docker buildx build') printf '%s' "$DOCKER_CONFIG" >"$CALLS.config"
    ls "$DOCKER_CONFIG" >"$CALLS.linked"
    cat "$DOCKER_CONFIG/config.json" >"$CALLS.json" 2>/dev/null || exit 0
    printf 'the registry' | docker-credential-push-image get >"$CALLS.login"
    grep -r 'the password' "$(dirname "$DOCKER_CONFIG")" >"$CALLS.written" ;;
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
    /** Prepares the folder that the script runs in. */
    readonly before?: (folder: string) => void;
  }) {
    const folder = tempFolder('push');
    const home = join(folder, 'home');
    for (const path of ['tmp', 'home/.docker/cli-plugins', 'assets/x']) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    const stubs = (options.commands ?? ['docker', 'aws']).map(command => [command, STUB]);
    const calls = join(folder, 'calls');
    writeFileSync(calls, '');
    writeFileSync(join(folder, 'answers'), [...(options.answers ?? []), ''].join('\n'));
    options.before?.(folder);
    const finished = await run('/bin/sh', ['-c', PUSH_SCRIPT], {
      cwd: folder,
      env: {
        PATH: binFolder(SCRIPT_TOOLS, Object.fromEntries(stubs)),
        HOME: home,
        TMPDIR: join(folder, 'tmp'),
        CALLS: calls,
        ANSWERS: join(folder, 'answers'),
        STEP: 'push',
        IMAGE: `${ECR}/acme/refresher:context-1`,
        CONTEXT: 'assets/x',
        ASSUME_ROLE_ARN: '',
        PLATFORMS: 'linux/amd64,linux/arm64',
        BUILD_ARGS: '',
        ...options.environment,
      },
    });
    const read = (suffix: string) => readFileSync(`${calls}${suffix}`, 'utf8');
    return {
      ...finished,
      folder,
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
      'docker <buildx> <version>',
      'aws <ecr> <get-login-password> <--region> <eu-central-1>',
      'docker <context> <show>',
      'docker <buildx> <inspect>',
      `docker <buildx> <build> <--platform> <linux/amd64,linux/arm64> <--push> <--tag> <${ECR}/acme/refresher:context-1> <--build-arg> <A= 1\\n 2 > <--build-arg> <B=$HOME \`x\` "'*> <assets/x>`,
    ]);
  });

  it('hands docker the login when it asks, and writes it to no disk', async () => {
    const pushed = await push({ answers: [MISSING, PASSWORD] });
    expect(JSON.parse(pushed.read('.json'))).toEqual({ credHelpers: { [ECR]: 'push-image' } });
    expect(JSON.parse(pushed.read('.login'))).toEqual({
      ServerURL: 'the registry',
      Username: 'AWS',
      Secret: 'the password',
    });
    expect(pushed.read('.written')).toBe('');
    expect(pushed.read('')).not.toContain('the password');
    expect(pushed.stdout + pushed.stderr).not.toContain('the password');
    expect(pushed.read('.config')).not.toContain('.docker');
    expect(pushed.read('.linked').trim().split('\n')).toEqual(['cli-plugins', 'config.json']);
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
      'docker <buildx> <version>',
      'docker <manifest> <inspect> <ghcr.io/acme/refresher:context-1>',
      'docker <buildx> <build> <--platform> <linux/amd64> <--push> <--tag> <ghcr.io/acme/refresher:context-1> <assets/x>',
    ]);
  });

  it('does nothing when another registry has the tag', async () => {
    const pushed = await push({ environment: { IMAGE: 'ghcr.io/acme/refresher:context-1' } });
    expect(pushed.code).toBe(0);
    expect(pushed.calls).toHaveLength(3);
  });

  it('goes as the role that it is told, with the keys of that alone', async () => {
    const pushed = await push({
      answers: ['aws sts assume-role*|0|AKID\tSECRET\tTOKEN', MISSING, PASSWORD],
      environment: { ASSUME_ROLE_ARN: 'arn:aws:iam::111122223333:role/deployer', AWS_PROFILE: 'shop' },
    });
    expect(pushed.code).toBe(0);
    expect(pushed.calls[0]).toMatch(
      /^aws <sts> <assume-role> <--region> <eu-central-1> <--role-arn> <arn:aws:iam::111122223333:role\/deployer> /,
    );
    const [asked = '', ...then] = pushed.read('.keys').trimEnd().split('\n');
    expect(asked).toBe('profile shop key');
    expect(new Set(then)).toEqual(new Set(['profile  key AKID SECRET TOKEN']));
    expect(pushed.stdout + pushed.stderr + pushed.read('')).not.toMatch(/SECRET|TOKEN/);
  });

  it('makes files and folders readable, whatever the umask of synth was', async () => {
    const { folder, code } = await push({
      answers: [MISSING, PASSWORD],
      before: path => {
        writeFileSync(join(path, 'assets/x/plain'), '', { mode: 0o600 });
        writeFileSync(join(path, 'assets/x/run'), '', { mode: 0o700 });
        mkdirSync(join(path, 'assets/x/sub'), { mode: 0o700 });
      },
    });
    expect(code).toBe(0);
    const mode = (name: string) => (statSync(join(folder, 'assets/x', name)).mode & 0o777).toString(8);
    expect(['plain', 'run', 'sub'].map(mode)).toEqual(['644', '755', '755']);
  });

  describe('as a check before anything else', () => {
    const check = (options: Parameters<typeof push>[0] = {}) =>
      push({ ...options, environment: { STEP: 'check', CONTEXT: '', ...options.environment } });

    it('looks for all it needs, and changes nothing', async () => {
      const { code, calls } = await check({ answers: [MISSING] });
      expect(code).toBe(0);
      expect(calls).toEqual([
        expect.stringContaining('<describe-images>'),
        'docker <version>',
        'docker <buildx> <version>',
      ]);
    });

    it('needs no Docker where ECR has the tag', async () => {
      expect((await check({ commands: ['aws'] })).code).toBe(0);
    });

    it('looks for Docker where the repository is not known yet', async () => {
      const environment = { IMAGE: '' };
      expect((await check({ commands: ['docker'], environment })).code).toBe(0);
      const { code, stderr } = await check({ commands: [], environment });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr:
          'cannot provide the image: docker was not found; install it, or push the image elsewhere and use SidecarImage.fromRepository\n',
      });
    });

    it('stops before a registry of another kind is written to', async () => {
      const { code, calls } = await check({
        answers: ['docker manifest inspect*|1|'],
        environment: { IMAGE: 'ghcr.io/acme/refresher:context-1' },
      });
      expect(code).toBe(0);
      expect(calls.at(-1)).toBe('docker <manifest> <inspect> <ghcr.io/acme/refresher:context-1>');
    });
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
      'without the right to assume the role',
      {
        answers: ['aws sts assume-role*|254|'],
        environment: { ASSUME_ROLE_ARN: 'arn:aws:iam::111122223333:role/deployer' },
      },
      'the role arn:aws:iam::111122223333:role/deployer could not be assumed; check the AWS credentials of the shell that applies',
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
