import type { Json } from '../synth';

/**
 * The part of a synthesized stack that needs no cluster: without the Kubernetes provider, its resources, and the outputs
 * that name one. The state lies beside it.
 */
export function awsHalf(json: Json): Json {
  const half = structuredClone(json);
  for (const kind of ['resource', 'data'] as const) {
    for (const type of Object.keys(half[kind] ?? {})) {
      if (type.startsWith('kubernetes_')) delete half[kind][type];
    }
    // Terraform refuses an empty block.
    if (Object.keys(half[kind] ?? {}).length === 0) delete half[kind];
  }
  delete half.provider.kubernetes;
  delete half.terraform.required_providers.kubernetes;
  half.terraform.backend = { local: { path: 'terraform.tfstate' } };
  for (const [name, output] of Object.entries(half.output ?? {})) {
    if (/\$\{[^}]*kubernetes_/.test(JSON.stringify(output))) delete half.output[name];
  }
  return half;
}
