// `npm run demo`: builds what is missing, bundles the demo, and runs it.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const project = dirname(here);

const { build } = await import('esbuild').catch(() => {
  console.error('The packages of the project are missing: run "npm ci" first.');
  process.exit(1);
});

const newest = path =>
  statSync(path).isDirectory()
    ? Math.max(...readdirSync(path).map(entry => newest(join(path, entry))))
    : statSync(path).mtimeMs;
const refresher = join(project, 'sidecar-image/dist/refresher.js');
if (!existsSync(refresher) || newest(refresher) < newest(join(project, 'sidecar-image/src'))) {
  await import('../sidecar-image/build.mjs');
}

// Below node_modules, where the bundle finds the packages it leaves outside; a folder of its own for each run.
const cache = join(project, 'node_modules', '.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
// Until the demo listens itself: by default a signal ends Node without an 'exit' event.
const stop = () => process.exit(130);
process.on('SIGINT', stop).on('SIGTERM', stop);

const common = { bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' };
await build({
  ...common,
  entryPoints: [join(here, 'demo.ts')],
  outfile: join(folder, 'demo.mjs'),
  packages: 'external',
  format: 'esm',
});
// The app's runs from a folder without packages.
await build({
  ...common,
  entryPoints: [join(here, 'run/app.ts')],
  outfile: join(folder, 'app.js'),
  external: ['pg-native', 'pg-cloudflare'],
  format: 'cjs',
});

const { main } = await import(pathToFileURL(join(folder, 'demo.mjs')).href);
process.off('SIGINT', stop).off('SIGTERM', stop);
process.exit(await main({ project, app: join(folder, 'app.js') }));
