/**
 * Compares the conversion of stacks/manifests with what it is about: every field that the provider's schema has for our
 * kinds must come out as a field of the API's schema, in the API's shape.
 */
import { describe, expect, it } from 'vitest';
import { apiName, FIELDS, fieldAt, TERRAFORM_ONLY } from '../../stacks/manifests/fields';
import { KINDS } from '../../stacks/manifests/kinds';
import { canRun } from '../support/kubernetes/needs';
import { definitionName, definitions, noSchemas, SUPPORTED_VERSIONS } from '../support/kubernetes/schemas';
import type { Json } from '../support/synth';
import { missingForTerraform, reportNotRun, terraformFolder } from '../support/terraform';

const noProvider = missingForTerraform('kubernetes');
const check = 'the fields of the manifests against the schema of the provider';
if (noProvider !== undefined) reportNotRun(check, noProvider);
const ready = noProvider === undefined && canRun(check, noSchemas);

async function providerSchemas(): Promise<Record<string, Json>> {
  const kubernetes = { source: 'kubernetes', version: '>= 3.0.0, < 4.0.0' };
  const folder = terraformFolder({ terraform: { required_providers: { kubernetes } } });
  await folder.terraform('init', '-input=false');
  const { stdout } = await folder.terraform('providers', 'schema', '-json');
  const schema = JSON.parse(stdout).provider_schemas['registry.terraform.io/hashicorp/kubernetes'];
  return schema.resource_schemas;
}

/** What the provider has and the API hasn't, as far as a pod may hold it: volumes of drivers that are long gone. */
const GONE = new Set([
  'ceph_monitors',
  'dataset_uuid',
  'endpoints_name',
  'local',
  'namespace',
  'rados_user',
  'rbd_image',
  'rbd_pool',
  'secret_namespace',
]);

class Comparison {
  readonly problems: string[] = [];
  readonly met = new Set<string>();
  compared = 0;

  constructor(private readonly $defs: Json) {}

  block(block: Json, type: Json, path: readonly string[]): void {
    const { properties = {} } = this.resolve(type);
    for (const [name, { type: written, computed, optional }] of Object.entries<Json>(
      block.attributes ?? {},
    )) {
      if (computed && !optional) continue;
      this.attribute(name, written, properties, [...path, name]);
    }
    for (const [name, { block: inner, max_items }] of Object.entries<Json>(block.block_types ?? {})) {
      if (path.length === 1 && TERRAFORM_ONLY.has(name)) continue;
      this.nested(name, inner, max_items !== 1, properties, [...path, name]);
    }
  }

  private attribute(name: string, written: Json, properties: Json, path: readonly string[]): void {
    if (path.length === 2 && TERRAFORM_ONLY.has(name)) return;
    const field = fieldAt(path);
    const property = this.property(properties, apiName(name, field, false), path);
    if (property === undefined) return;
    const types = this.types(property);
    const [outer, inner] = Array.isArray(written) ? written : [written, undefined];
    if (outer === 'list' || outer === 'set') {
      const items = types.join() === 'array' ? this.types(this.resolve(property).items) : [];
      const wanted = inner === 'number' ? 'integer' : inner;
      if (items.join() !== wanted)
        this.note(path, `is ${JSON.stringify(written)} and ${types.join()} to the API`);
      return;
    }
    const expected = ((): string[] => {
      if (outer === 'map') return field.type === 'map' ? ['object'] : ['?'];
      if (field.type === 'integer' || field.type === 'octal') return ['integer'];
      if (field.type === 'int-or-string') return ['string', 'integer'];
      if (outer === 'string') return ['string'];
      return outer === 'number' ? ['?'] : ['boolean'];
    })();
    // A quantity is text in all manifests of this world.
    const fits =
      expected.every(one => types.includes(one)) &&
      (types.length === expected.length || types.includes('number'));
    // A port of a Service, which the provider has as a number, may not be text.
    const portNumber = field.type === 'int-or-string' && outer === 'number' && types.join() === 'integer';
    if (!fits && !portNumber) this.note(path, `is ${JSON.stringify(written)} and ${types.join()} to the API`);
  }

  private nested(
    name: string,
    inner: Json,
    isList: boolean,
    properties: Json,
    path: readonly string[],
  ): void {
    const field = fieldAt(path);
    const many = isList && !field.one;
    const property = this.property(properties, apiName(name, field, isList), path);
    if (property === undefined) return;
    const resolved = this.resolve(property);
    const wantsMany = this.types(property).includes('array');
    if (many === wantsMany) this.block(inner, wantsMany ? resolved.items : property, path);
    else this.note(path, wantsMany ? 'is a list to the API' : 'is one to the API');
  }

  private property(properties: Json, name: string, path: readonly string[]): Json {
    this.compared += 1;
    this.met.add(path.join('.')).add(path.at(-1) ?? '');
    if (name in properties) return properties[name];
    if (!GONE.has(path.at(-1) ?? '')) this.note(path, `is no field of the API as ${name}`);
    return undefined;
  }

  private types(type: Json): string[] {
    const { type: one, oneOf } = this.resolve(type);
    const all: string[] = oneOf ? oneOf.flatMap((each: Json) => each.type) : [one].flat();
    return [...new Set(all)].filter(name => name !== 'null');
  }

  private resolve(type: Json): Json {
    return type.$ref ? this.resolve(this.$defs[type.$ref.replace('#/$defs/', '')]) : type;
  }

  private note(path: readonly string[], problem: string): void {
    this.problems.push(`${path.join('.')} ${problem}`);
  }
}

describe.skipIf(!ready)('the conversion', () => {
  it('gives every field of the provider the name and shape that the API wants', async () => {
    const schemas = await providerSchemas();
    const comparison = new Comparison(definitions(SUPPORTED_VERSIONS.at(-1) ?? ''));
    for (const [type, kind] of Object.entries(KINDS)) {
      comparison.block(schemas[type].block, { $ref: `#/$defs/${definitionName(kind)}` }, [type]);
    }
    expect(comparison.problems).toEqual([]);
    expect(comparison.compared).toBeGreaterThan(3000);
    // Nothing in the table is about a field that isn't there.
    expect(Object.keys(FIELDS).filter(name => !comparison.met.has(name))).toEqual([]);
  }, 120_000);
});
