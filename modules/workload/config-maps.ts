import { createHash } from 'node:crypto';
import { ConfigMapV1 } from '@cdktf/provider-kubernetes/lib/config-map-v1';
import { Fn } from 'cdktf';
import type { Construct } from 'constructs';
import { isUnresolved } from './unresolved';
import type { ConfigVolume } from './volume';

export interface ConfigMapOptions {
  /** The workload's name; a ConfigMap is named `<workload>-<volume>`. */
  readonly workload: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One ConfigMap a volume, by the volume's name. */
export function createConfigMaps(
  scope: Construct,
  volumes: readonly ConfigVolume[],
  { workload, namespace, labels }: ConfigMapOptions,
): Readonly<Record<string, ConfigMapV1>> {
  return Object.fromEntries(
    volumes.map(({ name, files }) => [
      name,
      new ConfigMapV1(scope, `config-${name}`, {
        metadata: { name: `${workload}-${name}`, namespace, labels: { ...labels } },
        data: Object.fromEntries(Object.entries(files).map(([file, text]) => [file, literal(text)])),
      }),
    ]),
  );
}

/** Terraform reads `${` and `%{` in a string as the start of a template; in a file they are two characters. */
function literal(text: string): string {
  return text.replaceAll(/\$\{(?!TfToken\[)/g, '$$${').replaceAll('%{', '%%{');
}

/**
 * Annotations that change with the content, so that a new configuration rolls the pods: the kubelet updates mounted
 * files, but nobody rereads them.
 */
export function checksumAnnotations(
  volumes: readonly ConfigVolume[],
  configMaps: Readonly<Record<string, ConfigMapV1>>,
): Record<string, string> {
  return Object.fromEntries(
    volumes.map(volume => [`checksum/${volume.name}`, checksum(volume, configMaps[volume.name])]),
  );
}

function checksum({ files }: ConfigVolume, configMap: ConfigMapV1 | undefined): string {
  const content = JSON.stringify(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  // Where Terraform knows the content and we don't, it has to compute the sum.
  return isUnresolved(content)
    ? Fn.sha256(Fn.jsonencode(configMap?.data))
    : createHash('sha256').update(content).digest('hex');
}
