import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidEnvironment, loadEnvironments } from '../../stacks/environments';
import { tempFolder } from '../support/temp';
import { example, PROJECT } from './fixtures';

function folder(files: Readonly<Record<string, unknown>>): string {
  const path = tempFolder('environments');
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return path;
}

function problems(directory: string): string {
  try {
    loadEnvironments(directory);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidEnvironment);
    return (error as Error).message;
  }
  return '';
}

describe('loadEnvironments', () => {
  it('reads every file, in the order of their names, with its defaults', () => {
    const path = folder({ 'b.json': example(), 'a-1.json': example(), 'notes.txt': 'not one' });
    const loaded = loadEnvironments(path);
    expect(loaded.map(({ name }) => name)).toEqual(['a-1', 'b']);
    expect(loaded[0]?.config.app.replicas).toBe(2);
  });

  it('reads the committed example', () => {
    expect(loadEnvironments(join(PROJECT, 'stacks', 'environments')).map(({ name }) => name)).toEqual([
      'example',
    ]);
  });

  it('names every problem of every file, with its field', () => {
    const path = folder({
      'a.json': { ...example(), namespace: {}, aws: { region: 'x' } },
      'b.json': '{ "aws": ',
      'C.json': example(),
      'd.json': example(),
    });
    const file = (name: string) => relative(process.cwd(), join(path, name));
    const lines = problems(path).split('\n');
    expect(lines).toEqual([
      `${file('C.json')}: the file's name "C" is the name of its stack: use a-z, 0-9 and "-"`,
      `${file('a.json')}: aws.region: must be an AWS Region such as eu-central-1`,
      `${file('a.json')}: namespace.name: Invalid input: expected string, received undefined`,
      expect.stringContaining(`${file('b.json')}: is not JSON: `),
    ]);
  });

  it('refuses a folder that is not there, or empty', () => {
    const path = folder({ 'notes.txt': '' });
    expect(problems(path)).toBe(`${path}: holds no environment: add a file such as production.json`);
    const none = join(path, 'none');
    expect(problems(none)).toBe(
      `${none}: can't be read: name a folder with environment files in SIDECAR_ENVIRONMENTS`,
    );
    mkdirSync(none);
    expect(problems(none)).toContain('holds no environment');
  });
});
