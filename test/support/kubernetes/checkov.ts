/** checkov, the policy scanner, on what was synthesized. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { findCommand, run } from '../process';
import type { Json } from '../synth';
import { removeFolder, tempFolder } from '../temp';

const command = findCommand(['checkov']);

/** Why checkov can't run; nothing when it can. */
export const noCheckov =
  command === undefined ? 'checkov was not found in PATH: pip install checkov' : undefined;

export interface Finding {
  readonly check: string;
  readonly stack: string;
  readonly about: string;
}

export interface Scan {
  readonly passed: number;
  /** What checkov looked at, in words of its own: `terraform_json`, `kubernetes`. */
  readonly frameworks: readonly string[];
  readonly parsingErrors: number;
  readonly findings: readonly Finding[];
}

/** Files to scan by the name of their stack. */
export type Files = Readonly<Record<string, { readonly terraform?: Json; readonly yaml?: string }>>;

/** Scans all files in one run: checkov takes seconds to start. */
export async function checkov(files: Files): Promise<Scan> {
  if (command === undefined) throw new Error(noCheckov);
  const names = Object.keys(files);
  const folder = tempFolder('checkov');
  try {
    names.forEach((name, index) => {
      const path = join(folder, String(index));
      mkdirSync(path);
      const { terraform, yaml } = files[name] ?? {};
      if (terraform !== undefined)
        writeFileSync(join(path, 'cdk.tf.json'), JSON.stringify(readable(terraform), null, 2));
      if (yaml !== undefined) writeFileSync(join(path, 'manifests.yaml'), yaml);
    });
    const frameworks = ['terraform_json', 'kubernetes', 'secrets'];
    const args = ['--directory', folder, '--framework', ...frameworks, '--skip-download', '--output', 'json'];
    const { stdout, stderr } = await run(command, args, { cwd: folder, timeout: 120_000 });
    return read(stdout, stderr, index => names[index] ?? '');
  } finally {
    removeFolder(folder);
  }
}

/** checkov 3.3 gives up on a file whose `terraform` block holds text such as `required_version`, and then finds nothing. */
function readable({ terraform: _, '//': __, ...rest }: Json): Json {
  return rest;
}

function read(stdout: string, stderr: string, stackAt: (index: number) => string): Scan {
  let reports: Json[];
  try {
    reports = [JSON.parse(stdout)].flat();
  } catch (error) {
    throw new Error(`checkov gave no report:\n${stdout}${stderr}`, { cause: error });
  }
  const sum = (of: (report: Json) => number) => reports.reduce((total, report) => total + of(report), 0);
  return {
    passed: sum(({ summary }) => summary.passed),
    parsingErrors: sum(({ summary }) => summary.parsing_errors),
    frameworks: reports.map(({ check_type }) => check_type),
    findings: reports.flatMap(({ results }) =>
      results.failed_checks.map(({ check_id, check_name, resource, file_path }: Json) => ({
        check: check_id,
        stack: stackAt(Number(/(\d+)\/[^/]+$/.exec(file_path)?.[1])),
        about: `${check_name}: ${resource}`,
      })),
    ),
  };
}

export interface Exception {
  readonly check: string;
  readonly reason: string;
  /** Names of stacks; one may end in `*`. @default - all */
  readonly stacks?: readonly string[];
}

export function readExceptions(file: string): readonly Exception[] {
  return parse(readFileSync(file, 'utf8')).exceptions;
}

export function excepts({ check, stacks = ['*'] }: Exception, finding: Finding): boolean {
  const covers = (name: string) =>
    name.endsWith('*') ? finding.stack.startsWith(name.slice(0, -1)) : finding.stack === name;
  return check === finding.check && stacks.some(covers);
}
