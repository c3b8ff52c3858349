import { beforeEach, describe, expect, it, vi } from 'vitest';
import { CredentialCache } from '../../../sidecar-image/src/credentials/cache';
import type { Credentials } from '../../../sidecar-image/src/credentials/credentials';
import { failureKind, RefresherError } from '../../../sidecar-image/src/errors';
import { credentials } from '../../support/builders';
import { ManualClock, settled } from '../../support/manual-clock';

const WANTED_MS = 900_000;
const TIMEOUT_MS = 45_000;

describe('CredentialCache', () => {
  let clock: ManualClock;
  let provider: ReturnType<typeof vi.fn<() => Promise<Credentials>>>;
  let obtained: Credentials[];
  let stale: unknown[];
  let cache: CredentialCache;

  beforeEach(() => {
    clock = new ManualClock();
    provider = vi.fn<() => Promise<Credentials>>();
    obtained = [];
    stale = [];
    cache = new CredentialCache({
      provider,
      clock,
      wantedLifeMs: WANTED_MS,
      timeoutMs: TIMEOUT_MS,
      onObtained: one => obtained.push(one),
      onStale: error => stale.push(error),
    });
  });

  const living = (ms: number, label?: string) => credentials(new Date(clock.now().wall + ms), label);

  it('uses credentials again while they could not cut a token short', async () => {
    const first = living(WANTED_MS + 10_000);
    provider.mockResolvedValueOnce(first);
    expect(await cache.get()).toBe(first);
    await clock.advance(10_000);
    expect(await cache.get()).toBe(first);
    expect(provider).toHaveBeenCalledTimes(1);
  });

  it('renews them from then on', async () => {
    provider.mockResolvedValueOnce(living(WANTED_MS + 10_000, 'one'));
    await cache.get();
    await clock.advance(10_001);
    const second = living(3_600_000, 'two');
    provider.mockResolvedValueOnce(second);
    expect(await cache.get()).toBe(second);
  });

  it('asks each time where the source knows shorter ones only', async () => {
    provider.mockImplementation(async () => living(600_000));
    await cache.get();
    await cache.get();
    expect(provider).toHaveBeenCalledTimes(2);
  });

  it('uses long-term keys for ever', async () => {
    provider.mockResolvedValue(credentials());
    await cache.get();
    await clock.advance(365 * 86_400_000);
    await cache.get();
    expect(provider).toHaveBeenCalledTimes(1);
  });

  it('sends one request, whoever asks meanwhile', async () => {
    let answer: (one: Credentials) => void = () => {};
    provider.mockReturnValueOnce(
      new Promise(resolve => {
        answer = resolve;
      }),
    );
    const asked = [cache.get(), cache.get(), cache.get()];
    const one = living(3_600_000);
    answer(one);
    expect(await Promise.all(asked)).toEqual([one, one, one]);
    expect(provider).toHaveBeenCalledTimes(1);
    expect(obtained).toEqual([one]);
  });

  it('fails all who wait for a request together, and asks anew after', async () => {
    provider.mockRejectedValueOnce(new RefresherError('credentials', 'down'));
    const asked = await Promise.allSettled([cache.get(), cache.get()]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(provider).toHaveBeenCalledTimes(1);
    provider.mockResolvedValueOnce(living(3_600_000));
    expect(await cache.get()).toHaveProperty('accessKeyId');
  });

  it('falls back to the last good ones until they die, and says so', async () => {
    const last = living(100_000);
    provider.mockResolvedValueOnce(last);
    await cache.get();
    const down = new RefresherError('credentials', 'down');
    provider.mockRejectedValue(down);
    await clock.advance(99_999);
    expect(await cache.get()).toBe(last);
    expect(stale).toEqual([down]);
    await clock.advance(1);
    await expect(cache.get()).rejects.toBe(down);
    expect(stale).toEqual([down]);
  });

  it('refuses credentials that have expired already, and tells nobody of them', async () => {
    provider.mockResolvedValueOnce(living(0));
    const error = await cache.get().catch((reason: unknown) => reason);
    expect(failureKind(error)).toBe('credentials');
    expect((error as Error).message).toBe('the source handed out credentials that have expired already');
    expect(obtained).toEqual([]);
  });

  it('keeps the last good ones rather than expired ones', async () => {
    const last = living(100_000);
    provider.mockResolvedValueOnce(last).mockResolvedValueOnce(living(-1));
    await cache.get();
    expect(await cache.get()).toBe(last);
    expect(stale).toHaveLength(1);
  });

  it('gives up waiting after the time-out', async () => {
    provider.mockReturnValueOnce(new Promise(() => {}));
    const asked = cache.get().catch((reason: unknown) => reason);
    await clock.advance(TIMEOUT_MS - 1);
    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    const error = await asked;
    expect(failureKind(error)).toBe('credentials');
    expect((error as Error).message).toBe('no credentials within 45 s');
    provider.mockResolvedValueOnce(living(3_600_000));
    expect(await cache.get()).toHaveProperty('accessKeyId');
  });

  it('leaves no timer behind an answer', async () => {
    provider.mockResolvedValueOnce(living(3_600_000));
    await cache.get();
    expect(clock.sleeping).toBe(0);
  });

  it('takes a provider that throws at once for one that fails', async () => {
    provider.mockImplementationOnce(() => {
      throw new RefresherError('credentials', 'not set up');
    });
    await expect(cache.get()).rejects.toThrow('not set up');
    expect(clock.sleeping).toBe(0);
  });

  it('tells of an answer before anybody uses it, so that it can be masked', async () => {
    provider.mockResolvedValueOnce(living(3_600_000));
    let toldFirst = false;
    const used = cache.get().then(() => {
      toldFirst = obtained.length === 1;
    });
    await used;
    await settled();
    expect(toldFirst).toBe(true);
  });
});
