import { readFileSync } from 'node:fs';
import type * as z from 'zod';
import { RefresherError } from '../errors';
import {
  CONFIG_VARIABLE,
  configFromEnvironment,
  ownVariables,
  unknownVariables,
  variableFor,
} from './environment';
import { describeIssues, type RefresherConfig, refresherConfigSchema } from './schema';

type Environment = Readonly<Record<string, string | undefined>>;

function refuse(problems: string[], source: string): never {
  throw new RefresherError('config', `invalid configuration in ${source}: ${problems.join('; ')}`);
}

function readConfigFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new RefresherError('config', `can't read the file that ${CONFIG_VARIABLE} names`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the file, and a wrong path may name a file with a token in it.
    return refuse([`${CONFIG_VARIABLE} must name a JSON file, and this is not JSON`], `"${path}"`);
  }
}

function issuesByVariable(error: z.ZodError, input: unknown): string[] {
  const described = describeIssues(error, input);
  return error.issues.map((issue, index) => {
    const variable = variableFor(issue.path);
    const text = described[index] ?? '';
    return variable === undefined ? text : text.replace(/^[^:]+/, variable);
  });
}

/** The configuration of this process. Throws kind `config`, naming everything that is wrong at once. */
export function loadConfig(env: Environment): RefresherConfig {
  const unknown = unknownVariables(env);
  if (unknown.length > 0) refuse([`unknown variable ${unknown.join(', ')}`], 'the environment');

  const path = env[CONFIG_VARIABLE];
  if (path !== undefined && path !== '') {
    const others = ownVariables(env).filter(name => name !== CONFIG_VARIABLE);
    if (others.length > 0) {
      refuse(
        [`${others.join(', ')} can't be combined with ${CONFIG_VARIABLE}: put it in the file`],
        'the environment',
      );
    }
    const input = readConfigFile(path);
    const parsed = refresherConfigSchema.safeParse(input);
    return parsed.success ? parsed.data : refuse(describeIssues(parsed.error, input), `"${path}"`);
  }

  const input = configFromEnvironment(env);
  const parsed = refresherConfigSchema.safeParse(input);
  return parsed.success ? parsed.data : refuse(issuesByVariable(parsed.error, input), 'the environment');
}
