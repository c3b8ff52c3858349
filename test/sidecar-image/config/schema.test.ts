import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeIssues, refresherConfigSchema } from '../../../sidecar-image/src/config/schema';
import { configInput, poolerInput, targetInput, USERLIST } from '../../support/builders';

/** Every problem that the schema finds, in words. */
function problems(input: unknown): string[] {
  const { error } = refresherConfigSchema.safeParse(input);
  return error === undefined ? [] : describeIssues(error, input);
}

const target = (part: object) => ({ targets: [{ ...targetInput(), ...part }] });
const output = (part: unknown) => target({ outputs: [part] });
const pooler = (part: object) => configInput({ poolers: [{ ...poolerInput(), ...part }] });
const part = (key: string, value: unknown) => ({ ...configInput(), [key]: value });

const PORT = 'must be a whole number from 1 to 65535';
const NAME = 'use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-"';
const FORMATS = 'must be one of "pgbouncer-userlist", "pgpass", "token", "mysql-option-file"';
const long = (text: string, times: number) => text.repeat(times);

describe('a configuration of one target', () => {
  it('means this, with every default', () => {
    expect(refresherConfigSchema.parse(configInput({ poolers: [poolerInput()] }))).toEqual({
      targets: [
        {
          name: 'default',
          host: 'app.c1abcd.eu-central-1.rds.amazonaws.com',
          port: 5432,
          user: 'app',
          region: 'eu-central-1',
          outputs: [{ format: 'pgbouncer-userlist', path: USERLIST, access: 'group' }],
        },
      ],
      poolers: [
        {
          name: 'pgbouncer',
          authFile: USERLIST,
          socketDirectory: '/sockets',
          port: 6432,
          adminUser: 'pgbouncer',
          version: '1.24',
        },
      ],
      credentials: 'auto',
      renewal: {
        tokenLifetimeSeconds: 900,
        threshold: 0.66,
        jitter: 0.1,
        initialBackoffSeconds: 1,
        maxBackoffSeconds: 30,
        attemptTimeoutSeconds: 45,
      },
      listen: { probePort: 9810, controlPort: 9811 },
      logLevel: 'info',
    });
  });

  it.each([
    ['pgpass', { format: 'pgpass', path: '/f', database: '*', access: 'owner' }],
    ['token', { format: 'token', path: '/f', access: 'group' }],
    ['mysql-option-file', { format: 'mysql-option-file', path: '/f', access: 'group' }],
  ] as const)('gives %s these defaults', (format, expected) => {
    const { targets } = refresherConfigSchema.parse(output({ format, path: '/f' }));
    expect(targets[0]?.outputs).toEqual([expected]);
  });

  it.each(['5432', '05432', 5432])('takes the port %j, as Terraform and the environment write it', port => {
    expect(refresherConfigSchema.parse(target({ port })).targets[0]?.port).toBe(5432);
  });

  it.each(['eu-central-1', 'us-gov-west-1', 'cn-north-1', 'us-iso-east-1', 'ap-southeast-7', 'mx-central-1'])(
    'takes the Region %s',
    region => {
      expect(problems(target({ region }))).toEqual([]);
    },
  );

  it.each(['a', 'a+b@c', "o'neil", 'naïve用户', long('u', 63), ' ', '"'])('takes the user %j', user => {
    expect(problems(target({ user }))).toEqual([]);
  });

  it.each(['1.8', '1.24', '1.24.1', '1.9.0'])('takes PgBouncer %s', version => {
    expect(problems(pooler({ version }))).toEqual([]);
  });
});

