import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it, vi } from 'vitest';
import type { RefresherConfigInput } from '../../sidecar-image/src/config/schema';
import { CredentialCache } from '../../sidecar-image/src/credentials/cache';
import { createEncoder } from '../../sidecar-image/src/encode/encoder';
import { SecretMask } from '../../sidecar-image/src/log';
import { publishFile } from '../../sidecar-image/src/publish/atomic-file';
import { planGroups } from '../../sidecar-image/src/renewal/plan';
import { renew } from '../../sidecar-image/src/renewal/renew';
import { initialState } from '../../sidecar-image/src/renewal/state';
import { takeStatus } from '../../sidecar-image/src/serve';
import { metricsPage } from '../../sidecar-image/src/serve/metrics';
import { signToken } from '../../sidecar-image/src/token/sign';
import { config, targetInput } from '../support/builders';
import { CredentialRegistry } from '../support/rds/credential-registry';
import { tempFolder } from '../support/temp';
import { record } from './support/table';

const REFRESHES = 10_000;
/** Between two of them, so that each is due and takes new credentials. */
const APART_MS = 600_000;

afterEach(() => vi.useRealTimers());

function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed / 1_048_576;
}

it('10,000 refreshes leave nothing behind on the heap', async () => {
  // The signer dates its tokens by it.
  vi.useFakeTimers({ toFake: ['Date'] });
  const start = Date.UTC(2026, 0, 1);
  let now = start;
  const clock = {
    now: () => ({ wall: now, monotonic: now - start }),
    sleep: (_: number, signal: AbortSignal) =>
      new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true })),
  };
  const settings: RefresherConfigInput = {
    targets: [
      targetInput({
        outputs: [{ format: 'pgbouncer-userlist', path: join(tempFolder('heap'), 'userlist.txt') }],
      }),
    ],
  };
  const parsed = config(settings);
  const groups = planGroups(parsed).map(initialState);
  const mask = new SecretMask();
  // A key each time: whatever keeps one keeps ten thousand.
  const issuer = () => new CredentialRegistry(() => now).issue({ lifetimeSeconds: 1_000 });
  const cache = new CredentialCache({
    clock,
    timeoutMs: 1_000,
    wantedLifeMs: 900_000,
    provider: async () => issuer(),
    onObtained: ({ secretAccessKey, sessionToken }) => mask.add(secretAccessKey, sessionToken),
  });
  const ports = {
    clock,
    random: Math.random,
    credentials: () => cache.get(),
    sign: signToken,
    encode: createEncoder(parsed),
    publish: publishFile,
  };
  let failures = 0;
  const events = {
    published() {},
    failed() {
      failures += 1;
    },
    replaced() {},
  };

  const refresh = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      now += APART_MS;
      vi.setSystemTime(now);
      for (const group of groups) await renew(group, group.targets, parsed.renewal, ports, events);
      await metricsPage().render(takeStatus(groups, [], clock.now()));
      mask.apply('a line of the log');
    }
  };
  const begun = performance.now();
  await refresh(REFRESHES / 10);
  const early = usedHeap();
  await refresh(REFRESHES - REFRESHES / 10);
  const late = usedHeap();
  record({
    section: 'refresher',
    fault: '10,000 refreshes, each with new credentials (heap, in process)',
    seconds: (performance.now() - begun) / 1000,
    note: `heap ${early.toFixed(1)} MiB after 1,000, ${late.toFixed(1)} MiB after 10,000`,
  });
  expect(failures).toBe(0);
  expect(groups[0]?.targets[0]?.published).toBe(REFRESHES);
  expect(late - early).toBeLessThan(2);
});
