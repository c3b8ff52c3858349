/** Nothing that is synthesized holds a secret: neither what lies in the files, nor what Terraform would put into its state. */
import { describe, expect, it } from 'vitest';
import { STACKS } from '../examples/fixtures';
import type { Json } from '../support/synth';

const KINDS: Readonly<Record<string, RegExp>> = {
  'access key of AWS': /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  'secret key of AWS':
    /(?<![\w/+=])(?=[\w/+]*[a-z])(?=[\w/+]*[A-Z])(?=[\w/+]*\d)[A-Za-z0-9/+]{40}(?![\w/+=])/,
  'signed token': /X-Amz-(Signature|Credential|Security-Token)/i,
  'private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  'JSON web token': /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}/,
  'password in a URL': /\b[a-z][a-z0-9+]*:\/\/[^\s/:@"]*:[^\s/:@"$]+@/i,
};
/** Names of fields and variables whose value would be a secret. */
const SECRET_NAME = /(password|passwd|secret|token|api_?key|private_?key)$/i;
/** What such a name may hold: an expression, or where the secret is. */
const NO_SECRET = /^(\$\{.*\}|\/.*|true|false|)$/;
/** Resources and data sources that have a secret in the state. */
const SECRET_IN_STATE =
  /^(kubernetes_secret|kubernetes_token_request|aws_iam_access_key|aws_secretsmanager_secret_version|aws_ssm_parameter|aws_ecr_authorization_token|aws_eks_cluster_auth|aws_rds_.*password|random_password|tls_private_key)/;

function secretsIn(json: Json): string[] {
  const found: string[] = [];
  const types = [...Object.keys(json.resource ?? {}), ...Object.keys(json.data ?? {})];
  found.push(...types.filter(type => SECRET_IN_STATE.test(type)).map(type => `${type} in the state`));
  visit(json, [], (path, text) => {
    for (const [kind, pattern] of Object.entries(KINDS)) {
      if (pattern.test(text)) found.push(`${kind} at ${path.join('.')}`);
    }
    const name = path.at(-1) ?? '';
    if (SECRET_NAME.test(name) && !NO_SECRET.test(text)) found.push(`a value at ${path.join('.')}`);
  });
  return found;
}

/** Every text, also that within JSON within text. A variable's value is found under the variable's name. */
function visit(
  value: Json,
  path: readonly string[],
  see: (path: readonly string[], text: string) => void,
): void {
  if (typeof value === 'string') {
    see(path, value);
    if (/^\s*[{[]/.test(value)) visit(parsed(value), path, see);
  } else if (typeof value === 'object' && value !== null) {
    const { name, value: inner } = value;
    if (typeof name === 'string' && typeof inner === 'string') see([...path, name], inner);
    for (const [key, part] of Object.entries(value)) visit(part, [...path, key], see);
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    // With an expression of Terraform's in it, it need not be JSON yet.
    return undefined;
  }
}

it.each(STACKS)('%s holds no secret', (_, { json }) => {
  expect(secretsIn(json)).toEqual([]);
});

describe('the search finds', () => {
  const config = (data: string) => ({
    resource: { kubernetes_config_map_v1: { a: { data: { file: data } } } },
  });
  const env = (name: string, value: string) => ({ resource: { a: { env: [{ name, value }] } } });
  it.each<[string, Json]>([
    ['access key of AWS', config(`key = ${'AKIA'}IOSFODNN7EXAMPLE`)],
    ['secret key of AWS', config(['wJalrXUtnFEMI', 'K7MDENG', 'bPxRfiCYEXAMPLEKEY'].join('/'))],
    ['signed token', config('"app" "db:5432/?Action=connect&X-Amz-Signature=abc"')],
    ['private key', config('-----BEGIN RSA PRIVATE KEY-----')],
    ['password in a URL', env('DATABASE_URL', 'postgres://shop:hunter2@db/shop')],
    ['a value at', env('DB_PASSWORD', 'hunter2')],
    ['a value at', config('{"smtp": {"password": "hunter2"}}')],
    ['in the state', { resource: { kubernetes_secret_v1: { a: {} } } }],
    ['in the state', { data: { aws_eks_cluster_auth: { a: {} } } }],
  ])('a %s', (kind, json) => {
    expect(secretsIn(json).join()).toContain(kind);
  });
});
