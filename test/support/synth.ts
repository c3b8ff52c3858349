/** Synthesizes constructs for a test and reads the Terraform JSON back. */
import { TerraformStack, Testing } from 'cdktf';
import type { Construct, IConstruct } from 'constructs';
import { tempFolder } from './temp';

// biome-ignore lint/suspicious/noExplicitAny: Terraform JSON has no type, and a test says what it expects of it.
export type Json = any;

export interface Synthesized {
  /** The whole `cdk.tf.json`. */
  readonly json: Json;
  /** The configuration of every resource of a type, in the order of their logical names. */
  resources(type: string): Json[];
  /** The configuration of the only resource of a type; throws when there is none, or more than one. */
  resource(type: string): Json;
  /** As `resources`, for data sources. */
  dataSources(type: string): Json[];
  /** As `resource`, for data sources. */
  dataSource(type: string): Json;
  output(name: string): Json;
  /** Warnings left on the construct tree. */
  readonly warnings: readonly string[];
}

function only(kind: string, type: string, found: readonly Json[]): Json {
  if (found.length !== 1) throw new Error(`expected one ${kind} "${type}", found ${found.length}`);
  return found[0];
}

function read(json: Json, warnings: readonly string[]): Synthesized {
  const all = (kind: 'resource' | 'data', type: string): Json[] => Object.values(json[kind]?.[type] ?? {});
  return {
    json,
    warnings,
    resources: type => all('resource', type),
    resource: type => only('resource', type, all('resource', type)),
    dataSources: type => all('data', type),
    dataSource: type => only('data source', type, all('data', type)),
    output: name => json.output?.[name]?.value,
  };
}

/** Everything below a construct that was annotated with a warning. */
export function warningsOf(scope: IConstruct): string[] {
  return scope.node
    .findAll()
    .flatMap(construct => construct.node.metadata)
    .filter(entry => entry.type === '@cdktf/warn')
    .map(entry => String(entry.data));
}

/** One for all: cdktf makes a folder a test app otherwise, and never removes it. */
const outdir = tempFolder('cdktf');

/** An empty stack, typed as what the constructs accept. */
export function testStack(id = 'test'): TerraformStack {
  return new TerraformStack(Testing.app({ outdir }), id);
}

/**
 * Builds constructs in an empty stack and synthesizes it. No provider is configured: add one where a test needs it.
 */
export function synth(build: (scope: Construct) => void): Synthesized {
  const stack = testStack();
  build(stack);
  return synthStack(stack);
}

export function synthStack(stack: TerraformStack): Synthesized {
  return read(JSON.parse(Testing.synth(stack)), warningsOf(stack));
}
