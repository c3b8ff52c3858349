/** The real Terraform, for tests that ask it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finished, findCommand, run } from './process';
import type { Json } from './synth';
import { tempFolder } from './temp';

/** Path of the `terraform` command, where there is one. */
export const terraformCommand = findCommand(['terraform']);

/**
 * A Terraform CLI configuration that offers the providers offline, as `TF_CLI_CONFIG_FILE` names it. Tests download
 * no provider: the AWS one alone is 700 MB.
 */
export const providerMirror = ((): string | undefined => {
  const file = process.env.TF_CLI_CONFIG_FILE;
  return file !== undefined && existsSync(file) ? file : undefined;
})();

/** Says in the test's output, where it can't be overlooked, that a check was not made. */
export function reportNotRun(check: string, reason: string): void {
  process.stderr.write(`\nNOT RUN: ${check}: ${reason}\n`);
}

export interface TerraformFolder {
  readonly path: string;
  /** Runs `terraform <args>` there; throws with its output when it fails. */
  terraform(...args: string[]): Promise<Finished>;
  /** The outputs of the applied configuration by name. */
  outputs(): Promise<Record<string, Json>>;
}

/** A folder of its own with a configuration, without network access to any registry or cloud. */
export function terraformFolder(json: Json): TerraformFolder {
  if (terraformCommand === undefined) throw new Error('terraform was not found in PATH');
  const command = terraformCommand;
  const path = tempFolder('terraform');
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'cdk.tf.json'), JSON.stringify(json));
  const { TF_CLI_CONFIG_FILE: _, ...inherited } = process.env;
  const env = {
    ...inherited,
    ...(providerMirror === undefined ? {} : { TF_CLI_CONFIG_FILE: providerMirror }),
    AWS_EC2_METADATA_DISABLED: 'true',
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
  };
  const terraform = async (...args: string[]) => {
    const done = await run(command, args, { cwd: path, env, timeout: 240_000 });
    if (done.code !== 0) throw new Error(`terraform ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`);
    return done;
  };
  return {
    path,
    terraform,
    async outputs() {
      const { stdout } = await terraform('output', '-json');
      const outputs = JSON.parse(stdout) as Record<string, { value: Json }>;
      return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
    },
  };
}
