import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../support/process';
import { tempFolder } from '../support/temp';
import { example, PROJECT } from './fixtures';

/** A folder to synthesize in, as the project's is; the output goes there. */
function workFolder(): string {
  const path = tempFolder('synth');
  cpSync(join(PROJECT, 'cdktf.json'), join(path, 'cdktf.json'));
  writeFileSync(join(path, 'package.json'), '{}');
  symlinkSync(join(PROJECT, 'stacks'), join(path, 'stacks'));
  symlinkSync(join(PROJECT, 'node_modules'), join(path, 'node_modules'));
  return path;
}

/** Runs Node in a folder, with the environment of a person who has neither an account nor a cluster. */
function node(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return run(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, CI: 'true', CHECKPOINT_DISABLE: '1', ...env },
    timeout: 120_000,
  });
}

const synth = (cwd: string, env?: Readonly<Record<string, string>>) => node(cwd, ['stacks/synth.mjs'], env);
const output = (cwd: string, stack: string) =>
  readFileSync(join(cwd, 'cdktf.out', 'stacks', stack, 'cdk.tf.json'), 'utf8');

/** A folder of environment files within another. */
function environments(cwd: string, files: Readonly<Record<string, object>>) {
  const path = join(cwd, 'environments');
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(path, name), JSON.stringify(content));
  }
  return { SIDECAR_ENVIRONMENTS: path };
}

describe('npm run synth', () => {
  it('writes what `cdktf synth` writes, byte for byte', async () => {
    const [plain, withCli] = [workFolder(), workFolder()];
    const cli = join('node_modules', 'cdktf-cli', 'bundle', 'bin', 'cdktf');
    const [first, second] = await Promise.all([synth(plain), node(withCli, [cli, 'synth'])]);
    expect(first).toMatchObject({ code: 0, stderr: '', stdout: 'synthesized to cdktf.out/stacks\n' });
    expect({ code: second.code, output: second.stdout + second.stderr }).toMatchObject({ code: 0 });
    expect(output(withCli, 'example')).toBe(output(plain, 'example'));
  }, 120_000);

  it('writes nothing of the machine it runs on', async () => {
    const cwd = workFolder();
    await synth(cwd);
    const text = output(cwd, 'example');
    for (const mine of [cwd, PROJECT]) expect(text).not.toContain(mine);
  });

  it('writes a stack for every file of the folder it is told', async () => {
    const cwd = workFolder();
    const env = environments(cwd, { 'production.json': example(), 'test.json': example() });
    expect(await synth(cwd, env)).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(join(cwd, 'cdktf.out', 'stacks'))).toEqual(['production', 'test']);
    const tags = JSON.parse(output(cwd, 'production')).provider.aws[0].default_tags[0].tags;
    expect(tags.Environment).toBe('production');
  });

  it('names file and field of a mistake, and writes nothing', async () => {
    const cwd = workFolder();
    const env = environments(cwd, {
      'good.json': example(),
      'bad.json': { ...example(), app: { name: 'web' } },
    });
    expect(await synth(cwd, env)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'environments/bad.json: app.image: Invalid input: expected string, received undefined\n',
    });
    expect(existsSync(join(cwd, 'cdktf.out'))).toBe(false);
  });

  it('names the file of a mistake that only a construct can see, and writes no stack', async () => {
    const cwd = workFolder();
    const [database] = example().databases;
    const databases = [{ ...database, resourceId: 'orders' }];
    const env = environments(cwd, { 'a.json': example(), 'b.json': { ...example(), databases } });
    const { code, stdout, stderr } = await synth(cwd, env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'environments/b.json: "orders" is not a resource id: pass the one like db-ABCDEFGHIJKL01234, cluster-... or prx-..., not the identifier of the instance or cluster\n',
    );
    expect(readdirSync(join(cwd, 'cdktf.out', 'stacks'))).toEqual([]);
  });

  it('shows the warnings that the CLI would show', async () => {
    const cwd = workFolder();
    const [database] = example().databases;
    const databases = [{ ...database, host: 'db.example.com', region: 'eu-central-1' }];
    const env = environments(cwd, { 'a.json': { ...example(), databases } });
    expect((await synth(cwd, env)).stderr).toMatch(
      /^warn: a\/orders: host "db\.example\.com" is not a name that RDS gives out: .*\n$/,
    );
  });
});

describe('imports', () => {
  /** Loads an entry point as the app is loaded, in a process of its own, and lists the files that came with it. */
  async function loaded(entry: string): Promise<string[]> {
    const script = `
      import { createRequire } from 'node:module';
      import { runTypeScript } from ${JSON.stringify(join(PROJECT, 'stacks', 'bundle.mjs'))};
      process.noDeprecation = true;
      await runTypeScript(${JSON.stringify(entry)});
      console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`;
    const { stdout, stderr } = await node(PROJECT, ['--input-type=module', '--eval', script]);
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  }
  const ofProviders = (files: readonly string[]) => files.filter(file => file.includes('/@cdktf/provider-'));

  it.each([
    // A barrel loads 2,200 files, and takes 5 to 10 seconds and 1.2 to 2 GB for it.
    ['../modules/index.ts', 40],
    ['../modules/database/rds-target.ts', 6],
    ['sidecar-stack.ts', 60],
  ])('of %s are deep', async (entry, most) => {
    const files = ofProviders(await loaded(entry));
    expect(files.filter(file => /provider-\w+\/lib\/index\.js$/.test(file))).toEqual([]);
    expect(files.length).toBeGreaterThan(0);
    expect(files.length).toBeLessThanOrEqual(most);
  });
});
