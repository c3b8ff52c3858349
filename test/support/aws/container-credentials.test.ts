import { writeFileSync } from 'node:fs';
import { fromHttp } from '@aws-sdk/credential-provider-http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CredentialRegistry } from '../rds/credential-registry';
import { ContainerCredentials } from './container-credentials';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const registry = new CredentialRegistry(() => NOW);
let endpoint: ContainerCredentials;

beforeEach(async () => {
  endpoint = await ContainerCredentials.start({ registry, issue: { lifetimeSeconds: 60 } });
});

afterEach(async () => {
  await endpoint.stop();
});

/** Through the SDK's own provider. */
function getCredentials() {
  const environment = endpoint.environment();
  return fromHttp({
    awsContainerCredentialsFullUri: environment.AWS_CONTAINER_CREDENTIALS_FULL_URI,
    awsContainerAuthorizationTokenFile: environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE,
    maxRetries: 0,
    timeout: 2_000,
  })();
}

describe('ContainerCredentials', () => {
  it('issues credentials that the registry knows', async () => {
    const credentials = await getCredentials();
    expect(credentials).toMatchObject({ ...registry.find(credentials.accessKeyId) });
    expect(credentials.expiration).toEqual(new Date('2026-01-02T03:05:05Z'));
    expect(endpoint).toMatchObject({ requestCount: 1, issuedCount: 1 });
  });

  it('issues new ones each time, and the same ones while cached', async () => {
    const first = await getCredentials();
    const second = await getCredentials();
    expect(second.accessKeyId).not.toBe(first.accessKeyId);
    endpoint.faults.cached = true;
    endpoint.issue = { lifetimeSeconds: 3_600 };
    expect(await getCredentials()).toEqual(second);
    endpoint.faults.cached = false;
    expect((await getCredentials()).expiration).toEqual(new Date('2026-01-02T04:04:05Z'));
    expect(endpoint.issuedCount).toBe(4);
  });

  it('refuses a wrong authorization token', async () => {
    writeFileSync(endpoint.tokenFile, 'guess');
    await expect(getCredentials()).rejects.toMatchObject({ Code: 'InvalidTokenException' });
    expect(endpoint).toMatchObject({ requestCount: 1, issuedCount: 0 });
  });

  it.each([
    ['internal-error', /status: 500/],
    ['throttled', /status: 429/],
    ['garbage', /JSON/],
  ] as const)('answers with %s when told so', async (answer, message) => {
    endpoint.faults.answer = answer;
    await expect(getCredentials()).rejects.toThrow(message);
    endpoint.faults.answer = undefined;
    await getCredentials();
    expect(endpoint).toMatchObject({ requestCount: 2, issuedCount: 1 });
  });

  it('is slow when told so', async () => {
    endpoint.faults.delayMs = 300;
    const started = performance.now();
    await getCredentials();
    expect(performance.now() - started).toBeGreaterThan(270);
  });

  it('goes down and comes back where it was', async () => {
    const { url } = endpoint;
    await endpoint.goDown();
    await expect(getCredentials()).rejects.toThrow(/ECONNREFUSED/);
    await endpoint.comeBack();
    expect(endpoint.url).toBe(url);
    await getCredentials();
  });
});
