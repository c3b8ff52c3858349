/**
 * Synthesizes the app of main.ts: `app` of cdktf.json, and `npm run synth`, which needs no CLI. With the argument `examples`
 * it takes the examples instead.
 */
import { prepare, runTypeScript } from './bundle.mjs';

const [app] = process.argv.slice(2);
if (app !== undefined && app !== 'examples') {
  console.error(`"${app}" is no app: pass "examples", or nothing for the environments`);
  process.exit(1);
}
prepare();
await runTypeScript(app === undefined ? 'main.ts' : `${app}/main.ts`);

// The CLI says it itself.
if (!process.env.CDKTF_OUTDIR && !process.exitCode) {
  console.log(`synthesized to cdktf.out/${app === undefined ? 'stacks' : `${app}/stacks`}`);
}
