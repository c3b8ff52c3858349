import { describe, expect, it } from 'vitest';
import { missingForTerraform, reportNotRun, terraformFolder } from '../support/terraform';
import { synthEnvironment, VARIANTS } from './fixtures';

const reason = missingForTerraform('aws', 'kubernetes');
if (reason !== undefined) reportNotRun('terraform validate of the stacks', reason);

describe.skipIf(reason !== undefined)('terraform validate, with the real providers, accepts', () => {
  it.each(Object.entries(VARIANTS))(
    '%s',
    async (_, change) => {
      const { json } = synthEnvironment(change);
      const folder = terraformFolder(json);
      await folder.terraform('init', '-backend=false', '-input=false');
      const { stdout } = await folder.terraform('validate', '-json');
      expect(JSON.parse(stdout)).toMatchObject({ valid: true, diagnostics: [] });
    },
    240_000,
  );
});
