import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../sidecar-image/src/config/load';
import type { RefresherConfig } from '../../sidecar-image/src/config/schema';
import type { Credentials } from '../../sidecar-image/src/credentials/credentials';
import { createProvider } from '../../sidecar-image/src/credentials/provider';
import { createEncoder } from '../../sidecar-image/src/encode/encoder';
import { RefresherError } from '../../sidecar-image/src/errors';
import { planGroups } from '../../sidecar-image/src/renewal/plan';
import { renew } from '../../sidecar-image/src/renewal/renew';
import { initialState } from '../../sidecar-image/src/renewal/state';
import { signToken } from '../../sidecar-image/src/token/sign';
import { config, targetInput } from '../support/builders';
import { ManualClock } from '../support/manual-clock';
import { CredentialRegistry } from '../support/rds/credential-registry';
import { verifyToken } from '../support/rds/token-verifier';
import { runRefresher } from '../support/refresher';
import { tempFolder } from '../support/temp';
import { record } from './support/table';

const CONFIGS = 5_000;
const CONTAINER_ANSWERS = 3_500;
const STS_ANSWERS = 1_500;

const folder = tempFolder('mutations');
const registry = new CredentialRegistry();
const { expiration: _, ...keys } = registry.issue();

/** Windows of a secret: an error that quotes a part of it quotes too much. */
function leaks(text: string, ...secrets: string[]): string[] {
  return secrets.flatMap(secret => {
    for (let start = 0; start + 16 <= secret.length; start += 8) {
      const part = secret.slice(start, start + 16);
      if (text.includes(part)) return [part];
    }
    return [];
  });
}

/** One replaced, removed, repeated or added part, somewhere in a JSON value. */
function mutate(value: unknown, random: () => number, replacement: unknown): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.12) return replacement;
  if (Array.isArray(value)) {
    const index = Math.floor(random() * value.length);
    const action = random();
    if (value.length === 0 || action < 0.15) return [...value, replacement];
    if (action < 0.25) return [...value, value[index]];
    if (action < 0.35) return value.filter((_, at) => at !== index);
    return value.map((item, at) => (at === index ? mutate(item, random, replacement) : item));
  }
  const entries = Object.entries(value);
  const index = Math.floor(random() * entries.length);
  const action = random();
  if (entries.length === 0 || action < 0.1)
    return { ...value, [`x${Math.floor(random() * 9)}`]: replacement };
  if (action < 0.2) return Object.fromEntries(entries.filter((_, at) => at !== index));
  return Object.fromEntries(
    entries.map(([key, item], at) => [key, at === index ? mutate(item, random, replacement) : item]),
  );
}

/** Damage to a text: cut, overwritten, repeated. */
function garble(text: string, random: () => number): string {
  const at = Math.floor(random() * text.length);
  const end = Math.min(text.length, at + 1 + Math.floor(random() * 20));
  const action = random();
  if (action < 0.35) return text.slice(0, at);
  if (action < 0.7)
    return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(end);
  return text.slice(0, end) + text.slice(at);
}

/** Uniform draws: fast-check's own numbers lean to the edges, which would always mutate the same place. */
const draws = fc.integer({ min: 1, max: 0x7fffffff }).map(seed => {
  let state = seed;
  return () => {
    // Park and Miller's generator.
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
});
const replacement = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.integer(),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    '0',
    '../..',
    '/',
    '/shared/userlist.txt',
    'a"b',
    'a\\b',
    'a:b',
    '\u0000',
    '\n',
    'x'.repeat(3_000),
  ),
);

/** Renews once without a disk, and gives what would lie in each file. */
async function publishAll(parsed: RefresherConfig, credentials: Credentials) {
  const files = new Map<string, { content: string; mode: number }>();
  const errors: unknown[] = [];
  const clock = new ManualClock(Date.now());
  for (const group of planGroups(parsed).map(initialState)) {
    await renew(
      group,
      group.targets,
      parsed.renewal,
      {
        clock,
        random: () => 0.5,
        credentials: async () => credentials,
        sign: signToken,
        encode: createEncoder(parsed),
        publish: (path, content, mode) => {
          files.set(path, { content, mode });
          return { inode: 1, size: content.length, modifiedMs: 1, mode };
        },
      },
      { published() {}, replaced() {}, failed: (_target, error) => void errors.push(error) },
    );
  }
  return { files, errors };
}

