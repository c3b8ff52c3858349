/**
 * The schemas of the Kubernetes API by minor version, strictly: a field that the API doesn't know is refused, as `kubectl`
 * does. They come with the pip package `kubernetes-validate`, made from the OpenAPI documents of each release.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import type { ApiObject } from '../../../stacks/manifests/convert';
import type { Json } from '../synth';
import { pythonPackage } from './python';

/** The first with native sidecars. */
const OLDEST_SUPPORTED_MINOR = 29;

const folder = ((): string | undefined => {
  const home = pythonPackage('kubernetes_validate');
  const schemas = home === undefined ? undefined : join(home, 'kubernetes-json-schema');
  return schemas !== undefined && existsSync(schemas) ? schemas : undefined;
})();

/** Why there are no schemas; nothing when there are. */
export const noSchemas =
  folder === undefined
    ? 'the pip package kubernetes-validate was not found: pip install kubernetes-validate'
    : undefined;

const minorsThere: readonly number[] = (folder === undefined ? [] : readdirSync(folder))
  .flatMap(name => /^v1\.(\d+)\.0-local-strict$/.exec(name)?.[1] ?? [])
  .map(Number)
  .sort((a, b) => a - b);

/** Every minor version that this module supports and whose schema is there, `1.29` first. */
export const SUPPORTED_VERSIONS: readonly string[] = minorsThere
  .filter(minor => minor >= OLDEST_SUPPORTED_MINOR)
  .map(minor => `1.${minor}`);

/** `#/$defs` of a version. */
export function definitions(version: string): Json {
  if (folder === undefined) throw new Error(noSchemas);
  const file = join(folder, `v${version}.0-local-strict`, '_definitions.json');
  return JSON.parse(readFileSync(file, 'utf8')).$defs;
}

/** Where the API describes a kind. */
export function definitionName({ apiVersion, kind }: Pick<ApiObject, 'apiVersion' | 'kind'>): string {
  const [version, group = 'core'] = apiVersion.split('/').reverse();
  return `io.k8s.api.${group.replace(/\..*/, '')}.${version}.${kind}`;
}

const validators = new Map<string, ValidateFunction>();

function validator(version: string, definition: string): ValidateFunction {
  const key = `${version} ${definition}`;
  const known = validators.get(key);
  if (known) return known;
  const $defs = definitions(version);
  if (!(definition in $defs)) throw new Error(`Kubernetes ${version} has no ${definition}`);
  // Formats such as int32 say nothing that the types don't.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const made = ajv.compile({ $defs, $ref: `#/$defs/${definition}` });
  validators.set(key, made);
  return made;
}

/** What is wrong with an object in the eyes of a version's schema: a line a problem, each with its place. */
export function schemaProblems(object: ApiObject, version: string): string[] {
  const validate = validator(version, definitionName(object));
  if (validate(object)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const field = params.additionalProperty === undefined ? '' : ` "${params.additionalProperty}"`;
    return `${instancePath.slice(1).replaceAll('/', '.') || 'object'} ${message}${field}`;
  });
}
