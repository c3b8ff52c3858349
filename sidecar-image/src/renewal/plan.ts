import type { OutputConfig, RefresherConfig, TargetConfig } from '../config/schema';

/** A file and the targets with an entry in it, in the order of the configuration. */
export interface FilePlan {
  readonly path: string;
  readonly mode: number;
  readonly entries: readonly { readonly target: TargetConfig; readonly output: OutputConfig }[];
}

/** Targets tied together by the files they share, and those files. */
export interface GroupPlan {
  readonly targets: readonly TargetConfig[];
  readonly files: readonly FilePlan[];
}

const MODES = { owner: 0o600, group: 0o640 } as const;

/** Sorts targets into groups that share no file with one another. Pure. */
export function planGroups(config: RefresherConfig): GroupPlan[] {
  const groups: {
    targets: TargetConfig[];
    files: Map<string, FilePlan & { entries: FilePlan['entries'][number][] }>;
  }[] = [];
  for (const target of config.targets) {
    const paths = target.outputs.map(({ path }) => path);
    const touched = groups.filter(({ files }) => paths.some(path => files.has(path)));
    const group = { targets: [] as TargetConfig[], files: new Map() } as (typeof groups)[number];
    // The new target may tie groups together that had nothing in common so far.
    for (const other of touched) {
      group.targets.push(...other.targets);
      for (const [path, file] of other.files) group.files.set(path, file);
      groups.splice(groups.indexOf(other), 1);
    }
    group.targets.push(target);
    for (const output of target.outputs) {
      const file = group.files.get(output.path) ?? {
        path: output.path,
        mode: MODES[output.access],
        entries: [],
      };
      file.entries.push({ target, output });
      group.files.set(output.path, file);
    }
    groups.push(group);
  }
  return groups.map(({ targets, files }) => ({ targets, files: [...files.values()] }));
}
