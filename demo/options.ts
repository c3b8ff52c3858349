/** How long the demo runs, and what the 15 minutes become. Pure. */
export interface DemoOptions {
  readonly totalSeconds: number;
  /**
   * Seconds that the database accepts a token, and that AWS credentials live: several of them have to expire while one
   * watches. The refresher isn't told. It knows 900 s, and that a token dies with the credentials that signed it.
   */
  readonly tokenLifetimeSeconds: number;
}

const DEFAULT_SECONDS = 60;

/** @throws if `DEMO_SECONDS` is no number of seconds to run */
export function readOptions(env: Readonly<Record<string, string | undefined>>): DemoOptions {
  const text = env.DEMO_SECONDS ?? String(DEFAULT_SECONDS);
  const totalSeconds = Number(text);
  if (!(totalSeconds >= 5 && totalSeconds <= 86_400)) {
    throw new Error(`DEMO_SECONDS is "${text}": use a number of seconds from 5 to 86400`);
  }
  // A fifth of the run, so that some tokens expire; below 3 s, whole seconds in tokens are too coarse.
  return { totalSeconds, tokenLifetimeSeconds: Math.min(12, Math.max(3, Math.round(totalSeconds / 5))) };
}
