import {
  describeIssues,
  type RefresherConfigInput,
  refresherConfigSchema,
} from '../../sidecar-image/src/config/schema';
import { isUnresolved } from '../workload/unresolved';

/** What stands in, by key, for a value that only Terraform knows. Used for validation alone. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  host: 'database.example.com',
  port: '5432',
  user: 'user',
  region: 'us-east-1',
  tokenLifetimeSeconds: '900',
  database: 'database',
  adminUser: 'pgbouncer',
};

/**
 * The text of the refresher's configuration file. It is validated with the schema that the container parses it with, so
 * that a mistake fails at synth and not in a crash loop.
 *
 * @throws with every problem and where it is
 */
export function renderConfig(config: RefresherConfigInput): string {
  const judged = withPlaceholders(config);
  const { error } = refresherConfigSchema.safeParse(judged);
  if (error) {
    throw new Error(
      ['the configuration of the refresher is invalid:', ...describeIssues(error, judged)].join('\n  '),
    );
  }
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Keys that must differ between targets keep doing so: the placeholder carries the place it stands for. */
function withPlaceholders(value: unknown, key = '', place = ''): unknown {
  if (isUnresolved(value) && (typeof value === 'string' || typeof value === 'number')) {
    const placeholder = PLACEHOLDERS[key];
    if (placeholder === undefined) return value;
    return key === 'host' ? `${place}${placeholder}` : placeholder;
  }
  if (Array.isArray(value)) {
    return value.map((part, index) => withPlaceholders(part, key, `${place}${index}-`));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, withPlaceholders(part, name, place)]),
    );
  }
  return value;
}
