/** The real Terraform, for tests that ask it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finished, findCommand, run } from './process';
import type { Json } from './synth';
import { tempFolder } from './temp';

/** Path of the `terraform` command, where there is one. */
export const terraformCommand = findCommand(['terraform']);

/**
 * A Terraform CLI configuration that offers providers offline: the one that `TF_CLI_CONFIG_FILE` names, or one for the
 * folder that `TERRAFORM_PLUGIN_DIR` names, laid out as for `terraform init -plugin-dir`. Tests download no provider:
 * the AWS one alone is 700 MB.
 */
const providerMirror = ((): string | undefined => {
  const { TF_CLI_CONFIG_FILE: file, TERRAFORM_PLUGIN_DIR: folder } = process.env;
  if (file !== undefined && existsSync(file)) return file;
  if (folder === undefined || !existsSync(folder)) return undefined;
  const written = join(tempFolder('terraform'), 'terraformrc');
  writeFileSync(
    written,
    `provider_installation {\n  filesystem_mirror { path = ${JSON.stringify(folder)} }\n}\n`,
  );
  return written;
})();

/** Why tests that ask Terraform with these providers of HashiCorp's can't be run; `undefined` where they can. */
export function missingForTerraform(...providers: readonly string[]): string | undefined {
  if (terraformCommand === undefined) return 'terraform was not found in PATH';
  if (providers.length === 0) return undefined;
  if (providerMirror === undefined) {
    return 'neither TF_CLI_CONFIG_FILE nor TERRAFORM_PLUGIN_DIR names something that offers the providers';
  }
  const [, mirror] =
    /filesystem_mirror\s*\{[^}]*path\s*=\s*"([^"]+)"/.exec(readFileSync(providerMirror, 'utf8')) ?? [];
  // A network mirror, say: init tells.
  if (mirror === undefined) return undefined;
  const missing = providers.filter(
    name => !existsSync(join(mirror, 'registry.terraform.io', 'hashicorp', name)),
  );
  return missing.length === 0 ? undefined : `${mirror} holds no provider ${missing.join(', ')}`;
}

/** Says in the test's output, where it can't be overlooked, that a check was not made. */
export function reportNotRun(check: string, reason: string): void {
  process.stderr.write(`\nNOT RUN: ${check}: ${reason}\n`);
}

export interface TerraformFolder {
  readonly path: string;
  /** Runs `terraform <args>` there; throws with its output when it fails. */
  terraform(...args: string[]): Promise<Finished>;
  /** As `terraform`; a failure is no error. */
  tryTerraform(...args: string[]): Promise<Finished>;
  /** The outputs of the applied configuration by name. */
  outputs(): Promise<Record<string, Json>>;
  /**
   * What an apply would do to each resource, by address: `create`, `update`, `delete create`, `read`. Empty without
   * changes.
   */
  plan(): Promise<Record<string, string>>;
}

/** A folder of its own with a configuration, without network access to any registry or cloud. */
export function terraformFolder(json: Json, env: Readonly<Record<string, string>> = {}): TerraformFolder {
  const path = tempFolder('terraform');
  writeFileSync(join(path, 'cdk.tf.json'), JSON.stringify(json));
  return terraformIn(path, env);
}

/** Terraform in a folder that holds a configuration. */
export function terraformIn(path: string, extra: Readonly<Record<string, string>> = {}): TerraformFolder {
  if (terraformCommand === undefined) throw new Error('terraform was not found in PATH');
  const command = terraformCommand;
  const { TF_CLI_CONFIG_FILE: _, ...inherited } = process.env;
  const env = {
    ...inherited,
    ...(providerMirror === undefined ? {} : { TF_CLI_CONFIG_FILE: providerMirror }),
    AWS_EC2_METADATA_DISABLED: 'true',
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
    TF_CLI_ARGS: '-no-color',
    ...extra,
  };
  const tryTerraform = (...args: string[]) => run(command, args, { cwd: path, env, timeout: 240_000 });
  const terraform = async (...args: string[]) => {
    const done = await tryTerraform(...args);
    if (done.code !== 0) throw new Error(`terraform ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`);
    return done;
  };
  return {
    path,
    terraform,
    tryTerraform,
    async outputs() {
      const { stdout } = await terraform('output', '-json');
      const outputs = JSON.parse(stdout) as Record<string, { value: Json }>;
      return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
    },
    async plan() {
      const { code, stdout, stderr } = await tryTerraform(
        'plan',
        '-input=false',
        '-detailed-exitcode',
        '-out=plan',
      );
      if (code !== 0 && code !== 2) throw new Error(`terraform plan failed:\n${stdout}${stderr}`);
      if (code === 0) return {};
      const { resource_changes: changes } = JSON.parse((await terraform('show', '-json', 'plan')).stdout);
      const planned = (changes as Json[]).map(({ address, change }) => [address, change.actions.join(' ')]);
      return Object.fromEntries(planned.filter(([, actions]) => actions !== 'no-op'));
    },
  };
}
