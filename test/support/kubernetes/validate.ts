import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../synth';
import { terraformFolder } from '../terraform';

/**
 * What `terraform validate` says of several configurations, by their names. They are modules of one configuration, because
 * what takes the time is to load the providers' schemas.
 */
export async function validateAll(
  configurations: Readonly<Record<string, Json>>,
): Promise<Record<string, Json[]>> {
  const names = Object.keys(configurations);
  const folder = terraformFolder({
    module: Object.fromEntries(names.map(name => [name, { source: `./${name}` }])),
  });
  for (const name of names) {
    mkdirSync(join(folder.path, name));
    const { terraform, ...rest } = configurations[name];
    // A module has no backend of its own.
    const { backend: _, ...requirements } = terraform;
    const json = { ...rest, terraform: requirements };
    writeFileSync(join(folder.path, name, 'cdk.tf.json'), JSON.stringify(json));
  }
  await folder.terraform('init', '-input=false');
  const { diagnostics } = JSON.parse((await folder.terraform('validate', '-json')).stdout);
  const of = (name: string) =>
    diagnostics.filter(({ range }: Json) => range === undefined || range.filename.split('/')[0] === name);
  return Object.fromEntries(names.map(name => [name, of(name)]));
}
