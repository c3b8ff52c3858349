import { readFileSync } from 'node:fs';
import { Testing } from 'cdktf';
import { SynthesizedStack } from '../../../demo/pod/terraform';
import { demoEnvironment } from '../../../demo/run/environment';
import { EXAMPLE } from '../../../demo/run/synthesize';
import { type EnvironmentInput, environmentSchema } from '../../../stacks/config';
import { SidecarStack } from '../../../stacks/sidecar-stack';

export function example(): EnvironmentInput {
  return JSON.parse(readFileSync(EXAMPLE, 'utf8')) as EnvironmentInput;
}

/** The example as the demo synthesizes it. */
export function synthesizeDemo(overrides: Partial<EnvironmentInput> = {}): SynthesizedStack {
  const environment = demoEnvironment(
    { ...example(), ...overrides },
    { databaseHost: 'localhost', databasePort: 54321, pgbouncerVersion: '1.18.0' },
  );
  const stack = new SidecarStack(Testing.app(), 'example', environmentSchema.parse(environment));
  return new SynthesizedStack(Testing.synth(stack));
}
