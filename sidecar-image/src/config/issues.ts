/** Problems of a configuration in words: zod knows what was wrong, a person wants to know what to do. */
import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
};

const list = (values: readonly unknown[]) => values.map(value => JSON.stringify(value)).join(', ');
const oneOf = (values: readonly unknown[]) => `must be ${values.length > 1 ? 'one of ' : ''}${list(values)}`;

/** What is quoted is cut when long: nothing in a configuration is secret, but what is pasted by mistake may be. */
const cut = (text: string) => (text.length > 40 ? `${text.slice(0, 20)}…` : text);

function advice(issue: Issue): string {
  // Zod's own messages begin with a capital; the schema's are written for people already.
  if (!/^[A-Z]/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${NOUNS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options) ? oneOf(issue.options) : issue.message;
    case 'unrecognized_keys':
      return `unknown field ${issue.keys.map(key => JSON.stringify(cut(key))).join(', ')}: correct its name or remove it`;
    default:
      return issue.message;
  }
}

/** The value that an issue is about, if it says more than the issue does. */
function received({ code, path }: Issue, input: unknown): string {
  let value = input;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  if (value === undefined) {
    // Missing where a default holds: then the value is not the problem.
    return code === 'invalid_type' || code === 'invalid_union' ? ' (it is missing)' : '';
  }
  if (value === null) return ' (received null)';
  if (typeof value === 'object') {
    if (code !== 'invalid_type') return '';
    return Array.isArray(value) ? ' (received a list)' : ' (received an object)';
  }
  return ` (received ${cut(JSON.stringify(value))})`;
}

/** One line a problem: where it is, what to do, and what was there. */
export function describeIssues(error: z.ZodError, input: unknown): string[] {
  return error.issues.map(
    issue => `${issue.path.join('.') || 'config'}: ${advice(issue)}${received(issue, input)}`,
  );
}
