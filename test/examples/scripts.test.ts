/** The scripts as a person runs them. */
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { toManifests } from '../../stacks/manifests/convert';
import { PROJECT, synthEnvironment } from '../stacks/fixtures';
import { run } from '../support/process';
import { tempFolder } from '../support/temp';
import { EXAMPLE_NAMES, synthExample } from './fixtures';

function workFolder(): string {
  const path = tempFolder('examples');
  writeFileSync(join(path, 'package.json'), '{}');
  for (const name of ['stacks', 'modules', 'sidecar-image', 'node_modules']) {
    symlinkSync(join(PROJECT, name), join(path, name));
  }
  return path;
}

function node(cwd: string, ...args: string[]) {
  const env = { PATH: process.env.PATH, HOME: cwd, CHECKPOINT_DISABLE: '1' };
  return run(process.execPath, args, { cwd, env, timeout: 60_000 });
}

describe('npm run synth:examples', () => {
  it('writes every example, as it is alone', async () => {
    const cwd = workFolder();
    const { code, stdout, stderr } = await node(cwd, 'stacks/synth.mjs', 'examples');
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'synthesized to cdktf.out/examples/stacks\n',
      stderr: '',
    });
    const stacks = join(cwd, 'cdktf.out', 'examples', 'stacks');
    expect(readdirSync(stacks).sort()).toEqual([...EXAMPLE_NAMES].sort());
    for (const name of EXAMPLE_NAMES) {
      // The paths of the constructs, which synthesis for a test leaves out.
      const { resource } = JSON.parse(
        readFileSync(join(stacks, name, 'cdk.tf.json'), 'utf8'),
        (key, value) => (key === '//' ? undefined : value),
      );
      expect(resource).toEqual(synthExample(name).json.resource);
    }
  });

  it('refuses another name', async () => {
    const { code, stderr } = await node(workFolder(), 'stacks/synth.mjs', 'demo');
    expect(code).toBe(1);
    expect(stderr).toBe('"demo" is no app: pass "examples", or nothing for the environments\n');
  });
});

describe('npm run manifests', () => {
  const parse = (yaml: string) =>
    parseAllDocuments(yaml, { version: '1.1' }).map(document => {
      expect(document.errors).toEqual([]);
      return document.toJS();
    });

  it('prints the objects of every environment, and leaves nothing behind', async () => {
    const cwd = workFolder();
    const { code, stdout, stderr } = await node(cwd, 'stacks/manifests.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const expected = toManifests(synthEnvironment().json).map(({ object }) => object);
    expect(parse(stdout)).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(existsSync(join(cwd, 'cdktf.out'))).toBe(false);
  });

  it('prints those of the examples that are named', async () => {
    const args = ['--examples', 'rds-proxy', 'mysql-option-file'];
    const { code, stdout } = await node(workFolder(), 'stacks/manifests.mjs', ...args);
    expect(code).toBe(0);
    const named = ['rds-proxy', 'mysql-option-file'].flatMap(name => toManifests(synthExample(name).json));
    expect(parse(stdout)).toEqual(named.map(({ object }) => JSON.parse(JSON.stringify(object))));
  });

  it('names what there is when there is no such stack', async () => {
    const { code, stdout, stderr } = await node(workFolder(), 'stacks/manifests.mjs', 'production');
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'there is no stack "production": name example\n',
    });
  });
});