describe('a mistake is named with its place, what to do, and what was there', () => {
  const table: [input: unknown, ...messages: string[]][] = [
    [null, 'config: must be an object (received null)'],
    ['text', 'config: must be an object (received "text")'],
    [[], 'config: must be an object (received a list)'],
    [{}, 'targets: must be a list (it is missing)'],
    [part('typo', 1), 'config: unknown field "typo": correct its name or remove it'],
    [part('targets', {}), 'targets: must be a list (received an object)'],
    [part('targets', []), 'targets: name at least one target'],
    [part('targets', [null]), 'targets.0: must be an object (received null)'],
    [part('poolers', {}), 'poolers: must be a list (received an object)'],
    [part('$schema', 5), '$schema: must be text (received 5)'],

    [target({ name: 'Upper' }), `targets.0.name: ${NAME} (received "Upper")`],
    [target({ name: '-a' }), `targets.0.name: ${NAME} (received "-a")`],
    [target({ name: 5 }), 'targets.0.name: must be text (received 5)'],
    [target({ host: undefined }), 'targets.0.host: must be text (it is missing)'],
    [target({ host: '' }), 'targets.0.host: must be a host name, without scheme, port or path (received "")'],
    [
      target({ host: 'db:5432' }),
      'targets.0.host: must be a host name, without scheme, port or path (received "db:5432")',
    ],
    [
      target({ host: 'postgres://db' }),
      'targets.0.host: must be a host name, without scheme, port or path (received "postgres://db")',
    ],
    [
      target({ host: long('h', 254) }),
      `targets.0.host: must be at most 253 characters (received "${long('h', 19)}…)`,
    ],
    [target({ port: undefined }), `targets.0.port: ${PORT} (it is missing)`],
    [target({ port: 'abc' }), `targets.0.port: ${PORT} (received "abc")`],
    [target({ port: '' }), `targets.0.port: ${PORT} (received "")`],
    [target({ port: ' 5432' }), `targets.0.port: ${PORT} (received " 5432")`],
    [target({ port: 0 }), `targets.0.port: ${PORT} (received 0)`],
    [target({ port: 65_536 }), `targets.0.port: ${PORT} (received 65536)`],
    [target({ port: '99999999999999999999' }), `targets.0.port: ${PORT} (received "99999999999999999999")`],
    [target({ port: 54.32 }), `targets.0.port: ${PORT} (received 54.32)`],
    [target({ port: null }), `targets.0.port: ${PORT} (received null)`],
    [target({ user: '' }), 'targets.0.user: must not be empty or hold control characters (received "")'],
    [
      target({ user: 'a\nb' }),
      'targets.0.user: must not be empty or hold control characters (received "a\\nb")',
    ],
    [
      target({ user: long('u', 64) }),
      `targets.0.user: must have at most 63 bytes (received "${long('u', 19)}…)`,
    ],
    [
      target({ user: long('用', 22) }),
      `targets.0.user: must have at most 63 bytes (received "${long('用', 22)}")`,
    ],
    [
      target({ region: 'Frankfurt' }),
      'targets.0.region: must be an AWS Region such as eu-central-1 (received "Frankfurt")',
    ],
    [
      target({ region: 'eu-central-1a' }),
      'targets.0.region: must be an AWS Region such as eu-central-1 (received "eu-central-1a")',
    ],
    [
      target({ outputs: [] }),
      'targets.0.outputs: name at least one output: without it nothing would be published',
    ],
    [target({ outputs: '/f' }), 'targets.0.outputs: must be a list (received "/f")'],
    [target({ password: 'x' }), 'targets.0: unknown field "password": correct its name or remove it'],

    [output(null), 'targets.0.outputs.0: must be an object (received null)'],
    [output({ path: '/f' }), `targets.0.outputs.0.format: ${FORMATS} (it is missing)`],
    [output({ format: 'xml', path: '/f' }), `targets.0.outputs.0.format: ${FORMATS} (received "xml")`],
    [output({ format: 'token' }), 'targets.0.outputs.0.path: must be text (it is missing)'],
    [
      output({ format: 'token', path: '' }),
      'targets.0.outputs.0.path: must not be empty or hold control characters (received "")',
    ],
    [
      output({ format: 'token', path: 'f' }),
      'targets.0.outputs.0.path: must be an absolute path (received "f")',
    ],
    [
      output({ format: 'token', path: '/a/../f' }),
      'targets.0.outputs.0.path: must be a normalized path of a file (received "/a/../f")',
    ],
    [
      output({ format: 'token', path: '/a/' }),
      'targets.0.outputs.0.path: must be a normalized path of a file (received "/a/")',
    ],
    [
      output({ format: 'token', path: '/f', access: 'world' }),
      'targets.0.outputs.0.access: must be one of "owner", "group" (received "world")',
    ],
    [
      output({ format: 'pgpass', path: '/f', access: 'group' }),
      'targets.0.outputs.0.access: must be "owner": libpq ignores a password file that others may read (received "group")',
    ],
    [
      output({ format: 'pgpass', path: '/f', database: '' }),
      'targets.0.outputs.0.database: must not be empty or hold control characters (received "")',
    ],
    [
      output({ format: 'token', path: '/f', database: 'd' }),
      'targets.0.outputs.0: unknown field "database": correct its name or remove it',
    ],

    [pooler({ name: 'UP' }), `poolers.0.name: ${NAME} (received "UP")`],
    [pooler({ authFile: undefined }), 'poolers.0.authFile: must be text (it is missing)'],
    [pooler({ authFile: 'f' }), 'poolers.0.authFile: must be an absolute path (received "f")'],
    [pooler({ socketDirectory: 's' }), 'poolers.0.socketDirectory: must be an absolute path (received "s")'],
    [pooler({ port: 'x' }), `poolers.0.port: ${PORT} (received "x")`],
    [
      pooler({ adminUser: '' }),
      'poolers.0.adminUser: must not be empty or hold control characters (received "")',
    ],
    [
      pooler({ version: 'latest' }),
      'poolers.0.version: must be a PgBouncer version such as 1.24 (received "latest")',
    ],
    [
      pooler({ version: 1.24 }),
      'poolers.0.version: must be a PgBouncer version in quotes, such as "1.24" (received 1.24)',
    ],
    [pooler({ typo: 1 }), 'poolers.0: unknown field "typo": correct its name or remove it'],

    [part('renewal', 'x'), 'renewal: must be an object (received "x")'],
    [
      part('renewal', { tokenLifetimeSeconds: 901 }),
      'renewal.tokenLifetimeSeconds: must be a whole number from 2 to 900 (received 901)',
    ],
    [part('renewal', { threshold: '0.5' }), 'renewal.threshold: must be a number (received "0.5")'],
    [part('renewal', { threshold: 0.95 }), 'renewal.threshold: must be at most 0.9 (received 0.95)'],
    [part('renewal', { jitter: -0.1 }), 'renewal.jitter: must be at least 0 (received -0.1)'],
    [
      part('renewal', { threshold: 0.2, jitter: 0.2 }),
      'renewal.jitter: must be below threshold, or a token would be renewed at once (received 0.2)',
    ],
    [
      part('renewal', { threshold: 0.1 }),
      'renewal.jitter: must be below threshold, or a token would be renewed at once',
    ],
    [
      part('renewal', { initialBackoffSeconds: 31 }),
      'renewal.initialBackoffSeconds: must not exceed maxBackoffSeconds (received 31)',
    ],
    [
      part('renewal', { initialBackoffSeconds: 0 }),
      'renewal.initialBackoffSeconds: must be at least 0.05 (received 0)',
    ],
    [
      part('renewal', { maxBackoffSeconds: 301 }),
      'renewal.maxBackoffSeconds: must be at most 300 (received 301)',
    ],
    [
      part('renewal', { attemptTimeoutSeconds: 0 }),
      'renewal.attemptTimeoutSeconds: must be at least 0.5 (received 0)',
    ],
    [part('renewal', { typo: 1 }), 'renewal: unknown field "typo": correct its name or remove it'],

    [
      part('listen', { host: 'localhost' }),
      'listen.host: must be an IP address, such as 0.0.0.0 or :: (received "localhost")',
    ],
    [part('listen', { probePort: 0 }), `listen.probePort: ${PORT} (received 0)`],
    [part('listen', { controlPort: 'x' }), `listen.controlPort: ${PORT} (received "x")`],
    [
      part('listen', { controlPort: 9810 }),
      'listen.controlPort: must differ from probePort: the control port is loopback-only (received 9810)',
    ],

    [
      part('credentials', 'iam'),
      'credentials: must be one of "auto", "environment", "web-identity", "container", "instance-metadata" (received "iam")',
    ],
    [
      part('logLevel', 'verbose'),
      'logLevel: must be one of "debug", "info", "warn", "error" (received "verbose")',
    ],
    [part('caBundle', '/f'), 'caBundle: must be an object (received "/f")'],
    [part('caBundle', {}), 'caBundle.path: must be text (it is missing)'],
    [
      part('caBundle', { path: '/f', source: 'ca.pem' }),
      'caBundle.source: must be an absolute path (received "ca.pem")',
    ],
  ];

  it.each(table)('%j', (input, ...messages) => {
    expect(problems(input)).toEqual(messages);
  });

  it('and so is every other, at once', () => {
    const input = { ...target({ port: 'x', user: '' }), logLevel: 'loud' };
    expect(problems(input).map(problem => problem.split(':')[0])).toEqual([
      'targets.0.port',
      'targets.0.user',
      'logLevel',
    ]);
  });
});

