import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Milliseconds until giving up. @default 10_000 */
  readonly timeout?: number;
  /** Milliseconds between two tries. @default 25 */
  readonly interval?: number;
}

/** What an attempt throws when trying again is of no use. */
export class Hopeless extends Error {}

/** An answer that counts: `undefined` and `false` mean "not yet". */
export type Truth<T> = Exclude<T, undefined | false>;

/**
 * Tries until `attempt` neither throws nor answers `undefined` or `false`, and gives its answer.
 *
 * @throws a `Hopeless` of `attempt` at once; after the time-out, an error that quotes what went wrong last.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeout = 10_000, interval = 25 }: EventuallyOptions = {},
): Promise<Truth<T>> {
  const deadline = performance.now() + timeout;
  for (;;) {
    let problem = `it never held: ${attempt.toString().slice(0, 200)}`;
    try {
      const answer = await attempt();
      if (answer !== undefined && answer !== false) return answer as Truth<T>;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      problem = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() >= deadline) throw new Error(`gave up after ${timeout} ms: ${problem}`);
    await sleep(interval);
  }
}
