import { Fn } from 'cdktf';
import type { RdsTarget } from '../database/rds-target';
import { requirePort } from '../workload/names';
import { isUnresolved, numberText } from '../workload/unresolved';
import { checkAuthentication, listenAddresses, type PgBouncerSettings } from './settings';
import { minorVersion } from './version';

/** A database as clients of the pooler see it. */
export interface PooledDatabase {
  /** Where it is, and as whom to log in. */
  readonly target: RdsTarget;
  /** Its name on the server. `*` passes on whatever name the client asks for. */
  readonly database: string;
  /** The name that clients ask for. @default - `database` */
  readonly alias?: string;
  /** `pool_size` of this database. @default - `defaultPoolSize` */
  readonly poolSize?: number;
  /** `pool_mode` of this database. @default - `poolMode` */
  readonly poolMode?: PgBouncerSettings['poolMode'];
}

/** Everything that goes into a `pgbouncer.ini`. */
export interface PgBouncerConfig {
  readonly version: string;
  readonly databases: readonly PooledDatabase[];
  readonly settings: PgBouncerSettings;
  readonly authFile: string;
  readonly caFile: string;
  readonly socketDirectory: string;
}

/**
 * The text of `pgbouncer.ini`.
 *
 * The format has no escape for a line end, and its values no quotes: what can't be written is refused.
 *
 * @throws if a value can't be written, or would not do what it says
 */
export function renderIni(config: PgBouncerConfig): string {
  checkAuthentication(config.settings);
  return [
    '[databases]',
    ...config.databases.map(database => databaseLine(database, config.version)),
    '',
    '[pgbouncer]',
    ...Object.entries(pgbouncerSection(config)).map(([key, value]) => `${key} = ${value}`),
    '',
  ].join('\n');
}

/** Bytes without the closing NUL. Source: `MAX_DBNAME` in PgBouncer's `bouncer.h`. */
const LONGEST_DATABASE = 63;

function databaseLine(
  { target, database, alias, poolSize, poolMode }: PooledDatabase,
  version: string,
): string {
  const name = alias ?? database;
  const parts: [string, string][] = [
    ['host', bare(`host of target "${target.name}"`, target.host)],
    ['port', numberText(target.port)],
    // The name that the client gave is the default, and the only way to pass on any name.
    ...(database === '*' ? [] : [['dbname', quoted('database', database)] satisfies [string, string]]),
    // Without password=: PgBouncer then takes it from auth_file, where the tokens are.
    ['user', quoted(`user of target "${target.name}"`, target.user)],
    ...(poolSize === undefined ? [] : [['pool_size', numberText(poolSize)] satisfies [string, string]]),
    ...(poolMode === undefined ? [] : [['pool_mode', poolMode] satisfies [string, string]]),
  ];
  return `${databaseKey(name, version)} = ${parts.map(([key, value]) => `${key}=${value}`).join(' ')}`;
}

/**
 * The name before the equals sign. Since 1.25 it may stand in single quotes, but with no way to write one inside;
 * before, it has to do without. The manual's double quotes are not what the parser reads.
 * Source: `cfparser.c` of libusual, which PgBouncer reads its configuration with.
 */
function databaseKey(name: string, version: string): string {
  const quotes = minorVersion(version) >= 25;
  if (isUnresolved(name)) return quotes ? `'${name}'` : name;
  if (/^(\*|[A-Za-z0-9_.-]{1,63})$/.test(name) && name !== 'pgbouncer') return name;
  if (name === 'pgbouncer') {
    throw new Error('database alias "pgbouncer" is the name of the admin console: use another alias');
  }
  requirePrintable('database alias', name);
  const bytes = Buffer.byteLength(name);
  if (bytes > LONGEST_DATABASE) {
    throw new Error(
      `database alias ${JSON.stringify(name)} has ${bytes} bytes: use at most ${LONGEST_DATABASE}`,
    );
  }
  if (!quotes) {
    throw new Error(
      `database alias ${JSON.stringify(name)} can't be written for pgbouncer version "${version}", which takes a-z, A-Z, 0-9, "_", "." and "-" alone: set alias to such a name, or use 1.25 or later`,
    );
  }
  if (name.includes("'")) {
    throw new Error(
      `database alias ${JSON.stringify(name)} holds a single quote, which pgbouncer.ini can't write there: set alias to another name`,
    );
  }
  return `'${name}'`;
}