describe('what can only be judged across targets and poolers', () => {
  const one = targetInput({ name: 'one' });
  const two = targetInput({ name: 'two', host: 'two.example' });
  const at = (path: string, format = 'pgbouncer-userlist') => [{ format, path }];

  it('accepts several users in one userlist, and several targets in one pgpass', () => {
    expect(problems({ targets: [one, { ...two, user: 'other' }] })).toEqual([]);
    const pgpass = at('/f', 'pgpass');
    expect(
      problems({
        targets: [
          { ...one, outputs: pgpass },
          { ...two, outputs: pgpass },
        ],
      }),
    ).toEqual([]);
  });

  it('accepts several poolers of one userlist', () => {
    const poolers = [poolerInput({ name: 'a' }), poolerInput({ name: 'b', port: 6433 })];
    expect(problems({ targets: [one], poolers })).toEqual([]);
  });

  const table: [what: string, input: unknown, ...messages: string[]][] = [
    [
      'two targets of one name',
      { targets: [one, { ...two, name: 'one', outputs: at('/other') }] },
      'targets.1.name: "one" is also the name of targets.0: give each its own (received "one")',
    ],
    [
      'two poolers of one name',
      configInput({ poolers: [poolerInput(), poolerInput()] }),
      'poolers.1.name: "pgbouncer" is also the name of poolers.0: give each its own',
    ],
    [
      'one user twice in a userlist',
      { targets: [one, two] },
      `targets.1.outputs.0.path: target "one" already writes user "app" to "${USERLIST}", and a userlist holds one ` +
        `password a user: use another database user, or another file and pooler (received "${USERLIST}")`,
    ],
    [
      'one login twice in a pgpass',
      {
        targets: [
          { ...one, outputs: at('/f', 'pgpass') },
          { ...two, host: one.host, outputs: at('/f', 'pgpass') },
        ],
      },
      'targets.1.outputs.0.path: target "one" already writes "/f": give each its own file (received "/f")',
    ],
    [
      'two tokens in a file',
      {
        targets: [
          { ...one, outputs: at('/f', 'token') },
          { ...two, outputs: at('/f', 'token') },
        ],
      },
      'targets.1.outputs.0.path: target "one" already writes "/f": give each its own file (received "/f")',
    ],
    [
      'two groups in a MySQL option file',
      {
        targets: [
          { ...one, outputs: at('/f', 'mysql-option-file') },
          { ...two, user: 'other', outputs: at('/f', 'mysql-option-file') },
        ],
      },
      'targets.1.outputs.0.path: target "one" already writes "/f": give each its own file (received "/f")',
    ],
    [
      'one file twice for one target',
      target({ outputs: [...at('/f', 'token'), ...at('/f', 'token')] }),
      'targets.0.outputs.1.path: target "default" already writes "/f": give each its own file (received "/f")',
    ],
    [
      'two formats in a file',
      {
        targets: [
          { ...one, outputs: at('/f', 'token') },
          { ...two, outputs: at('/f') },
        ],
      },
      'targets.1.outputs.0.path: "/f" is a token (group) of target "one": one file has one format and access (received "/f")',
    ],
    [
      'two accesses to a file',
      {
        targets: [one, { ...two, user: 'other', outputs: [{ ...at(USERLIST)[0], access: 'owner' }] }],
      },
      `targets.1.outputs.0.path: "${USERLIST}" is a pgbouncer-userlist (group) of target "one": one file has one format and access (received "${USERLIST}")`,
    ],
    [
      'a pooler of no output',
      pooler({ authFile: '/other' }),
      'poolers.0.authFile: "/other" is not a pgbouncer-userlist output of any target (received "/other")',
    ],
    [
      'a pooler of an output of another format',
      { ...output({ format: 'token', path: '/f' }), poolers: [poolerInput({ authFile: '/f' })] },
      'poolers.0.authFile: "/f" is not a pgbouncer-userlist output of any target (received "/f")',
    ],
    [
      'a CA bundle in the place of an output',
      configInput({ caBundle: { path: USERLIST } }),
      `caBundle.path: "${USERLIST}" is also an output of target "default" (received "${USERLIST}")`,
    ],
  ];

  it.each(table)('refuses %s', (_, input, ...messages) => {
    expect(problems(input)).toEqual(messages);
  });
});

