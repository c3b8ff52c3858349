import { requireDnsLabel, requireLabelValue } from './names';

export interface LabelOptions {
  readonly name: string;
  readonly instance?: string;
  readonly component?: string;
  readonly partOf?: string;
  readonly managedBy?: string;
  readonly extra?: Readonly<Record<string, string>>;
}

export interface WorkloadLabels {
  /** On every object. */
  readonly all: Readonly<Record<string, string>>;
  /** What selects the pods. A Deployment's selector can't be changed later, so it holds nothing that may. */
  readonly selector: Readonly<Record<string, string>>;
}

const PREFIX = 'app.kubernetes.io';

/** Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export function workloadLabels(options: LabelOptions): WorkloadLabels {
  requireDnsLabel('name', options.name);
  const selector = {
    [`${PREFIX}/name`]: options.name,
    [`${PREFIX}/instance`]: options.instance ?? options.name,
  };
  const all = {
    ...options.extra,
    ...selector,
    ...(options.component !== undefined && { [`${PREFIX}/component`]: options.component }),
    ...(options.partOf !== undefined && { [`${PREFIX}/part-of`]: options.partOf }),
    [`${PREFIX}/managed-by`]: options.managedBy ?? 'terraform',
  };
  for (const [key, value] of Object.entries(all)) requireLabelValue(`label ${key}`, value);
  return { all, selector };
}
