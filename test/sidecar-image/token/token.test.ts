import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { signToken } from '../../../sidecar-image/src/token/sign';
import { readToken } from '../../../sidecar-image/src/token/token';
import { credentials, targetConfig } from '../../support/builders';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const OBSERVED = { wall: NOW, monotonic: 42 };

/** What the SDK signs at a given moment. */
async function signedAt(wall: number, overrides = {}): Promise<string> {
  vi.setSystemTime(wall);
  return signToken(targetConfig(overrides), credentials());
}

describe('readToken, of what the AWS SDK signs', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('reads the second of signing and the 15 minutes from it', async () => {
    const text = await signedAt(NOW);
    expect(readToken(text, OBSERVED)).toEqual({
      text,
      signedAt: NOW,
      expiresAt: NOW + 900_000,
      observedAt: OBSERVED,
    });
  });

  it('reads any date', async () => {
    const times = fc.date({ min: new Date('2020-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
    await fc.assert(
      fc.asyncProperty(times, async time => {
        const wholeSecond = Math.floor(time.getTime() / 1000) * 1000;
        expect(readToken(await signedAt(time.getTime()), OBSERVED).signedAt).toBe(wholeSecond);
      }),
    );
  });

  it.each([
    ['long credentials', { credentialsExpireAt: NOW + 3_600_000 }, 900],
    ['credentials that die first', { credentialsExpireAt: NOW + 100_000 }, 100],
    ['credentials that have died', { credentialsExpireAt: NOW - 1_000 }, -1],
    ['long-term keys', { credentialsExpireAt: undefined }, 900],
    ['a shortened life', { lifetimeSeconds: 60 }, 60],
    [
      'a shortened life and credentials that die first',
      { lifetimeSeconds: 60, credentialsExpireAt: NOW + 7_000 },
      7,
    ],
    [
      'a shortened life and credentials that die later',
      { lifetimeSeconds: 60, credentialsExpireAt: NOW + 90_000 },
      60,
    ],
    ['more life than the token says', { lifetimeSeconds: 9_999 }, 900],
  ])('ends it at the earliest, with %s', async (_, options, seconds) => {
    expect(readToken(await signedAt(NOW), OBSERVED, options).expiresAt).toBe(NOW + seconds * 1000);
  });

  it('reads it whatever the user is called', async () => {
    for (const user of ['a&X-Amz-Expires=1', 'a?b=c', 'X-Amz-Date=19700101T000000Z', '用户', 'a%20b']) {
      const read = readToken(await signedAt(NOW, { user }), OBSERVED);
      expect(read).toMatchObject({ signedAt: NOW, expiresAt: NOW + 900_000 });
    }
  });
});

describe('readToken, of anything else', () => {
  it.each([
    ['nothing', ''],
    ['no query', 'db:5432'],
    ['no date', 'db:5432/?X-Amz-Expires=900&secret'],
    ['a bad date', 'db:5432/?X-Amz-Expires=900&X-Amz-Date=2026-01-02&secret'],
    ['no lifetime', 'db:5432/?X-Amz-Date=20260102T030405Z&secret'],
    ['a lifetime of 0', 'db:5432/?X-Amz-Date=20260102T030405Z&X-Amz-Expires=0&secret'],
    ['a negative lifetime', 'db:5432/?X-Amz-Date=20260102T030405Z&X-Amz-Expires=-5&secret'],
    ['a lifetime that is no number', 'db:5432/?X-Amz-Date=20260102T030405Z&X-Amz-Expires=secret'],
  ])('throws for %s, without quoting it', (_, text) => {
    expect(() => readToken(text, OBSERVED)).toThrow(/^the signer returned a token without date or lifetime$/);
  });

  it('throws that one error for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(() => readToken(text, OBSERVED)).toThrow(
          /^the signer returned a token without date or lifetime$/,
        );
      }),
    );
  });
});