/** The token that a reader of the format finds for the user. */
function readBack(format: string, content: string, user: string, database: string): string | undefined {
  switch (format) {
    case 'token':
      return content;
    case 'pgbouncer-userlist':
      for (const [, name, password] of content.matchAll(/^"((?:[^"\n]|"")*)" "((?:[^"\n]|"")*)"$/gm)) {
        if (name?.replaceAll('""', '"') === user) return password?.replaceAll('""', '"');
      }
      return undefined;
    case 'pgpass':
      for (const line of content.split('\n')) {
        const fields = [...line.matchAll(/((?:[^:\\]|\\.)*)(?::|$)/g)].map(([, field = '']) =>
          field.replaceAll(/\\(.)/g, '$1'),
        );
        if (fields[3] === user && fields[2] === database) return fields[4];
      }
      return undefined;
    default:
      return /^password="(.*)"$/m.exec(content)?.[1]?.replaceAll(/\\(.)/g, '$1');
  }
}

async function expectCorrectFiles(parsed: RefresherConfig): Promise<void> {
  const { files, errors } = await publishAll(parsed, keys);
  for (const error of errors) {
    expect(error).toBeInstanceOf(RefresherError);
    expect((error as RefresherError).kind).toBe('encode');
  }
  const failed = errors.length > 0;
  for (const target of parsed.targets) {
    for (const output of target.outputs) {
      const file = files.get(output.path);
      if (failed && file === undefined) continue;
      expect(file?.mode).toBe(output.access === 'owner' ? 0o600 : 0o640);
      const database = output.format === 'pgpass' ? output.database : '';
      const token = readBack(output.format, file?.content ?? '', target.user, database);
      if (failed && token === undefined) continue;
      const rds = {
        host: target.host.toLowerCase(),
        port: target.port,
        region: target.region,
        tokenValiditySeconds: 900,
      };
      expect(verifyToken({ user: target.user, token: token ?? '' }, rds, registry, Date.now())).toMatchObject(
        {
          ok: true,
        },
      );
    }
  }
}

const WHOLE = {
  targets: [
    targetInput({
      name: 'one',
      outputs: [
        { format: 'pgbouncer-userlist', path: '/shared/userlist.txt' },
        { format: 'pgpass', path: '/shared/pgpass' },
        { format: 'token', path: '/shared/token' },
        { format: 'mysql-option-file', path: '/shared/my.cnf', access: 'owner' },
      ],
    }),
    targetInput({
      name: 'two',
      user: 'reader',
      outputs: [{ format: 'pgbouncer-userlist', path: '/shared/userlist.txt' }],
    }),
  ],
  poolers: [
    {
      name: 'pgbouncer',
      authFile: '/shared/userlist.txt',
      socketDirectory: '/run/p',
      version: '1.24',
      port: 6432,
    },
  ],
  caBundle: { path: '/shared/ca.pem', source: '/etc/ca.pem' },
  credentials: 'container',
  renewal: {
    tokenLifetimeSeconds: 900,
    threshold: 0.66,
    jitter: 0.1,
    initialBackoffSeconds: 1,
    maxBackoffSeconds: 30,
  },
  listen: { host: '0.0.0.0', probePort: 9810, controlPort: 9811 },
  logLevel: 'info',
};

