import { apiName, type Field, type FieldType, fieldAt, TERRAFORM_ONLY } from './fields';
import { KINDS } from './kinds';
import { type Block, resolveReferences, type TerraformJson, type Value } from './references';

/** An object in the form that the Kubernetes API takes. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** A number that only Terraform knows. The object holds `PLACEHOLDER` in its place. */
export interface UnresolvedNumber {
  readonly path: readonly (string | number)[];
  readonly expression: string;
}

export interface Manifest {
  /** `type.name` of the resource. */
  readonly address: string;
  readonly object: ApiObject;
  readonly unresolvedNumbers: readonly UnresolvedNumber[];
}

/** Stands in for a number that only Terraform knows: in the API's range for ports, ids, seconds and counts alike. */
export const PLACEHOLDER = 1;

/**
 * Every Kubernetes object of a synthesized stack, in the form of the API. Text that only Terraform knows stays an
 * expression, `${...}`.
 *
 * @throws if there is a Kubernetes resource of a type that isn't known here, or one that can't be turned into an object
 */
export function toManifests(terraform: TerraformJson): Manifest[] {
  const resources = terraform.resource ?? {};
  const unknown = Object.keys(resources).find(type => type.startsWith('kubernetes_') && !(type in KINDS));
  if (unknown !== undefined) {
    const [name] = Object.keys(resources[unknown] ?? {});
    throw new Error(
      `"${unknown}.${name}" is of a type that has no form here: add it to KINDS, which has ${Object.keys(KINDS).join(', ')}`,
    );
  }
  return Object.keys(KINDS).flatMap(type =>
    Object.entries(resources[type] ?? {}).map(([name, block]) => toManifest(terraform, type, name, block)),
  );
}

function toManifest(terraform: TerraformJson, type: string, name: string, block: Block): Manifest {
  const address = `${type}.${name}`;
  const kind = KINDS[type];
  if (kind === undefined) throw new Error(`"${address}" is of a type that has no form here`);
  const unresolvedNumbers: UnresolvedNumber[] = [];
  const converter = new Converter(address, terraform, unresolvedNumbers);
  const own = Object.fromEntries(Object.entries(block).filter(([field]) => !TERRAFORM_ONLY.has(field)));
  return { address, object: { ...kind, ...converter.block(own, [type], []) }, unresolvedNumbers };
}

type ApiPath = readonly (string | number)[];

class Converter {
  constructor(
    private readonly address: string,
    private readonly terraform: TerraformJson,
    private readonly unresolvedNumbers: UnresolvedNumber[],
  ) {}

  block(block: Block, path: readonly string[], apiPath: ApiPath): Record<string, unknown> {
    const converted: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(block)) {
      if (value === null || value === undefined) continue;
      if (name === 'dynamic') {
        throw new Error(
          `"${this.address}" has a dynamic block, whose content only Terraform knows: write it out`,
        );
      }
      const here = [...path, name];
      const field = fieldAt(here);
      const blocks = blocksOf(value, field);
      const key = apiName(name, field, blocks !== undefined);
      const place = [...apiPath, key];
      const result =
        blocks === undefined
          ? this.value(value, field, here, place)
          : this.blocks(blocks, field, here, place);
      if (result !== undefined) converted[key] = result;
    }
    return converted;
  }

  private blocks(blocks: readonly Block[], field: Field, path: readonly string[], apiPath: ApiPath): unknown {
    if (!field.one) return blocks.map((block, index) => this.block(block, path, [...apiPath, index]));
    const [only, second] = blocks;
    if (second !== undefined) throw this.error(path, `has ${blocks.length} blocks, and the API takes one`);
    return only && this.block(only, path, apiPath);
  }

  private value(value: Value, { type }: Field, path: readonly string[], apiPath: ApiPath): unknown {
    if (Array.isArray(value)) return (value as readonly Value[]).map(part => this.text(part));
    if (typeof value !== 'object' || value === null) return this.scalar(value, type, path, apiPath);
    if (type !== 'map') return this.block(value as Block, path, apiPath);
    return Object.fromEntries(
      Object.entries(value as Block).map(([key, part]) => [this.text(key), this.text(part)]),
    );
  }

  private scalar(
    value: Value,
    type: FieldType | undefined,
    path: readonly string[],
    apiPath: ApiPath,
  ): unknown {
    const text = this.text(value);
    if (typeof text !== 'string' || type === undefined || type === 'map') return text;
    if (type === 'octal' && /^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
    if (type !== 'octal' && /^-?\d+$/.test(text)) return Number(text);
    if (type === 'int-or-string') return text;
    if (!text.includes('${')) throw this.error(path, `is "${text}", and the API takes a number`);
    this.unresolvedNumbers.push({ path: apiPath, expression: text });
    return PLACEHOLDER;
  }

  /** What the text says to Kubernetes: Terraform writes `${` as `$${`, and `%{` as `%%{`. */
  private text(value: Value): unknown {
    if (typeof value !== 'string') return value;
    return resolveReferences(value, this.terraform).replaceAll('$${', '${').replaceAll('%%{', '%{');
  }

  private error(path: readonly string[], problem: string): Error {
    return new Error(`${path.slice(1).join('.')} of "${this.address}" ${problem}`);
  }
}

/** The blocks of a list of them, also where a single one stands without the list. */
function blocksOf(value: Value, field: Field): readonly Block[] | undefined {
  const isBlock = (part: Value): part is Block =>
    typeof part === 'object' && part !== null && !Array.isArray(part);
  if (Array.isArray(value)) {
    const parts = value as readonly Value[];
    return parts.every(isBlock) && (parts.length > 0 || field.many !== undefined || field.one)
      ? (parts as readonly Block[])
      : undefined;
  }
  return field.many !== undefined && isBlock(value) ? [value] : undefined;
}
