import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { EnvironmentInput } from '../../stacks/config';
import { run } from '../../test/support/process';
import { SynthesizedStack } from '../pod/terraform';

/** The committed example, in the project. */
export const EXAMPLE = 'stacks/environments/example.json';

export interface SynthesizeOptions {
  /** Folder of the project. */
  readonly project: string;
  /** Folder for what is read and written. */
  readonly folder: string;
}

/**
 * Synthesizes the stack of an environment, as `npm run synth` does.
 *
 * @throws if the stack refuses it; the error says what the stack said
 */
export async function synthesize(
  environment: EnvironmentInput,
  { project, folder }: SynthesizeOptions,
): Promise<SynthesizedStack> {
  const environments = join(folder, 'environments');
  const output = join(folder, 'cdktf.out');
  mkdirSync(environments);
  writeFileSync(join(environments, basename(EXAMPLE)), JSON.stringify(environment, null, 2));
  const env = {
    ...process.env,
    SIDECAR_ENVIRONMENTS: environments,
    CDKTF_OUTDIR: output,
    CHECKPOINT_DISABLE: '1',
  };
  const { code, stdout, stderr } = await run(process.execPath, [join(project, 'stacks/synth.mjs')], {
    env,
    cwd: project,
  });
  if (code !== 0) throw new Error(`the stack could not be synthesized:\n${(stdout + stderr).trimEnd()}`);
  const stack = basename(EXAMPLE, '.json');
  return new SynthesizedStack(readFileSync(join(output, 'stacks', stack, 'cdk.tf.json'), 'utf8'));
}