describe('a configuration', () => {
  it('that is wrong in every field names every field, and is no crash loop without a word', async () => {
    const path = join(folder, 'wrong.json');
    const secret = keys.sessionToken ?? '';
    const wrong = {
      $schema: 5,
      targets: [
        {
          name: '-Bad-',
          host: 'https://db.example.com:5432/',
          port: 0,
          user: secret,
          region: 'Frankfurt',
          outputs: [{ format: 'pgbouncer-userlist', path: 'userlist.txt', access: 'everybody' }],
          passwort: 'x',
        },
      ],
      poolers: [
        {
          name: '',
          authFile: 'userlist.txt',
          socketDirectory: '../run',
          port: 70_000,
          adminUser: '',
          version: 'latest',
        },
      ],
      caBundle: { path: 'ca.pem', source: '' },
      credentials: 'magic',
      renewal: {
        tokenLifetimeSeconds: 1,
        threshold: 2,
        jitter: -1,
        initialBackoffSeconds: 0,
        maxBackoffSeconds: 1e9,
        attemptTimeoutSeconds: 0,
      },
      listen: { host: 'example.com', probePort: -1, controlPort: 'http' },
      logLevel: 'loud',
      extra: true,
    };
    writeFileSync(path, JSON.stringify(wrong));
    const { code, stdout, stderr } = await runRefresher(['run'], { env: { REFRESHER_CONFIG: path } });
    expect(code).toBe(3);
    expect(stdout).toBe('');
    const { kind, msg } = JSON.parse(stderr) as { kind: string; msg: string };
    expect(kind).toBe('config');
    for (const field of [
      '$schema',
      ...['name', 'host', 'port', 'user', 'region', 'outputs.0.path', 'outputs.0.access'].map(
        name => `targets.0.${name}`,
      ),
      ...['name', 'authFile', 'socketDirectory', 'port', 'adminUser', 'version'].map(
        name => `poolers.0.${name}`,
      ),
      ...['path', 'source'].map(name => `caBundle.${name}`),
      'credentials',
      ...Object.keys(wrong.renewal).map(name => `renewal.${name}`),
      ...['host', 'probePort', 'controlPort'].map(name => `listen.${name}`),
      'logLevel',
      '"passwort"',
      '"extra"',
    ]) {
      expect(msg).toContain(field);
    }
    expect(leaks(stderr, secret)).toEqual([secret.slice(0, 16)]);
  });

  it(`survives ${CONFIGS} mutations`, async () => {
    const path = join(folder, 'mutated.json');
    let accepted = 0;
    const begun = performance.now();
    await fc.assert(
      fc.asyncProperty(draws, replacement, fc.integer({ min: 0, max: 3 }), async (random, part, rounds) => {
        let value: unknown = WHOLE;
        for (let i = 0; i < rounds; i += 1) value = mutate(value, random, part);
        const text = JSON.stringify(value) ?? '';
        writeFileSync(path, rounds === 0 ? garble(text, random) : text);
        let parsed: RefresherConfig;
        try {
          parsed = loadConfig({ REFRESHER_CONFIG: path });
        } catch (error) {
          expect(error).toBeInstanceOf(RefresherError);
          const { kind, message } = error as RefresherError;
          expect(kind).toBe('config');
          expect(message).toContain(path);
          expect(message.length).toBeGreaterThan(path.length + 20);
          // What is pasted in the wrong place may be a secret.
          expect(message).not.toContain('x'.repeat(200));
          return;
        }
        accepted += 1;
        await expectCorrectFiles(parsed);
      }),
      { numRuns: CONFIGS },
    );
    expect(accepted).toBeGreaterThan(CONFIGS / 50);
    expect(accepted).toBeLessThan(CONFIGS);
    record({
      section: 'refresher',
      fault: `${CONFIGS.toLocaleString('en')} mutated configurations`,
      seconds: (performance.now() - begun) / 1000,
      note: `${accepted.toLocaleString('en')} still valid, their files correct; the others a clear error`,
    });
  });
});

