/** Prints the Kubernetes objects of the stacks as YAML. Run by `manifests.mjs`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { App, AppConfig } from 'cdktf';
import { environmentApp, report, showAnnotations } from '../app';
import { InvalidEnvironment } from '../environments';
import { examplesApp } from '../examples/app';
import { toManifests } from './convert';
import type { TerraformJson } from './references';
import { toYaml } from './yaml';

report(() => {
  const { values, positionals } = commandLine();
  const stacks = synthesize(values.examples ? examplesApp : environmentApp);
  const unknown = positionals.find(name => !stacks.has(name));
  if (unknown !== undefined) {
    throw new InvalidEnvironment(`there is no stack "${unknown}": name ${[...stacks.keys()].join(', ')}`);
  }
  const wanted = positionals.length === 0 ? [...stacks.keys()] : positionals;
  const yaml = wanted.map(name => toYaml(toManifests(stacks.get(name) ?? {}), name));
  process.stdout.write(yaml.join(''));
});

function commandLine() {
  try {
    return parseArgs({
      args: process.argv.slice(2),
      options: { examples: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new InvalidEnvironment(`${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** Leaves no output: `npm run synth` is for that. */
function synthesize(create: (config: AppConfig) => App): ReadonlyMap<string, TerraformJson> {
  const outdir = mkdtempSync(join(tmpdir(), 'manifests-'));
  try {
    const app = create({ outdir });
    app.synth();
    showAnnotations(app);
    return new Map(
      Object.values(app.manifest.stacks).map(({ name, synthesizedStackPath }) => [
        name,
        JSON.parse(readFileSync(join(outdir, synthesizedStackPath), 'utf8')) as TerraformJson,
      ]),
    );
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