describe('whatever the input', () => {
  /** Long enough to be worth hiding, and nothing that a message would say by itself. */
  const SECRET = `hush-${long('0123456789', 5)}`;

  const anything = fc.oneof(
    { weight: 4, arbitrary: fc.jsonValue({ noUnicodeString: false }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        SECRET,
        { [SECRET]: SECRET },
        [SECRET],
        null,
        -1,
        1e300,
        '',
        '/f',
        '0',
        true,
      ),
    },
  );

  /** A good configuration with the values at some places replaced, removed or added. */
  const mutated = fc
    .array(fc.tuple(fc.nat(200), fc.constantFrom('replace', 'remove', 'add'), anything), {
      minLength: 1,
      maxLength: 4,
    })
    .map(mutations => {
      const root = structuredClone(FULL) as object;
      for (const [place, how, value] of mutations) mutate(root, place, how, value);
      return root;
    });

  it('it parses or is explained, and nothing long is quoted', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 1, arbitrary: anything }, { weight: 4, arbitrary: mutated }), input => {
        const before = JSON.stringify(input);
        for (const problem of problems(input)) {
          expect(problem).toMatch(/^[\w.$]+: \S/);
          expect(problem).not.toContain(SECRET);
        }
        expect(JSON.stringify(input)).toBe(before);
      }),
      { numRuns: 2_000 },
    );
  });

  it('what parses, parses again to the same', () => {
    const parsed = refresherConfigSchema.parse(FULL);
    expect(refresherConfigSchema.parse(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
  });
});

