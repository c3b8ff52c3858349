/** Writes environment.schema.json anew, after a change of config.ts. Then run `npm run format`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTypeScript, STACKS } from './bundle.mjs';

const { environmentJsonSchema } = await runTypeScript('config.ts');
writeFileSync(
  join(STACKS, 'environment.schema.json'),
  `${JSON.stringify(environmentJsonSchema(), null, 2)}\n`,
);
