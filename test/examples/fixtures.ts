import { EXAMPLES } from '../../stacks/examples/app';
import { type Manifest, toManifests } from '../../stacks/manifests/convert';
import { synthEnvironment, VARIANTS } from '../stacks/fixtures';
import { type Json, type Synthesized, synthStack, testStack } from '../support/synth';

export const EXAMPLE_NAMES = Object.keys(EXAMPLES);

/** Synthesizes an example in an app of its own. */
export function synthExample(name: string): Synthesized {
  const Example = EXAMPLES[name];
  if (Example === undefined) throw new Error(`there is no example "${name}"`);
  return synthStack(new Example(testStack().node.root, name));
}

/** Everything that the project synthesizes: the examples, and the environments of the stack's tests. */
export const STACKS: readonly (readonly [name: string, stack: Synthesized])[] = [
  ...EXAMPLE_NAMES.map(name => [name, synthExample(name)] as const),
  ...Object.entries(VARIANTS).map(
    ([name, change]) => [`environment: ${name}`, synthEnvironment(change)] as const,
  ),
];

export function manifestsOf({ json }: Synthesized): Manifest[] {
  return toManifests(json);
}

/** The pod template of a stack's only Deployment, in the API's own form. */
export function podOf(stack: Synthesized): Json {
  const objects: Json[] = manifestsOf(stack).map(({ object }) => object);
  const deployments = objects.filter(({ kind }) => kind === 'Deployment');
  if (deployments.length !== 1) throw new Error(`expected one Deployment, found ${deployments.length}`);
  return deployments[0].spec.template;
}
