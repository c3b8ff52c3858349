import { writeFileSync } from 'node:fs';
import { fromTokenFile } from '@aws-sdk/credential-provider-web-identity';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CredentialRegistry } from '../rds/credential-registry';
import { Sts } from './sts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const registry = new CredentialRegistry(() => NOW);
let endpoint: Sts;

beforeEach(async () => {
  endpoint = await Sts.start({ registry, issue: { lifetimeSeconds: 60, allowedUsers: ['app'] } });
  const environment = { ...endpoint.environment(), AWS_REGION: 'eu-central-1' };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await endpoint.stop();
});

/** Through the SDK's own provider and STS client, set up by the environment alone. */
function getCredentials() {
  return fromTokenFile({ clientConfig: { maxAttempts: 1 } })();
}

describe('Sts', () => {
  it('issues credentials that the registry knows', async () => {
    const credentials = await getCredentials();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials;
    expect(registry.find(accessKeyId)).toEqual({
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expiration,
      allowedUsers: ['app'],
    });
    expect(expiration).toEqual(new Date('2026-01-02T03:05:05Z'));
    expect(endpoint).toMatchObject({ requestCount: 1, issuedCount: 1 });
  });

  it('issues the same ones while cached', async () => {
    const first = await getCredentials();
    endpoint.faults.cached = true;
    expect(await getCredentials()).toEqual(first);
  });

  it('refuses another web identity', async () => {
    writeFileSync(endpoint.tokenFile, 'guess');
    await expect(getCredentials()).rejects.toMatchObject({
      name: expect.stringMatching(/^InvalidIdentityToken/),
    });
    expect(endpoint.issuedCount).toBe(0);
  });

  it('refuses another role', async () => {
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::111122223333:role/other');
    await expect(getCredentials()).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(endpoint.issuedCount).toBe(0);
  });

  it.each([
    ['internal-error', { name: 'InternalFailure' }],
    ['throttled', { name: 'Throttling' }],
    ['garbage', { name: expect.any(String) }],
  ] as const)('answers with %s when told so', async (answer, error) => {
    endpoint.faults.answer = answer;
    await expect(getCredentials()).rejects.toMatchObject(error);
    endpoint.faults.answer = undefined;
    await getCredentials();
    expect(endpoint.issuedCount).toBe(1);
  });

  it('goes down and comes back where it was', async () => {
    await endpoint.goDown();
    await expect(getCredentials()).rejects.toThrow(/ECONNREFUSED/);
    await endpoint.comeBack();
    await getCredentials();
  });
});