/** Something of everything. */
const FULL = {
  $schema: './schema.json',
  targets: [
    targetInput({ name: 'one' }),
    targetInput({
      name: 'two',
      host: 'two.example',
      user: 'two',
      outputs: [
        { format: 'pgbouncer-userlist', path: USERLIST },
        { format: 'pgpass', path: '/shared/pgpass', database: 'two' },
        { format: 'token', path: '/shared/token', access: 'owner' },
        { format: 'mysql-option-file', path: '/shared/my.cnf' },
      ],
    }),
  ],
  poolers: [poolerInput({ port: 6433, version: '1.25.1' })],
  caBundle: { path: '/shared/ca.pem', source: '/etc/ca.pem' },
  credentials: 'container',
  renewal: { tokenLifetimeSeconds: 60, threshold: 0.5, jitter: 0.2 },
  listen: { host: '::', probePort: 1, controlPort: 2 },
  logLevel: 'debug',
};

/** Changes the `place`th value of a tree, counted modulo their number. */
function mutate(root: object, place: number, how: string, value: unknown): void {
  const places: { parent: Record<string, unknown>; key: string }[] = [];
  const visit = (parent: object) => {
    for (const [key, child] of Object.entries(parent)) {
      places.push({ parent: parent as Record<string, unknown>, key });
      if (typeof child === 'object' && child !== null) visit(child);
    }
  };
  visit(root);
  const chosen = places[place % Math.max(1, places.length)];
  if (chosen === undefined) return;
  const { parent, key } = chosen;
  if (how === 'replace') parent[key] = value;
  else if (how === 'add') parent[typeof value === 'string' ? `x${value}` : 'x'] = value;
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}
