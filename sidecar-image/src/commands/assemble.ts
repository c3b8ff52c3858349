/** Puts the rooms together: the real clock, credentials, signer and files behind the loop. */

import { systemClock } from '../clock';
import type { RefresherConfig } from '../config/schema';
import { CredentialCache } from '../credentials/cache';
import { createProvider } from '../credentials/provider';
import { createEncoder } from '../encode/encoder';
import { describeError, failureKind } from '../errors';
import type { Logger, SecretMask } from '../log';
import { removeLeftovers } from '../publish/atomic-file';
import { keepCaBundle } from '../publish/ca-bundle';
import { createPublisher } from '../publish/publisher';
import { RenewalLoop } from '../renewal/loop';
import { planGroups } from '../renewal/plan';
import type { RenewalEvents, RenewalPorts } from '../renewal/renew';
import { type FileState, type GroupState, initialState } from '../renewal/state';
import { signToken } from '../token/sign';

export interface Assembled {
  readonly groups: readonly GroupState[];
  readonly loop: RenewalLoop;
}

function credentialCache(config: RefresherConfig, log: Logger, mask: SecretMask): CredentialCache {
  const timeoutMs = config.renewal.attemptTimeoutSeconds * 1000;
  return new CredentialCache({
    clock: systemClock,
    timeoutMs,
    // Credentials with a whole token's life left can't cut one short.
    wantedLifeMs: config.renewal.tokenLifetimeSeconds * 1000,
    provider: createProvider(config.credentials, {
      // STS is asked where the first database is; the credentials serve every Region.
      region: config.targets[0]?.region ?? '',
      timeoutMs,
      env: process.env,
    }),
    onObtained: ({ secretAccessKey, sessionToken }) => mask.add(secretAccessKey, sessionToken),
    onStale: error =>
      log.warn({ reason: describeError(error) }, 'credentials not renewed, the last ones still serve'),
  });
}

function logEvents(log: Logger, replaced: (file: FileState) => void) {
  return {
    published: ({ config, schedule: { token }, published }) =>
      log.info(
        {
          target: config.name,
          expiresAt: token && new Date(token.expiresAt).toISOString(),
          publishes: published,
        },
        'token published',
      ),
    failed: ({ config, schedule }, error) =>
      log.warn(
        {
          target: config.name,
          kind: failureKind(error),
          reason: describeError(error),
          failuresInARow: schedule.failures,
          stack: failureKind(error) === 'unexpected' && error instanceof Error ? error.stack : undefined,
        },
        'token not published',
      ),
    replaced,
    repairFailed: error =>
      log.error({ reason: describeError(error) }, 'a published file is gone or changed, and stays so'),
  } satisfies RenewalEvents & { repairFailed(error: unknown): void };
}

/**
 * Publishes the CA bundle and gets the rest ready. `onReplaced` hears the path of every file that changed, for its
 * readers to be told. Throws kind `publish` for the bundle.
 */
export function assemble(
  config: RefresherConfig,
  log: Logger,
  mask: SecretMask,
  onReplaced: (path: string) => void,
): Assembled {
  const publish = createPublisher();
  const { caBundle } = config;
  const repairBundle = caBundle && keepCaBundle(caBundle, publish);
  const groups = planGroups(config).map(initialState);
  const cache = credentialCache(config, log, mask);
  const ports: RenewalPorts = {
    clock: systemClock,
    random: Math.random,
    credentials: () => cache.get(),
    sign: signToken,
    encode: createEncoder(config),
    publish,
  };
  for (const { files } of groups) for (const { plan } of files) removeLeftovers(plan.path, Date.now());
  const events = logEvents(log, ({ plan }) => onReplaced(plan.path));
  const repairOthers = () => {
    if (caBundle && repairBundle?.()) onReplaced(caBundle.path);
  };
  return { groups, loop: new RenewalLoop(groups, config.renewal, ports, events, repairOthers) };
}
