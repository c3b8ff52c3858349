import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { RefresherConfigInput } from '../../sidecar-image/src/config/schema';
import type { Status } from '../../sidecar-image/src/serve/status';
import { freePort } from './free-port';
import { type Finished, RunningProcess, run } from './process';
import { tempFolder } from './temp';
import { giveToUnprivileged, unprivileged } from './unprivileged';

const ROOT = process.cwd();

/** Node of the image's major version, from the npm package `node`. */
export const IMAGE_NODE = resolve(ROOT, 'node_modules/node/bin/node');
const BUNDLE_FOLDER = resolve(ROOT, 'sidecar-image/dist');

interface Program {
  readonly node: string;
  readonly bundle: string;
}

let program: Promise<Program> | undefined;

/** The built bundle and the image's Node, where the unprivileged user gets at them: a project below /root is closed to it. */
async function findProgram(): Promise<Program> {
  const bundle = join(BUNDLE_FOLDER, 'refresher.js');
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: run "npm run build"`);
  if (!existsSync(IMAGE_NODE)) throw new Error(`${IMAGE_NODE} is missing: run "npm ci" with install scripts`);
  const probe = await run(IMAGE_NODE, ['--check', bundle], { identity: unprivileged() }).catch(
    () => undefined,
  );
  if (probe?.code === 0) return { node: IMAGE_NODE, bundle };
  const copy = tempFolder('refresher');
  mkdirSync(join(copy, 'bin'));
  cpSync(IMAGE_NODE, join(copy, 'bin/node'), { dereference: true });
  cpSync(BUNDLE_FOLDER, join(copy, 'dist'), { recursive: true });
  giveToUnprivileged(copy);
  return { node: join(copy, 'bin/node'), bundle: join(copy, 'dist/refresher.js') };
}

export interface RefresherOptions {
  /** Written to a file that `REFRESHER_CONFIG` names. Free ports are filled in. @default - `env` alone */
  readonly config?: RefresherConfigInput;
  /** The whole environment. @default - empty */
  readonly env?: Readonly<Record<string, string>>;
}

interface Prepared {
  readonly node: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly probePort: number;
  readonly controlPort: number;
}

async function prepare(args: readonly string[], { config, env = {} }: RefresherOptions): Promise<Prepared> {
  program ??= findProgram();
  const { node, bundle } = await program;
  const probePort = Number(config?.listen?.probePort ?? env.REFRESHER_PROBE_PORT ?? (await freePort()));
  const controlPort = Number(config?.listen?.controlPort ?? env.REFRESHER_CONTROL_PORT ?? (await freePort()));
  const prepared = { node, args: [bundle, ...args], probePort, controlPort };
  if (config === undefined) return { ...prepared, env: { ...env } };
  const path = join(tempFolder('refresher-config'), 'config.json');
  const listen = { host: '127.0.0.1', ...config.listen, probePort, controlPort };
  writeFileSync(path, JSON.stringify({ ...config, listen }));
  giveToUnprivileged(dirname(path));
  return { ...prepared, env: { REFRESHER_CONFIG: path, ...env } };
}

/** A refresher that runs: the real bundle on the image's Node, as the user that the servers run as. */
export class Refresher {
  private constructor(
    readonly process: RunningProcess,
    private readonly prepared: Prepared,
  ) {}

  static async start(options: RefresherOptions): Promise<Refresher> {
    const prepared = await prepare(['run'], options);
    const process = await RunningProcess.start(prepared.node, prepared.args, {
      env: prepared.env,
      identity: unprivileged(),
    });
    return new Refresher(process, prepared);
  }

  /** The environment of a second command that is to find this one. */
  get env(): Record<string, string> {
    return this.prepared.env;
  }

  get probePort(): number {
    return this.prepared.probePort;
  }

  get controlPort(): number {
    return this.prepared.controlPort;
  }

  /** All it printed. */
  get output(): string {
    return this.process.output;
  }

  async get(path: string): Promise<{ code: number; body: string }> {
    const response = await fetch(`http://127.0.0.1:${this.probePort}${path}`);
    return { code: response.status, body: await response.text() };
  }

  /** Undefined while nothing listens. */
  async code(path: string): Promise<number | undefined> {
    return this.get(path).then(
      ({ code }) => code,
      () => undefined,
    );
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.get('/status')).body) as Status;
  }

  /** The value of one series, such as `rds_iam_refresher_ready` or `…_total{target="a"}`. */
  async metric(series: string): Promise<number | undefined> {
    const line = (await this.get('/metrics')).body.split('\n').find(text => text.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  async waitForCode(path: string, code: number): Promise<void> {
    await this.process.waitUntil(
      `answered ${path} with ${code}`,
      async () => (await this.code(path)) === code,
    );
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

/** Starts any command of the refresher. */
export async function startRefresher(
  args: readonly string[],
  options: RefresherOptions,
): Promise<RunningProcess> {
  const { node, args: all, env } = await prepare(args, options);
  return RunningProcess.start(node, all, { env, identity: unprivileged() });
}

/** Runs any command of the refresher to its end. */
export async function runRefresher(args: readonly string[], options: RefresherOptions): Promise<Finished> {
  const { node, args: all, env } = await prepare(args, options);
  return run(node, all, { env, identity: unprivileged() });
}
