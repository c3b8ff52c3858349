import { Document, isScalar } from 'yaml';
import type { Manifest } from './convert';

/**
 * The objects as one YAML stream, for `kubectl diff -f -` and other tools. A number that only Terraform knows has its
 * expression beside it as a comment.
 */
export function toYaml(manifests: readonly Manifest[], title?: string): string {
  return manifests.map(manifest => document(manifest, title)).join('');
}

function document({ address, object, unresolvedNumbers }: Manifest, title: string | undefined): string {
  // Kubernetes reads YAML 1.1, where `on` is a boolean and `0444` octal: such text needs quotes.
  const yaml = new Document(object, { version: '1.1', aliasDuplicateObjects: false });
  for (const { path, expression } of unresolvedNumbers) {
    const node = yaml.getIn(path, true);
    if (isScalar(node)) node.comment = ` ${expression}`;
  }
  const origin = title === undefined ? address : `${title}: ${address}`;
  return `---\n# ${origin}\n${yaml.toString({ lineWidth: 0, directives: false })}`;
}
