import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/tools.ts'],
    // cdktf's Testing helpers register matchers on the global `expect`.
    globals: true,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Terraform's S3 backend and the AWS SDK must never reach for an instance role from a test.
    env: { AWS_EC2_METADATA_DISABLED: 'true', CHECKPOINT_DISABLE: '1' },
  },
});
