import type { TerraformResource } from 'cdktf';

/** The first provider whose containers have a `restart_policy`, up to the next release that may break. */
const PROVIDER_VERSION = '>= 3.0.0, < 4.0.0';

/**
 * Makes init containers of a pod template native sidecars.
 *
 * The bindings were generated from provider 2.38, which doesn't know `restart_policy`; 3.0 and later do. So the field is
 * written past the bindings, and the stack asks for a provider that has it. A version that the stack itself asked for
 * is left alone.
 *
 * @param templatePath path of the pod template in the resource: `spec.template`, in a CronJob `spec.job_template.spec.template`
 */
export function runAsNativeSidecars(
  resource: TerraformResource,
  initContainerIndexes: readonly number[],
  templatePath = 'spec.template',
): void {
  if (initContainerIndexes.length === 0) return;
  for (const index of initContainerIndexes) {
    resource.addOverride(`${templatePath}.spec.init_container.${index}.restart_policy`, 'Always');
  }

  const stack = resource.cdktfStack;
  if (chosenVersion(stack) === undefined) {
    stack.addOverride('terraform.required_providers.kubernetes.version', PROVIDER_VERSION);
  }

  resource.node.addValidation({
    validate: () =>
      writesHcl()
        ? [
            'native sidecars can\'t be written as HCL, because `cdktf synth --hcl` drops overrides without a word: synthesize JSON, or use the lifecycle "classic"',
          ]
        : [],
  });
}

/** Overrides of a stack are readable only through a private field; without it, ours are written and theirs still win later. */
function chosenVersion(stack: object): unknown {
  const { rawOverrides } = stack as {
    rawOverrides?: { terraform?: { required_providers?: { kubernetes?: { version?: unknown } } } };
  };
  return rawOverrides?.terraform?.required_providers?.kubernetes?.version;
}

/** What the CLI sets for `--hcl`. */
function writesHcl(): boolean {
  return ['true', '1'].includes(process.env.SYNTH_HCL_OUTPUT ?? '');
}
