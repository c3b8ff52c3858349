/**
 * Settings of PgBouncer in words of their own, each with its default here; where none is said it is PgBouncer's.
 * Source: https://www.pgbouncer.org/config.html
 */
export interface PgBouncerSettings {
  /** `pool_mode`. @default transaction */
  readonly poolMode?: 'session' | 'transaction' | 'statement';
  /** `listen_addr`: one address, or several with commas. Only this pod needs to reach it. @default 127.0.0.1 */
  readonly listenAddress?: string;
  /** `listen_port`. @default 6432 */
  readonly listenPort?: number;
  /**
   * `auth_type`. `trust` asks the app for no password, and is therefore refused on an address that others can reach. The
   * others ask for the current token. Types that don't read `auth_file`, such as `any` and `pam`, can't work.
   *
   * @default trust
   */
  readonly authType?: 'trust' | 'md5' | 'scram-sha-256';
  /**
   * `admin_users`: users of the databases who may also use the admin console. The refresher needs no place here.
   *
   * @default ['pgbouncer'] - who can't log in but through the socket
   */
  readonly adminUsers?: readonly string[];
  /** `stats_users`. @default - none */
  readonly statsUsers?: readonly string[];

  /** `max_client_conn`. @default 4000 */
  readonly maxClientConnections?: number;
  /** `default_pool_size`: server connections a database and user. @default 20 */
  readonly defaultPoolSize?: number;
  /** `min_pool_size`. @default 0 */
  readonly minPoolSize?: number;
  /** `reserve_pool_size`: more of them, when a client waited for `reservePoolTimeoutSeconds`. @default 5 */
  readonly reservePoolSize?: number;
  /** `reserve_pool_timeout`, in seconds. @default 5 */
  readonly reservePoolTimeoutSeconds?: number;
  /** `max_db_connections`: server connections a database, whoever the user. 0 is without limit. @default 0 */
  readonly maxDatabaseConnections?: number;
  /** `max_prepared_statements`: known since 1.21. 0 turns them off. @default - 200 since 1.21 */
  readonly maxPreparedStatements?: number;
  /** `ignore_startup_parameters`. @default ['extra_float_digits'] - which JDBC always sends */
  readonly ignoreStartupParameters?: readonly string[];

  /** `server_tls_sslmode`. RDS takes IAM logins over TLS alone. @default verify-full */
  readonly serverTlsMode?: 'require' | 'verify-ca' | 'verify-full';
  /** `server_tls_protocols`. @default secure - TLS 1.2 and later */
  readonly serverTlsProtocols?: string;
  /** `server_connect_timeout`, in seconds. @default 15 */
  readonly serverConnectTimeoutSeconds?: number;
  /**
   * `server_login_retry`, in seconds: the wait of a whole pool after one failed login. PgBouncer's own 15 makes a
   * login that met the old token an outage of 15 seconds, even when the new one is already loaded.
   *
   * @default 1
   */
  readonly serverLoginRetrySeconds?: number;
  /** `server_idle_timeout`, in seconds. @default 600 */
  readonly serverIdleTimeoutSeconds?: number;
  /** `server_lifetime`, in seconds. @default 3600 */
  readonly serverLifetimeSeconds?: number;
  /** `query_wait_timeout`, in seconds: how long a client waits for a server connection. 0 is forever. @default 120 */
  readonly queryWaitTimeoutSeconds?: number;
  /** `client_idle_timeout`, in seconds. 0 is never. @default 0 */
  readonly clientIdleTimeoutSeconds?: number;
  /** `idle_transaction_timeout`, in seconds. 0 is never. @default 0 */
  readonly idleTransactionTimeoutSeconds?: number;

  /** `log_connections` and `log_disconnections`. @default false */
  readonly logConnections?: boolean;
  /**
   * Any other setting of the `[pgbouncer]` section, by PgBouncer's name. Settings that have a name above, or that this
   * module must own, are refused.
   *
   * @default - none
   */
  readonly extra?: Readonly<Record<string, string | number | boolean>>;
}

/** Addresses that only the pod itself can reach. */
function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || /^127(\.\d{1,3}){3}$/.test(address);
}

export function listenAddresses(settings: PgBouncerSettings): string[] {
  return (settings.listenAddress ?? '127.0.0.1').split(',').map(address => address.trim());
}

const AUTH_TYPES = ['trust', 'md5', 'scram-sha-256'];

/**
 * @throws if the login that clients get isn't safe, or can't work with tokens
 */
export function checkAuthentication(settings: PgBouncerSettings): void {
  const authType = settings.authType ?? 'trust';
  if (!AUTH_TYPES.includes(authType)) {
    throw new Error(
      `authType "${authType}" doesn't read auth_file, where the tokens are: use "trust" on a loopback address, "scram-sha-256" or "md5"`,
    );
  }
  const open = listenAddresses(settings).find(address => !isLoopback(address));
  if (authType === 'trust' && open !== undefined) {
    throw new Error(
      `authType "trust" asks for no password, and listenAddress "${open}" can be reached from outside the pod: listen on 127.0.0.1, or use the authType "scram-sha-256"`,
    );
  }
}
