import { expect, it } from 'vitest';
import { reportNotRun } from '../terraform';

/**
 * Whether a check can be made. Where it can't, CI fails, and elsewhere the output says so: never silently.
 *
 * @param missing what is missing, and how to get it; nothing when all is there
 */
export function canRun(check: string, missing: string | undefined): boolean {
  if (missing === undefined) return true;
  if (process.env.CI === 'true') {
    it(`${check}: all it needs is there`, () => {
      expect(missing).toBeUndefined();
    });
  } else {
    reportNotRun(check, missing);
  }
  return false;
}
