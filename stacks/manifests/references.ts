/** A synthesized `cdk.tf.json`, as far as it is read here. */
export interface TerraformJson {
  readonly resource?: Readonly<Record<string, Readonly<Record<string, Block>>>>;
}

export type Value = string | number | boolean | null | undefined | Block | readonly Value[];
export interface Block {
  readonly [name: string]: Value;
}

/** `${type.name.attribute[0].attribute}`, and not `$${`, which is text. */
const REFERENCE = /(?<!\$)\$\{((?:[\w-]+)(?:\.[\w-]+|\[\d+\])+)\}/g;

/**
 * Text with every reference replaced that another resource of the same file answers, such as the name of its
 * namespace. What only Terraform or a provider knows stays as it is.
 */
export function resolveReferences(
  text: string,
  terraform: TerraformJson,
  seen: readonly string[] = [],
): string {
  return text.replaceAll(REFERENCE, (whole, reference: string) => {
    if (seen.includes(reference)) return whole;
    const value = lookUp(reference, terraform);
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return typeof value === 'string' ? resolveReferences(value, terraform, [...seen, reference]) : whole;
  });
}

function lookUp(reference: string, terraform: TerraformJson): Value {
  let value: Value = terraform.resource as Block | undefined;
  for (const [part] of reference.matchAll(/[\w-]+/g)) value = step(value, part);
  return value;
}

function step(value: Value, part: string): Value {
  if (typeof value !== 'object' || value === null) return undefined;
  // A block that can be there once only stands in the JSON without the list around it.
  if (Array.isArray(value)) return (value as readonly Value[])[Number(part)];
  return part === '0' ? value : (value as Block)[part];
}
