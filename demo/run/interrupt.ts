import { constants } from 'node:os';

/** Whether somebody wants it to end before its time. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** What a shell shows for a program that was ended so: 128 and the signal's number. */
  readonly exitCode: number;
}

const ECHO_MS = 1000;

/**
 * Listens to Ctrl-C and its like. The first asks for an end in order; the second ends the process at once, and what
 * `onExit` knows is still cleaned up.
 */
export function watchInterrupts(onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let exitCode = 0;
  let first = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      exitCode = 128 + constants.signals[name];
      if (controller.signal.aborted) {
        // npm passes on the Ctrl-C that the terminal has already sent to everybody.
        if (performance.now() - first > ECHO_MS) process.exit(exitCode);
        return;
      }
      first = performance.now();
      controller.abort();
      onFirst();
    });
  }
  // Whoever read the output is gone, such as `head`: nothing is left to do it for.
  process.stdout.on('error', () => process.exit(128 + constants.signals.SIGPIPE));
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
