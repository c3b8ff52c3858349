import { Aspects, DataResource, dependable, TerraformResource, TerraformStack } from 'cdktf';
import type { Construct, IConstruct } from 'constructs';
import { scriptStep } from './script-step';

export interface PreflightProps {
  /** Runs where Terraform does; fails where the work ahead can't be done. */
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The check is made anew when this changes. */
  readonly trigger: string;
}

/**
 * A check of the machine that applies, made before any resource below `scope` is created or changed.
 *
 * Terraform runs no program while it plans, short of a provider made for that. So the check is the first step of the
 * apply, and the other resources are told to wait for it. Data sources aren't: they change nothing, and one that
 * waits is read during the apply, which makes a plan say less.
 */
export function preflight(scope: Construct, at: Construct, props: PreflightProps): DataResource {
  const check = new DataResource(at, 'check', {
    triggersReplace: { for: props.trigger },
    provisioners: [scriptStep(props.script, props.environment)],
  });
  const stack = TerraformStack.of(check);
  const first = dependable(check);
  Aspects.of(scope).add({
    visit(node: IConstruct) {
      if (node === check || !TerraformResource.isTerraformResource(node)) return;
      if (TerraformStack.of(node) === stack) waitFor(node, first);
    },
  });
  return check;
}

function waitFor(resource: TerraformResource, first: string): void {
  const { dependsOn = [] } = resource;
  // Aspects run at every synth, and a test may have several.
  if (!dependsOn.includes(first)) resource.dependsOn = [...dependsOn, first];
}
