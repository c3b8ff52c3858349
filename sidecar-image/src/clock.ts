/**
 * A moment on two clocks, in milliseconds. The wall clock is what AWS compares a token's date with; it can be
 * stepped. The monotonic clock only says how much time went by; it can't.
 */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

/** The only source of time in the refresher, injected so that a test can hold it. */
export interface Clock {
  now(): Instant;
  /** Resolves after `ms` or as soon as `signal` aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => ({ wall: Date.now(), monotonic: performance.now() }),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    }),
};