/** A value that needs no quotes: a host name, or a folder of sockets. */
function bare(what: string, value: string): string {
  if (isUnresolved(value) || /^[^\s'\u0000-\u001f\u007f]+$/.test(value)) return value;
  throw new Error(
    `${what} is ${JSON.stringify(value)}: use a host name, without spaces, quotes or control characters`,
  );
}

/** A value of a connection string: in single quotes, with those inside doubled. A backslash means nothing special. */
function quoted(what: string, value: string): string {
  if (isUnresolved(value)) return `'${Fn.replace(value, "'", "''")}'`;
  requirePrintable(what, value);
  return `'${value.replaceAll("'", "''")}'`;
}

function requirePrintable(what: string, value: string): void {
  if (/^[^\u0000-\u001f\u007f]+$/.test(value)) return;
  throw new Error(
    `${what} ${JSON.stringify(value)} can't be written to pgbouncer.ini: it must not be empty or hold control characters such as a line end`,
  );
}

type Section = Record<string, string | number>;

function pgbouncerSection(config: PgBouncerConfig): Section {
  const { settings } = config;
  const section: Section = {
    listen_addr: listenAddresses(settings).join(','),
    listen_port: port(settings),
    unix_socket_dir: path('socket directory', config.socketDirectory),
    // Who may connect there is admin without a password: that is one uid, the refresher's and PgBouncer's own.
    unix_socket_mode: '0700',
    auth_type: settings.authType ?? 'trust',
    auth_file: path('auth_file', config.authFile),
    admin_users: userList('adminUsers', settings.adminUsers ?? ['pgbouncer']),
    ...(settings.statsUsers?.length && { stats_users: userList('statsUsers', settings.statsUsers) }),
    pool_mode: settings.poolMode ?? 'transaction',
    max_client_conn: count('maxClientConnections', settings.maxClientConnections ?? 4000, 1),
    default_pool_size: count('defaultPoolSize', settings.defaultPoolSize ?? 20, 1),
    min_pool_size: count('minPoolSize', settings.minPoolSize ?? 0),
    reserve_pool_size: count('reservePoolSize', settings.reservePoolSize ?? 5),
    reserve_pool_timeout: seconds('reservePoolTimeoutSeconds', settings.reservePoolTimeoutSeconds ?? 5),
    max_db_connections: count('maxDatabaseConnections', settings.maxDatabaseConnections ?? 0),
    ...preparedStatements(config),
    ignore_startup_parameters: plain(
      'ignoreStartupParameters',
      (settings.ignoreStartupParameters ?? ['extra_float_digits']).join(','),
    ),
    server_tls_sslmode: settings.serverTlsMode ?? 'verify-full',
    server_tls_ca_file: path('server_tls_ca_file', config.caFile),
    server_tls_protocols: plain('serverTlsProtocols', settings.serverTlsProtocols ?? 'secure'),
    server_connect_timeout: seconds(
      'serverConnectTimeoutSeconds',
      settings.serverConnectTimeoutSeconds ?? 15,
    ),
    server_login_retry: seconds('serverLoginRetrySeconds', settings.serverLoginRetrySeconds ?? 1),
    server_idle_timeout: seconds('serverIdleTimeoutSeconds', settings.serverIdleTimeoutSeconds ?? 600),
    server_lifetime: seconds('serverLifetimeSeconds', settings.serverLifetimeSeconds ?? 3600),
    query_wait_timeout: seconds('queryWaitTimeoutSeconds', settings.queryWaitTimeoutSeconds ?? 120),
    client_idle_timeout: seconds('clientIdleTimeoutSeconds', settings.clientIdleTimeoutSeconds ?? 0),
    idle_transaction_timeout: seconds(
      'idleTransactionTimeoutSeconds',
      settings.idleTransactionTimeoutSeconds ?? 0,
    ),
    // Neither logfile nor pidfile: the root file system is read-only, and a container logs to stderr.
    log_connections: settings.logConnections ? 1 : 0,
    log_disconnections: settings.logConnections ? 1 : 0,
    log_pooler_errors: 1,
  };
  return { ...section, ...extraSection(settings.extra ?? {}, section) };
}

function preparedStatements({ version, settings }: PgBouncerConfig): Section {
  const known = minorVersion(version) >= 21;
  const { maxPreparedStatements } = settings;
  if (!known && maxPreparedStatements !== undefined) {
    throw new Error(
      `maxPreparedStatements is ${maxPreparedStatements} and pgbouncer version "${version}", which doesn't know it: use 1.21 or later, or leave it out`,
    );
  }
  if (!known) return {};
  return { max_prepared_statements: count('maxPreparedStatements', maxPreparedStatements ?? 200) };
}

/** Settings that can't be what they like: each with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  max_prepared_statements: 'use maxPreparedStatements',
  stats_users: 'use statsUsers',
  auth_user: 'every database logs in as the user of its target',
  auth_query: 'every database logs in as the user of its target',
  auth_dbname: 'every database logs in as the user of its target',
  auth_hba_file: 'clients log in by authType',
  auth_ident_file: 'clients log in by authType',
  auth_ldap_options: 'clients log in by authType',
  logfile: 'the root file system is read-only, and a container logs to stderr',
  pidfile: 'the root file system is read-only, and nothing reads it',
  syslog: 'a container logs to stderr',
  syslog_ident: 'a container logs to stderr',
  syslog_facility: 'a container logs to stderr',
  user: 'the pod already says which user runs it',
  service_name: 'it is another name of job_name',
  verbose: 'at a high level PgBouncer logs what it reads, tokens included',
  unix_socket_group: 'the socket is for one user',
  conffile: 'the configuration is one file',
};

function extraSection(extra: NonNullable<PgBouncerSettings['extra']>, section: Section): Section {
  return Object.fromEntries(
    Object.entries(extra).map(([key, value]) => {
      if (!/^[a-z][a-z0-9_]*$/.test(key)) {
        throw new Error(
          `extra setting ${JSON.stringify(key)} is invalid: use PgBouncer's own name, of a-z, 0-9 and "_"`,
        );
      }
      const instead = REFUSED[key] ?? (key in section ? 'it has a name of its own in the props' : undefined);
      if (instead !== undefined) throw new Error(`extra setting "${key}" can't be set there: ${instead}`);
      const text = typeof value === 'boolean' ? String(Number(value)) : String(value);
      return [key, plain(`extra setting "${key}"`, typeof value === 'number' ? numberText(value) : text)];
    }),
  );
}

function port({ listenPort }: PgBouncerSettings): string {
  requirePort('listenPort', listenPort ?? 6432);
  return numberText(listenPort ?? 6432);
}

function count(what: string, value: number, minimum = 0): string {
  if (!isUnresolved(value) && !(Number.isInteger(value) && value >= minimum && value <= 2_147_483_647)) {
    throw new Error(`${what} is ${value}: use a whole number from ${minimum}`);
  }
  return numberText(value);
}

function seconds(what: string, value: number): string {
  if (!isUnresolved(value) && !(Number.isFinite(value) && value >= 0)) {
    throw new Error(`${what} is ${value}: use a number of seconds from 0`);
  }
  return numberText(value);
}

/** A value of the `[pgbouncer]` section runs to the end of its line, and the spaces around it are lost. */
function plain(what: string, value: string): string {
  if (isUnresolved(value)) return value;
  if (value !== value.trim() || /[\u0000-\u001f\u007f]/.test(value)) {
    throw new Error(
      `${what} is ${JSON.stringify(value)}: pgbouncer.ini can't write control characters such as a line end, or spaces at the start or end`,
    );
  }
  return value;
}

function path(what: string, value: string): string {
  if (!value.startsWith('/')) throw new Error(`${what} is "${value}": use an absolute path`);
  return plain(what, value);
}

function userList(what: string, users: readonly string[]): string {
  const odd = users.find(user => !isUnresolved(user) && !/^[^\s,\u0000-\u001f\u007f]+$/.test(user));
  if (odd !== undefined || users.length === 0) {
    throw new Error(
      `${what} holds ${JSON.stringify(odd ?? '')}: name at least one user, each without comma or space`,
    );
  }
  return users.join(',');
}
