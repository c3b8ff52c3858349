import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Construct } from 'constructs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Synthesized, synth } from './support/synth';

const ROOT = process.cwd();
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const FOLDER = join(ROOT, 'test', '.readme');

/** The README's example, on the sources of the package that it names. */
const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(README) ?? [];

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'example.ts'), example.replaceAll("'cdktf-rds-iam-sidecar'", "'../../modules'"));
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('the README', () => {
  it('has an example of under 30 lines', () => {
    expect(example.split('\n').length).toBeLessThanOrEqual(30);
    expect(example).toContain("from 'cdktf-rds-iam-sidecar'");
  });

  it('has an example that type-checks', () => {
    const config = join(FOLDER, 'tsconfig.json');
    writeFileSync(
      config,
      JSON.stringify({ extends: '../../tsconfig.json', include: ['example.ts'], exclude: [] }),
    );
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(execFileSync(process.execPath, [tsc, '--project', config], { encoding: 'utf8' })).toBe('');
  });

  it('has an example that synthesizes to the pod it draws', async () => {
    const { shop } = (await import(join(FOLDER, 'example.ts'))) as { shop: (scope: Construct) => unknown };
    const stack: Synthesized = synth(shop);
    const pod = stack.resource('kubernetes_deployment_v1').spec.template.spec;
    expect(pod.init_container.map(({ name }: { name: string }) => name)).toEqual(['refresher', 'pgbouncer']);
    expect(pod.container.map(({ name }: { name: string }) => name)).toEqual(['app']);
    const [statement] = stack
      .dataSources('aws_iam_policy_document')
      .flatMap(({ statement }) => statement)
      .filter(({ actions }: { actions: string[] }) => actions.includes('rds-db:connect'));
    expect(statement.resources).toHaveLength(1);
    expect(statement.resources[0]).toMatch(/:dbuser:db-ABCDEFGHIJKLMNOPQRSTUVWXYZ\/shop$/);
  });

  it('links to files that are there', () => {
    const documents = ['README.md', 'docs/cdktn.md', 'docs/refresher.md', 'docs/reliability.md'];
    for (const document of documents) {
      const text = readFileSync(join(ROOT, document), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        expect(existsSync(join(ROOT, dirname(document), target)), `${document} -> ${target}`).toBe(true);
      }
    }
  });

  it('names commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = [...README.matchAll(/npm (?:run )?(test:faults|test|build|synth|demo|format)\b/g)].map(
      ([, name]) => name,
    );
    expect(named.length).toBeGreaterThan(4);
    for (const name of named) expect(scripts).toHaveProperty([name as string]);
  });
});
