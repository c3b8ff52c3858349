import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The fault matrix: apart from `npm test`, because it takes minutes and measures. See docs/reliability.md. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/faults/**/*.fault.ts'],
    globalSetup: ['test/faults/support/print-table.ts'],
    // Most of the time is waiting; more at once would starve the load on two cores.
    maxWorkers: 3,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    env: { AWS_EC2_METADATA_DISABLED: 'true' },
  },
});
