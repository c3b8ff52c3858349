import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../sidecar-image/src/config/load';
import { refresherConfigSchema } from '../../../sidecar-image/src/config/schema';
import { failureKind } from '../../../sidecar-image/src/errors';
import { config, configInput } from '../../support/builders';
import { removeFolder, tempFolder } from '../../support/temp';

type Environment = Record<string, string | undefined>;

/** The smallest environment that configures a target. */
const ENVIRONMENT: Environment = {
  REFRESHER_TARGET_HOST: 'db.example',
  REFRESHER_TARGET_USER: 'app',
  AWS_REGION: 'eu-central-1',
  REFRESHER_TOKEN_FILE: '/shared/token',
};

/** The message of a refusal, which must be of kind `config`. */
function refusal(env: Environment): string {
  try {
    loadConfig(env);
  } catch (error) {
    expect(failureKind(error)).toBe('config');
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('loadConfig, from the environment', () => {
  it('configures one target', () => {
    expect(loadConfig(ENVIRONMENT)).toEqual(
      refresherConfigSchema.parse({
        targets: [
          {
            host: 'db.example',
            port: 5432,
            user: 'app',
            region: 'eu-central-1',
            outputs: [{ format: 'token', path: '/shared/token' }],
          },
        ],
      }),
    );
  });

  it('takes every variable to its place', () => {
    const loaded = loadConfig({
      REFRESHER_TARGET_HOST: 'db.example',
      REFRESHER_TARGET_PORT: '3306',
      REFRESHER_TARGET_USER: 'app',
      REFRESHER_TARGET_REGION: 'us-east-1',
      AWS_REGION: 'eu-central-1',
      REFRESHER_USERLIST: '/shared/userlist.txt',
      REFRESHER_PGPASS: '/shared/pgpass',
      REFRESHER_TOKEN_FILE: '/shared/token',
      REFRESHER_MYSQL_OPTION_FILE: '/shared/my.cnf',
      REFRESHER_CA_BUNDLE: '/shared/ca.pem',
      REFRESHER_CA_BUNDLE_SOURCE: '/etc/ca.pem',
      REFRESHER_PGBOUNCER_SOCKET_DIR: '/sockets',
      REFRESHER_PGBOUNCER_PORT: '6433',
      REFRESHER_PGBOUNCER_VERSION: '1.18',
      REFRESHER_CREDENTIALS: 'container',
      REFRESHER_TOKEN_LIFETIME_SECONDS: '300',
      REFRESHER_RENEWAL_THRESHOLD: '0.5',
      REFRESHER_RENEWAL_JITTER: '0.2',
      REFRESHER_PROBE_PORT: '1234',
      REFRESHER_CONTROL_PORT: '1235',
      REFRESHER_LOG_LEVEL: 'debug',
    });
    expect(loaded).toEqual(
      refresherConfigSchema.parse({
        targets: [
          {
            host: 'db.example',
            port: 3306,
            user: 'app',
            region: 'us-east-1',
            outputs: [
              { format: 'pgbouncer-userlist', path: '/shared/userlist.txt' },
              { format: 'pgpass', path: '/shared/pgpass' },
              { format: 'token', path: '/shared/token' },
              { format: 'mysql-option-file', path: '/shared/my.cnf' },
            ],
          },
        ],
        poolers: [
          { authFile: '/shared/userlist.txt', socketDirectory: '/sockets', port: 6433, version: '1.18' },
        ],
        caBundle: { path: '/shared/ca.pem', source: '/etc/ca.pem' },
        credentials: 'container',
        renewal: { tokenLifetimeSeconds: 300, threshold: 0.5, jitter: 0.2 },
        listen: { probePort: 1234, controlPort: 1235 },
        logLevel: 'debug',
      }),
    );
  });

  it('takes an empty variable for one that is not set', () => {
    expect(
      loadConfig({ ...ENVIRONMENT, REFRESHER_TARGET_PORT: '', REFRESHER_PGPASS: '', REFRESHER_CONFIG: '' }),
    ).toEqual(loadConfig(ENVIRONMENT));
  });

  it('leaves alone what Kubernetes injects for a Service called refresher', () => {
    const links = {
      REFRESHER_SERVICE_HOST: '10.0.0.1',
      REFRESHER_SERVICE_PORT: '80',
      REFRESHER_SERVICE_PORT_HTTP: '80',
      REFRESHER_PORT: 'tcp://10.0.0.1:80',
      REFRESHER_PORT_80_TCP: 'tcp://10.0.0.1:80',
      REFRESHER_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    expect(loadConfig({ ...ENVIRONMENT, ...links })).toEqual(loadConfig(ENVIRONMENT));
  });

  const table: [change: Environment, problem: string][] = [
    [{ REFRESHER_TARGET_HOST: undefined }, 'REFRESHER_TARGET_HOST: must be text (it is missing)'],
    [
      { REFRESHER_TARGET_HOST: 'db:5432' },
      'REFRESHER_TARGET_HOST: must be a host name, without scheme, port or path (received "db:5432")',
    ],
    [
      { REFRESHER_TARGET_PORT: 'abc' },
      'REFRESHER_TARGET_PORT: must be a whole number from 1 to 65535 (received "abc")',
    ],
    [{ REFRESHER_TARGET_USER: undefined }, 'REFRESHER_TARGET_USER: must be text (it is missing)'],
    [{ AWS_REGION: undefined }, 'REFRESHER_TARGET_REGION (or AWS_REGION): must be text (it is missing)'],
    [
      { AWS_REGION: 'Frankfurt' },
      'REFRESHER_TARGET_REGION (or AWS_REGION): must be an AWS Region such as eu-central-1 (received "Frankfurt")',
    ],
    [
      { REFRESHER_TOKEN_FILE: undefined },
      'REFRESHER_USERLIST or REFRESHER_PGPASS or REFRESHER_TOKEN_FILE or REFRESHER_MYSQL_OPTION_FILE: ' +
        'name at least one output: without it nothing would be published',
    ],
    [{ REFRESHER_TOKEN_FILE: 'token' }, 'the output path: must be an absolute path (received "token")'],
    [
      { REFRESHER_PGBOUNCER_SOCKET_DIR: '/sockets' },
      'REFRESHER_USERLIST: must not be empty or hold control characters (received "")',
    ],
    [
      { REFRESHER_USERLIST: '/f', REFRESHER_PGBOUNCER_VERSION: '1.24' },
      'REFRESHER_PGBOUNCER_SOCKET_DIR: must be text (it is missing)',
    ],
    [
      { REFRESHER_RENEWAL_THRESHOLD: 'half' },
      'REFRESHER_RENEWAL_THRESHOLD: must be a number (received "half")',
    ],
    [{ REFRESHER_RENEWAL_JITTER: ' ' }, 'REFRESHER_RENEWAL_JITTER: must be a number (received " ")'],
    [
      { REFRESHER_CONTROL_PORT: '9810' },
      'REFRESHER_CONTROL_PORT: must differ from probePort: the control port is loopback-only (received "9810")',
    ],
    [
      { REFRESHER_CREDENTIALS: 'iam' },
      'REFRESHER_CREDENTIALS: must be one of "auto", "environment", "web-identity", "container", "instance-metadata" (received "iam")',
    ],
    [{ REFRESHER_CA_BUNDLE_SOURCE: '/etc/ca.pem' }, 'REFRESHER_CA_BUNDLE: must be text (it is missing)'],
    [{ REFRESHER_CA_BUNDLE: 'ca' }, 'REFRESHER_CA_BUNDLE: must be an absolute path (received "ca")'],
  ];

  it.each(table)('names the variable that is wrong: %j', (change, problem) => {
    expect(refusal({ ...ENVIRONMENT, ...change })).toBe(
      `invalid configuration in the environment: ${problem}`,
    );
  });

  it('names everything that is wrong at once', () => {
    expect(refusal({})).toBe(
      'invalid configuration in the environment: REFRESHER_TARGET_HOST: must be text (it is missing); ' +
        'REFRESHER_TARGET_USER: must be text (it is missing); ' +
        'REFRESHER_TARGET_REGION (or AWS_REGION): must be text (it is missing); ' +
        'REFRESHER_USERLIST or REFRESHER_PGPASS or REFRESHER_TOKEN_FILE or REFRESHER_MYSQL_OPTION_FILE: ' +
        'name at least one output: without it nothing would be published',
    );
  });

  it('refuses a variable that it does not know, which would go unnoticed', () => {
    expect(refusal({ ...ENVIRONMENT, REFRESHER_TOKENFILE: '/f', REFRESHER_X: '' })).toBe(
      'invalid configuration in the environment: unknown variable REFRESHER_TOKENFILE, REFRESHER_X',
    );
  });

  it('parses any values, or refuses them with a kind', () => {
    const names = fc.constantFrom(
      'REFRESHER_TARGET_HOST',
      'REFRESHER_TARGET_PORT',
      'REFRESHER_TARGET_USER',
      'REFRESHER_USERLIST',
      'REFRESHER_PGBOUNCER_PORT',
      'REFRESHER_PGBOUNCER_SOCKET_DIR',
      'REFRESHER_RENEWAL_THRESHOLD',
      'REFRESHER_CREDENTIALS',
      'REFRESHER_LOG_LEVEL',
      'REFRESHER_CONTROL_PORT',
      'AWS_REGION',
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.string({ unit: 'binary', maxLength: 100 })), change => {
        try {
          loadConfig({ ...ENVIRONMENT, ...change });
        } catch (error) {
          expect(failureKind(error)).toBe('config');
          for (const value of Object.values(change)) {
            if (value.length > 40) expect((error as Error).message).not.toContain(value);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('loadConfig, from a file', () => {
  let folder: string;

  beforeAll(() => {
    folder = tempFolder('config');
  });

  afterAll(() => removeFolder(folder));

  function file(content: string): string {
    const path = join(folder, 'config.json');
    writeFileSync(path, content);
    return path;
  }

  it('reads it', () => {
    const path = file(JSON.stringify({ ...configInput(), $schema: './schema.json' }));
    expect(loadConfig({ REFRESHER_CONFIG: path, AWS_REGION: 'us-east-1' })).toEqual({
      ...config(),
      $schema: './schema.json',
    });
  });

  it('names the file and the place of a mistake', () => {
    const path = file(JSON.stringify({ ...configInput(), logLevel: 'loud' }));
    expect(refusal({ REFRESHER_CONFIG: path })).toBe(
      `invalid configuration in "${path}": logLevel: must be one of "debug", "info", "warn", "error" (received "loud")`,
    );
  });

  it('refuses variables beside it, which it would ignore', () => {
    const path = file(JSON.stringify(configInput()));
    expect(refusal({ REFRESHER_CONFIG: path, REFRESHER_LOG_LEVEL: 'debug' })).toBe(
      "invalid configuration in the environment: REFRESHER_LOG_LEVEL can't be combined with REFRESHER_CONFIG: put it in the file",
    );
    expect(() => loadConfig({ REFRESHER_CONFIG: path, REFRESHER_SERVICE_HOST: '10.0.0.1' })).not.toThrow();
  });

  it('says which file is not there', () => {
    const path = join(folder, 'absent.json');
    expect(refusal({ REFRESHER_CONFIG: path })).toBe("can't read the file that REFRESHER_CONFIG names");
    expect(() => loadConfig({ REFRESHER_CONFIG: path })).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: expect.stringContaining(path) }) }),
    );
  });

  it('quotes nothing of a file that is not JSON, which may be a token', () => {
    const path = file('db:5432/?Action=connect&X-Amz-Signature=secret');
    expect(refusal({ REFRESHER_CONFIG: path })).toBe(
      `invalid configuration in "${path}": REFRESHER_CONFIG must name a JSON file, and this is not JSON`,
    );
  });
});
