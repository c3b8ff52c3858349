import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { type Environment, environmentSchema } from './config';

/** A validated environment file. */
export interface NamedEnvironment {
  /** The file's name without `.json`, which is the name of the stack. */
  readonly name: string;
  /** For errors: the file as seen from the working directory. */
  readonly file: string;
  readonly config: Environment;
}

/** Whose message is all that a person needs: no stack trace belongs to it. */
export class InvalidEnvironment extends Error {
  override readonly name = 'InvalidEnvironment';
}

/**
 * Reads every `*.json` of a folder, in the order of their names.
 *
 * @throws InvalidEnvironment with every problem of every file, each with its file and field
 */
export function loadEnvironments(directory: string): NamedEnvironment[] {
  const files = listFiles(directory);
  const problems: string[] = [];
  const environments: NamedEnvironment[] = [];
  for (const path of files) {
    const file = relative(process.cwd(), path);
    const name = basename(path, '.json');
    const { config, issues } = readEnvironment(path);
    if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
      issues.push(`the file's name "${name}" is the name of its stack: use a-z, 0-9 and "-"`);
    }
    problems.push(...issues.map(issue => `${file}: ${issue}`));
    if (config !== undefined) environments.push({ name, file, config });
  }
  if (problems.length > 0) throw new InvalidEnvironment(problems.join('\n'));
  return environments;
}

function listFiles(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    throw new InvalidEnvironment(
      `${directory}: can't be read: name a folder with environment files in SIDECAR_ENVIRONMENTS`,
      { cause: error },
    );
  }
  const files = names.filter(name => name.endsWith('.json')).sort();
  if (files.length === 0) {
    throw new InvalidEnvironment(`${directory}: holds no environment: add a file such as production.json`);
  }
  return files.map(name => join(directory, name));
}

function readEnvironment(path: string): { config?: Environment; issues: string[] } {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { issues: [`is not JSON: ${error instanceof Error ? error.message : error}`] };
  }
  const { success, data, error } = environmentSchema.safeParse(json);
  if (success) return { config: data, issues: [] };
  return { issues: error.issues.map(issue => `${issue.path.join('.') || 'file'}: ${issue.message}`) };
}