describe('an answer of AWS', () => {
  let answer = { status: 200, body: '', type: 'application/json' };
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(answer.status, { 'content-type': answer.type });
    response.end(answer.body);
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  afterEach(() => vi.unstubAllEnvs());

  const issued = registry.issue();
  const expires = issued.expiration.toISOString().replace('.000Z', 'Z');
  const JSON_ANSWER = {
    AccessKeyId: issued.accessKeyId,
    SecretAccessKey: issued.secretAccessKey,
    Token: issued.sessionToken,
    AccountId: '111122223333',
    Expiration: expires,
  };
  const XML_ANSWER = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${issued.accessKeyId}</AccessKeyId><SecretAccessKey>${issued.secretAccessKey}</SecretAccessKey><SessionToken>${issued.sessionToken}</SessionToken><Expiration>${expires}</Expiration></Credentials></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`;
  const status = fc.oneof(
    { weight: 30, arbitrary: fc.constant(200) },
    { weight: 5, arbitrary: fc.constantFrom(204, 400, 401, 403, 404) },
    { weight: 1, arbitrary: fc.constantFrom(500, 503, 429) },
  );
  const type = fc.constantFrom('application/json', 'text/xml', 'text/html', 'application/octet-stream');

  /** Asks through the real provider, and follows the answer to the file that it would lead to. */
  async function judge(source: 'container' | 'web-identity'): Promise<'credentials' | 'error'> {
    const ask = createProvider(source, { region: 'eu-central-1', timeoutMs: 5_000, env: process.env });
    const started = performance.now();
    let credentials: Credentials;
    try {
      credentials = await ask();
    } catch (error) {
      expect(error).toBeInstanceOf(RefresherError);
      const { kind, message } = error as RefresherError;
      expect(kind).toBe('credentials');
      expect(message).toContain(source);
      expect(leaks(message, issued.secretAccessKey, issued.sessionToken)).toEqual([]);
      expect(performance.now() - started).toBeLessThan(20_000);
      return 'error';
    }
    const { files, errors } = await publishAll(config(), credentials);
    for (const error of errors) {
      const message = (error as Error).message;
      expect(leaks(message, issued.secretAccessKey, issued.sessionToken)).toEqual([]);
      expect(error).toBeInstanceOf(RefresherError);
    }
    for (const { content } of files.values()) expect(content).toMatch(/^"app" "[^"\n]+"\n$/);
    return 'credentials';
  }

  it(`of the container endpoint survives ${CONTAINER_ANSWERS} mutations`, async () => {
    const tokenFile = join(folder, 'authorization');
    writeFileSync(tokenFile, 'pod-identity');
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${url}/v1/credentials`);
    vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', tokenFile);
    const counts = { credentials: 0, error: 0 };
    const begun = performance.now();
    await fc.assert(
      fc.asyncProperty(
        draws,
        replacement,
        status,
        type,
        fc.boolean(),
        async (random, part, code, kind, whole) => {
          const text = JSON.stringify(whole ? mutate(JSON_ANSWER, random, part) : JSON_ANSWER) ?? '';
          answer = { status: code, type: kind, body: whole ? text : garble(text, random) };
          counts[await judge('container')] += 1;
        },
      ),
      { numRuns: CONTAINER_ANSWERS },
    );
    expect(Math.min(counts.credentials, counts.error)).toBeGreaterThan(CONTAINER_ANSWERS / 50);
    record({
      section: 'refresher',
      fault: `${CONTAINER_ANSWERS.toLocaleString('en')} mutated answers of the container endpoint`,
      seconds: (performance.now() - begun) / 1000,
      note: `${counts.error.toLocaleString('en')} a clear error, the others a well-formed file`,
    });
  });

  it(`of STS survives ${STS_ANSWERS} mutations`, async () => {
    const tokenFile = join(folder, 'web-identity');
    writeFileSync(tokenFile, 'web-identity');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', url);
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::111122223333:role/app');
    vi.stubEnv('AWS_ROLE_SESSION_NAME', 'test');
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', tokenFile);
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    const counts = { credentials: 0, error: 0 };
    const begun = performance.now();
    await fc.assert(
      fc.asyncProperty(draws, status, type, async (random, code, kind) => {
        answer = { status: code, type: kind, body: garble(XML_ANSWER, random) };
        counts[await judge('web-identity')] += 1;
      }),
      { numRuns: STS_ANSWERS },
    );
    expect(Math.min(counts.credentials, counts.error)).toBeGreaterThan(STS_ANSWERS / 50);
    record({
      section: 'refresher',
      fault: `${STS_ANSWERS.toLocaleString('en')} mutated answers of STS`,
      seconds: (performance.now() - begun) / 1000,
      note: `${counts.error.toLocaleString('en')} a clear error, the others a well-formed file`,
    });
  });
});
