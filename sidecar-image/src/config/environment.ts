import type { RefresherConfigInput } from './schema';

type Environment = Readonly<Record<string, string | undefined>>;
type Path = readonly (string | number)[];

/**
 * The variables that configure a single target where no file is wanted, and the place in the configuration that each
 * stands for. An output's format is implied by its variable.
 */
const VARIABLES: readonly { readonly name: string; readonly path: Path; readonly number?: true }[] = [
  { name: 'REFRESHER_TARGET_HOST', path: ['targets', 0, 'host'] },
  { name: 'REFRESHER_TARGET_PORT', path: ['targets', 0, 'port'] },
  { name: 'REFRESHER_TARGET_USER', path: ['targets', 0, 'user'] },
  { name: 'REFRESHER_TARGET_REGION', path: ['targets', 0, 'region'] },
  { name: 'REFRESHER_CA_BUNDLE', path: ['caBundle', 'path'] },
  { name: 'REFRESHER_CA_BUNDLE_SOURCE', path: ['caBundle', 'source'] },
  { name: 'REFRESHER_PGBOUNCER_SOCKET_DIR', path: ['poolers', 0, 'socketDirectory'] },
  { name: 'REFRESHER_PGBOUNCER_PORT', path: ['poolers', 0, 'port'] },
  { name: 'REFRESHER_PGBOUNCER_VERSION', path: ['poolers', 0, 'version'] },
  { name: 'REFRESHER_CREDENTIALS', path: ['credentials'] },
  { name: 'REFRESHER_TOKEN_LIFETIME_SECONDS', path: ['renewal', 'tokenLifetimeSeconds'] },
  { name: 'REFRESHER_RENEWAL_THRESHOLD', path: ['renewal', 'threshold'], number: true },
  { name: 'REFRESHER_RENEWAL_JITTER', path: ['renewal', 'jitter'], number: true },
  { name: 'REFRESHER_PROBE_PORT', path: ['listen', 'probePort'] },
  { name: 'REFRESHER_CONTROL_PORT', path: ['listen', 'controlPort'] },
  { name: 'REFRESHER_LOG_LEVEL', path: ['logLevel'] },
];

const OUTPUT_VARIABLES = {
  REFRESHER_USERLIST: 'pgbouncer-userlist',
  REFRESHER_PGPASS: 'pgpass',
  REFRESHER_TOKEN_FILE: 'token',
  REFRESHER_MYSQL_OPTION_FILE: 'mysql-option-file',
} as const;

/** Names the file; with it, no other variable may configure anything. */
export const CONFIG_VARIABLE = 'REFRESHER_CONFIG';

const KNOWN = new Set([
  ...VARIABLES.map(({ name }) => name),
  ...Object.keys(OUTPUT_VARIABLES),
  CONFIG_VARIABLE,
]);

/** What Kubernetes injects for a Service that happens to be called "refresher"; not ours to judge. */
const SERVICE_LINK = /^REFRESHER_(SERVICE_|PORT$|PORT_)/;

/** Variables with the refresher's prefix that are set, without those that Kubernetes makes. */
export function ownVariables(env: Environment): string[] {
  return Object.keys(env).filter(
    name => name.startsWith('REFRESHER_') && env[name] !== undefined && !SERVICE_LINK.test(name),
  );
}

/** Variables that look like the refresher's and mean nothing: a typing mistake that would go unnoticed. */
export function unknownVariables(env: Environment): string[] {
  return ownVariables(env).filter(name => !KNOWN.has(name));
}

function assign(root: Record<string, unknown>, path: Path, value: unknown): void {
  let place: Record<string | number, unknown> = root;
  path.slice(0, -1).forEach((key, depth) => {
    place[key] ??= typeof path[depth + 1] === 'number' ? [] : {};
    place = place[key] as Record<string | number, unknown>;
  });
  place[path[path.length - 1] as string | number] = value;
}

/** The configuration that the environment describes, for the schema to judge. */
export function configFromEnvironment(env: Environment): unknown {
  const outputs = Object.entries(OUTPUT_VARIABLES).flatMap(([name, format]) =>
    env[name] ? [{ format, path: env[name] }] : [],
  );
  const config: Record<string, unknown> = { targets: [{ port: 5432, region: env.AWS_REGION, outputs }] };
  for (const { name, path, number } of VARIABLES) {
    const value = env[name];
    if (value === undefined || value === '') continue;
    // What is no number stays text, for the error to quote it.
    const isNumber = number && value.trim() !== '' && !Number.isNaN(Number(value));
    assign(config, path, isNumber ? Number(value) : value);
  }
  const { poolers } = config as Pick<RefresherConfigInput, 'poolers'>;
  if (poolers?.[0] !== undefined) poolers[0].authFile = env.REFRESHER_USERLIST ?? '';
  return config;
}

/** The variable that a place in the configuration comes from, for errors. */
export function variableFor(path: PropertyKey[]): string | undefined {
  const dotted = path.join('.');
  if (dotted === 'targets.0.region') return 'REFRESHER_TARGET_REGION (or AWS_REGION)';
  if (dotted === 'targets.0.outputs') return Object.keys(OUTPUT_VARIABLES).join(' or ');
  if (dotted.startsWith('targets.0.outputs.')) return 'the output path';
  if (dotted === 'poolers.0.authFile') return 'REFRESHER_USERLIST';
  return VARIABLES.find(variable => variable.path.join('.') === dotted)?.name;
}
