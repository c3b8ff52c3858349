import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CredentialSourceName } from '../../../sidecar-image/src/config/schema';
import { createProvider, selectSource } from '../../../sidecar-image/src/credentials/provider';
import { failureKind } from '../../../sidecar-image/src/errors';
import { ContainerCredentials } from '../../support/aws/container-credentials';
import type { CredentialEndpoint } from '../../support/aws/credential-endpoint';
import { Sts } from '../../support/aws/sts';
import { Listener } from '../../support/listener';
import { CredentialRegistry } from '../../support/rds/credential-registry';

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'very-secret-key' };
const IRSA = { AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/app', AWS_WEB_IDENTITY_TOKEN_FILE: '/token' };
const POD_IDENTITY = { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials' };
const ECS = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials' };

type Environment = Record<string, string>;

describe('selectSource', () => {
  it.each<[string, Environment, string]>([
    ['nothing', {}, 'instance-metadata'],
    ['keys', KEYS, 'environment'],
    ['a key without its secret', { AWS_ACCESS_KEY_ID: 'A' }, 'instance-metadata'],
    ['keys that are empty', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, 'instance-metadata'],
    ['IRSA', IRSA, 'web-identity'],
    ['IRSA without a role', { AWS_WEB_IDENTITY_TOKEN_FILE: '/token' }, 'instance-metadata'],
    ['Pod Identity', POD_IDENTITY, 'container'],
    ['ECS', ECS, 'container'],
    ['IRSA and Pod Identity, as a pod that migrates has', { ...IRSA, ...POD_IDENTITY }, 'web-identity'],
    ['all', { ...IRSA, ...POD_IDENTITY, ...KEYS }, 'environment'],
  ])('auto, with %s', (_, env, source) => {
    expect(selectSource('auto', env)).toBe(source);
  });

  it("does not ask the node where that is switched off, as the SDK's default chain does not", () => {
    const off = { AWS_EC2_METADATA_DISABLED: 'true' };
    let refusal: unknown;
    try {
      selectSource('auto', off);
    } catch (error) {
      refusal = error;
    }
    expect(failureKind(refusal)).toBe('credentials');
    expect((refusal as Error).message).toMatch(/AWS_EC2_METADATA_DISABLED keeps it from asking the node/);
    expect(selectSource('auto', { ...off, ...KEYS })).toBe('environment');
    expect(selectSource('auto', { AWS_EC2_METADATA_DISABLED: 'false' })).toBe('instance-metadata');
  });

  it.each<[CredentialSourceName, Environment]>([
    ['environment', { ...IRSA, ...KEYS }],
    ['web-identity', { ...IRSA, ...KEYS }],
    ['container', { ...POD_IDENTITY, ...KEYS }],
    ['instance-metadata', KEYS],
  ])('%s, where it is offered', (source, env) => {
    expect(selectSource(source, env)).toBe(source);
  });

  it.each<[CredentialSourceName, RegExp]>([
    ['environment', /set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY$/],
    ['web-identity', /eks\.amazonaws\.com\/role-arn: check the annotation, then recreate the pod$/],
    ['container', /recreate the pod, restarting its containers does not help$/],
  ])('refuses %s where it is not offered, rather than be the node', (source, hint) => {
    let refusal: unknown;
    try {
      selectSource(source, {});
    } catch (error) {
      refusal = error;
    }
    expect(failureKind(refusal)).toBe('credentials');
    expect((refusal as Error).message).toMatch(hint);
    expect((refusal as Error).message).toMatch(`credentials "${source}" are configured but not offered`);
  });
});

describe('createProvider', () => {
  const registry = new CredentialRegistry();
  const stops: (() => Promise<void>)[] = [];

  beforeEach(() => {
    // A developer's own must neither be used nor get in the way.
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const stop of stops.splice(0)) await stop();
  });

  /** A provider of this process, with its environment completed. */
  function provider(source: CredentialSourceName, env: Environment, timeoutMs = 5_000) {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    return createProvider(source, { region: 'eu-central-1', timeoutMs, env: process.env });
  }

  async function failure(work: Promise<unknown>): Promise<{ kind: string; message: string }> {
    const error = await work.then(
      () => {
        throw new Error('it gave credentials');
      },
      (reason: unknown) => reason,
    );
    return { kind: failureKind(error), message: (error as Error).message };
  }

  it('takes keys from the environment, anew each time', async () => {
    const provide = provider('auto', KEYS);
    expect(await provide()).toMatchObject({
      accessKeyId: 'AKIAEXAMPLE',
      secretAccessKey: 'very-secret-key',
    });
    vi.stubEnv('AWS_SESSION_TOKEN', 'session');
    expect(await provide()).toMatchObject({ sessionToken: 'session' });
  });

  const endpoints: [
    CredentialSourceName,
    () => Promise<CredentialEndpoint & { environment(): Environment }>,
  ][] = [
    ['container', () => ContainerCredentials.start({ registry })],
    ['web-identity', () => Sts.start({ registry })],
  ];

  describe.each(endpoints)('from %s', (source, start) => {
    async function started() {
      const endpoint = await start();
      stops.push(() => endpoint.stop());
      return { endpoint, provide: provider(source, endpoint.environment()) };
    }

    it('hands out what the endpoint issues, with its expiry, and asks anew each time', async () => {
      const { endpoint, provide } = await started();
      const first = await provide();
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = endpoint.lastIssued ?? {};
      expect(first).toMatchObject({ accessKeyId, secretAccessKey, sessionToken, expiration });
      expect((await provide()).accessKeyId).not.toBe(first.accessKeyId);
      expect(endpoint.issuedCount).toBe(2);
    });

    it.each(['internal-error', 'throttled', 'garbage'] as const)(
      'fails with a kind when the answer is %s, and recovers',
      async fault => {
        const { endpoint, provide } = await started();
        endpoint.faults.answer = fault;
        const { kind, message } = await failure(provide());
        expect(kind).toBe('credentials');
        expect(message).toMatch(`no credentials from "${source}": `);
        expect(message).not.toContain('captive');
        endpoint.faults.answer = undefined;
        expect(await provide()).toHaveProperty('secretAccessKey');
      },
    );

    it('fails with a kind while the endpoint is down, and recovers', async () => {
      const { endpoint, provide } = await started();
      await endpoint.goDown();
      expect(await failure(provide())).toMatchObject({
        kind: 'credentials',
        message: expect.stringMatching(`no credentials from "${source}": .*ECONNREFUSED`),
      });
      await endpoint.comeBack();
      expect(await provide()).toHaveProperty('secretAccessKey');
    });
  });

  it("reads Pod Identity's token file for each request: the kubelet rotates it", async () => {
    const endpoint = await ContainerCredentials.start({ registry });
    stops.push(() => endpoint.stop());
    const provide = provider('container', endpoint.environment());
    const valid = await provide().then(() => true);
    writeFileSync(endpoint.tokenFile, 'stale');
    expect(valid).toBe(true);
    expect((await failure(provide())).message).toBe(
      'no credentials from "container": Server responded with status: 400',
    );
  });

  describe('from instance metadata', () => {
    /** What the service says, to be changed at will; `undefined` is an internal error. */
    let answer: Record<string, string> | undefined;
    let listener: Listener;

    beforeEach(async () => {
      listener = new Listener(
        createServer((request, response) => {
          const path = request.url ?? '';
          if (answer === undefined) response.writeHead(500).end();
          else if (path === '/latest/api/token') response.end('imds-token');
          else if (path.endsWith('/security-credentials/')) response.end('node-role');
          else response.end(JSON.stringify(answer));
        }),
      );
      await listener.up();
      stops.push(() => listener.down());
      vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', `http://127.0.0.1:${listener.port}`);
    });

    const issued = (expiration: string) => ({
      Code: 'Success',
      AccessKeyId: 'ASIAEXAMPLE',
      SecretAccessKey: 'node-secret',
      Token: 'node-session',
      Expiration: expiration,
    });

    it('hands out what the service does, with its expiry', async () => {
      answer = issued('2090-01-02T03:04:05Z');
      expect(await provider('auto', {})()).toMatchObject({
        accessKeyId: 'ASIAEXAMPLE',
        expiration: new Date('2090-01-02T03:04:05Z'),
      });
    });

    it('does not take expired credentials for living ones, as the SDK would', async () => {
      answer = issued('2020-01-02T03:04:05Z');
      expect(await provider('auto', {})()).toMatchObject({ expiration: new Date('2020-01-02T03:04:05Z') });
    });

    it('says when the service fails, where the SDK would hand out the last answer with another expiry', async () => {
      answer = issued('2090-01-02T03:04:05Z');
      const provide = provider('auto', {});
      await provide();
      answer = undefined;
      expect((await failure(provide())).kind).toBe('credentials');
    });

    it('writes nothing past the log', async () => {
      const console = vi.spyOn(globalThis.console, 'warn').mockImplementation(() => {});
      answer = issued('2020-01-02T03:04:05Z');
      await provider('auto', {})();
      expect(console).not.toHaveBeenCalled();
      console.mockRestore();
    });
  });

  it('tells what is missing when asked, not when made: the environment may be late', async () => {
    const provide = provider('container', {});
    expect(await failure(provide())).toMatchObject({
      kind: 'credentials',
      message: expect.stringMatching(/configured but not offered/),
    });
  });
});
