import type { RefresherConfig } from '../config/schema';
import { RefresherError } from '../errors';
import type { Logger, SecretMask } from '../log';
import { assemble } from './assemble';
import { onStopSignal } from './stop-signal';

/**
 * `once`: publishes every target once and returns, for an init container. It retries until `timeoutSeconds` have passed,
 * then throws the kind of the last failure.
 */
export async function once(
  config: RefresherConfig,
  log: Logger,
  mask: SecretMask,
  timeoutSeconds: number,
): Promise<void> {
  const finished = new AbortController();
  const finish = () => finished.abort();
  let stopped: string | undefined;
  onStopSignal(name => {
    stopped = name;
    finish();
  });

  const missing = () =>
    groups.flatMap(({ targets }) => targets).filter(({ schedule }) => schedule.token === undefined);
  const { groups, loop } = assemble(config, log, mask, () => {
    if (missing().length === 0) finish();
  });
  const deadline = setTimeout(finish, timeoutSeconds * 1000);
  await loop.run(finished.signal);
  clearTimeout(deadline);

  const left = missing();
  if (left.length === 0) return;
  const described = left.map(
    ({ config: { name }, lastFailure }) => `${name}: ${lastFailure?.message ?? 'no answer yet'}`,
  );
  throw new RefresherError(
    left.find(({ lastFailure }) => lastFailure !== undefined)?.lastFailure?.kind ?? 'timeout',
    `not published ${stopped === undefined ? `within ${timeoutSeconds} s` : `before ${stopped}`}: ${described.join('; ')}`,
  );
}
