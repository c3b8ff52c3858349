/** Synthesizes the app of main.ts: `app` of cdktf.json, and `npm run synth`, which needs no CLI. */
import { join } from 'node:path';
import { runTypeScript, STACKS } from './bundle.mjs';

process.env.SIDECAR_ENVIRONMENTS ??= join(STACKS, 'environments');
// cdktf 0.21 calls functions that newer versions of Node warn about; nobody who reads the warning could help it.
process.noDeprecation = true;

await runTypeScript('main.ts');

// The CLI says it itself.
if (!process.env.CDKTF_OUTDIR && !process.exitCode) console.log('synthesized to cdktf.out/stacks');
