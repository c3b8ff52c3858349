/** What the app says about its queries. Pure. */
import * as z from 'zod';

const lineSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('asked') }),
  z.object({ state: z.literal('answered'), ms: z.number() }),
  z.object({ state: z.literal('failed'), ms: z.number(), error: z.string() }),
]);

export type AppLine = z.output<typeof lineSchema>;

export interface Queries {
  readonly answered: number;
  readonly failed: number;
  /** Asked, and nothing came back so far. */
  readonly open: number;
  readonly longestMs: number;
  /** What failed queries met, without repetitions. */
  readonly errors: readonly string[];
}

/** @param output what the app printed so far; an unfinished last line doesn't count yet */
export function readAppReport(output: string): Queries {
  const lines = output.split('\n').slice(0, -1);
  const parsed = lines.map(line => lineSchema.parse(JSON.parse(line)));
  const asked = parsed.filter(({ state }) => state === 'asked').length;
  const done = parsed.flatMap(line => (line.state === 'asked' ? [] : [line]));
  const errors = done.flatMap(line => (line.state === 'failed' ? [line.error] : []));
  return {
    answered: done.length - errors.length,
    failed: errors.length,
    open: asked - done.length,
    longestMs: done.reduce((longest, { ms }) => Math.max(longest, ms), 0),
    errors: [...new Set(errors)],
  };
}
