import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { onExit } from '../support/exit';
import { freePort } from '../support/free-port';
import { CredentialRegistry } from '../support/rds/credential-registry';
import { IMAGE_NODE, Refresher, type RefresherOptions } from '../support/refresher';
import { tempFolder } from '../support/temp';
import { Secrets } from './support/secrets';
import { record } from './support/table';

const KILLS = 200;
/** So many that the writing takes a good part of the life of a process that is killed early. */
const TARGETS = 40;

const shared = tempFolder('crash');
const userlist = join(shared, 'userlist.txt');
const tokenFile = (index: number) => join(shared, `token-${index}`);

const registry = new CredentialRegistry();
const secrets = new Secrets(registry);
const { accessKeyId, secretAccessKey, sessionToken } = registry.issue();

async function refresherOptions(): Promise<RefresherOptions> {
  return {
    config: {
      targets: Array.from({ length: TARGETS }, (_, index) => ({
        name: `target-${index}`,
        host: 'localhost',
        port: 5432,
        user: `user_${index}`,
        region: 'eu-central-1',
        outputs: [
          { format: 'pgbouncer-userlist', path: userlist },
          { format: 'token', path: tokenFile(index) },
        ],
      })),
      renewal: { tokenLifetimeSeconds: 2 },
      listen: { probePort: await freePort(), controlPort: await freePort() },
    },
    env: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken ?? '',
    },
  };
}

/** A process that does nothing but read, of two of the files. */
function startReader(): { stop: () => Promise<ReaderReport> } {
  const script = fileURLToPath(new URL('support/reader.mjs', import.meta.url));
  const reader = spawn(IMAGE_NODE, [script, '230', `${TARGETS}`, userlist, tokenFile(TARGETS - 1)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const forget = onExit(() => reader.kill('SIGKILL'));
  const output = text(reader.stdout);
  return {
    stop: async () => {
      const closed = once(reader, 'close');
      reader.stdin.end();
      await closed;
      forget();
      return JSON.parse(await output) as ReaderReport;
    },
  };
}

interface ReaderReport {
  readonly reads: number;
  readonly contents: number;
  readonly missing: number;
  readonly empty: number;
  readonly torn: number;
  readonly overPermissive: number;
  readonly examples: readonly string[];
}

it(`killed ${KILLS} times at random moments, its files are whole whoever reads when`, async () => {
  const options = await refresherOptions();
  const lives: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const started = performance.now();
    const whole = await Refresher.start(options);
    await whole.process.waitForOutput(new RegExp(`"target":"target-${TARGETS - 1}".*token published`));
    lives.push(performance.now() - started);
    await whole.process.stop('SIGKILL');
  }
  let untilPublished = lives.sort((x, y) => x - y)[2] ?? 0;

  const reader = startReader();
  const begun = performance.now();
  let output = '';
  let midway = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const refresher = await Refresher.start(options);
    await sleep(untilPublished * (0.7 + 0.6 * Math.random()));
    await refresher.process.stop('SIGKILL');
    const published = refresher.output.split('token published').length - 1;
    if (published === 0) midway += 1;
    // Follow the machine: about half of the kills are to come before the first line that tells of a publish.
    untilPublished *= published === 0 ? 1.05 : 0.95;
    output += refresher.output;
  }
  const seconds = (performance.now() - begun) / 1000;
  const report = await reader.stop();
  const leftovers = readdirSync(shared).filter(name => name.endsWith('.tmp'));
  record({
    section: 'refresher',
    fault: `killed (SIGKILL) ${KILLS} times at random moments`,
    seconds,
    note: `${report.reads.toLocaleString('en')} reads, ${report.contents.toLocaleString('en')} contents, 0 torn; ${leftovers.length} temporary files left`,
  });

  expect(report).toMatchObject({ missing: 0, empty: 0, torn: 0, overPermissive: 0, examples: [] });
  // Otherwise it was no test: the reader must have seen publishes, and the kills must have come before and after them.
  expect(report.contents).toBeGreaterThan(KILLS / 10);
  expect(midway).toBeGreaterThan(KILLS / 20);
  expect(midway).toBeLessThan(KILLS);
  for (const leftover of leftovers) expect(statSync(join(shared, leftover)).mode & 0o077 & ~0o040).toBe(0);
  expect(secrets.foundIn(output)).toEqual([]);
  rmSync(shared, { recursive: true, force: true });
});
