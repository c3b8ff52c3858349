/**
 * Kinds of failure, and the exit code of each. The codes are part of the image's contract: see docs/refresher.md.
 */
export const EXIT_CODES = {
  /** A bug: nothing below fits. */
  unexpected: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The configuration is missing or wrong. Restarting won't help. */
  config: 3,
  /** No AWS credentials could be had. */
  credentials: 4,
  /** The token can't be written so that its consumer could read it. */
  encode: 5,
  /** A file could not be written: the volume is full, read-only or not there. */
  publish: 6,
  /** A port could not be listened on. */
  listen: 7,
  /** What was waited for did not happen in time. */
  timeout: 8,
  /** No refresher answered on this pod's loopback. */
  unreachable: 9,
} as const;

export type FailureKind = keyof typeof EXIT_CODES;

/** An error that knows which kind of failure it is, so that one place can turn it into an exit code. */
export class RefresherError extends Error {
  override readonly name = 'RefresherError';

  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function failureKind(error: unknown): FailureKind {
  return error instanceof RefresherError ? error.kind : 'unexpected';
}

/** The message of an error and of what caused it, in one line. */
export function describeError(error: unknown): string {
  const messages: string[] = [];
  for (let current = error; current !== undefined && messages.length < 5; ) {
    if (!(current instanceof Error)) {
      messages.push(String(current));
      break;
    }
    const message = current.message || current.name;
    // Node wraps connection attempts in an AggregateError that says nothing itself.
    if (current instanceof AggregateError && current.errors.length > 0) {
      messages.push(current.errors.map(inner => describeError(inner)).join(', '));
      break;
    }
    if (!messages.includes(message)) messages.push(message);
    current = current.cause;
  }
  return messages.join(': ').replaceAll(/\s+/g, ' ');
}
