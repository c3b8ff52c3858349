import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { signToken } from '../../../sidecar-image/src/token/sign';
import { credentials, targetConfig } from '../../support/builders';
import vectors from './boto3-vectors.json';

/** The query's pairs as they stand, in a fixed order: each SDK has its own, and the signature covers the sorted ones. */
function parts(token: string): { endpoint: string | undefined; pairs: string[] } {
  const [endpoint, query = ''] = token.split('/?');
  return { endpoint: endpoint?.toLowerCase(), pairs: query.split('&').sort() };
}

describe('signToken', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  // Made with boto3 1.35.99: generate_db_auth_token, with the clock held and the keys of AWS's documentation.
  it.each(vectors)('makes the token that boto3 makes: $title', async vector => {
    vi.setSystemTime(vector.signedAt);
    const { host, port, user, region } = vector;
    const token = await signToken(targetConfig({ host, port, user, region }), vector.credentials);
    expect(parts(token)).toEqual(parts(vector.token));
  });

  it('signs a host name in lower case, as boto3 does and as RDS knows itself', async () => {
    const token = await signToken(
      targetConfig({ host: 'App.C1.eu-central-1.RDS.amazonaws.com' }),
      credentials(),
    );
    expect(token).toMatch(/^app\.c1\.eu-central-1\.rds\.amazonaws\.com:5432\/\?/);
  });

  it('is the same within a second and another in the next', async () => {
    const at = async (time: string) => {
      vi.setSystemTime(time);
      return signToken(targetConfig(), credentials());
    };
    expect(await at('2026-01-02T03:04:05.999Z')).toBe(await at('2026-01-02T03:04:05.000Z'));
    expect(await at('2026-01-02T03:04:06.000Z')).not.toBe(await at('2026-01-02T03:04:05.000Z'));
  });

  it('signs with credentials that are about to expire: whoever asks has judged them', async () => {
    vi.setSystemTime('2026-01-02T03:04:05Z');
    const token = await signToken(targetConfig(), credentials(new Date('2026-01-02T03:04:06Z')));
    expect(token).toContain('X-Amz-Date=20260102T030405Z');
  });
});
