/** The demo, in the order of what happens. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { EnvironmentInput } from '../stacks/config';
import { removeFolder, tempFolder } from '../test/support/temp';
import { type DemoOptions, readOptions } from './options';
import { readIdentity } from './pod/identity';
import { type LocalPod, type LocalProcess, listeningPorts, localize } from './pod/localize';
import { type Pod, readPod } from './pod/pod';
import { findRefresher } from './pod/refresher';
import type { SynthesizedStack } from './pod/terraform';
import { type CredentialSource, startCredentialSource } from './run/credentials';
import { Database } from './run/database';
import { demoEnvironment, findLogin } from './run/environment';
import { buildImages } from './run/images';
import { type Interrupt, watchInterrupts } from './run/interrupt';
import { Kubelet } from './run/kubelet';
import { Observer } from './run/observe';
import { ensurePgbouncer, type InstalledPgbouncer } from './run/pgbouncer';
import { replaceTaken } from './run/ports';
import { EXAMPLE, synthesize } from './run/synthesize';
import { chooseTokenSize, type TokenSize } from './run/token-size';
import { firstPassword } from './run/userlist';
import { watch } from './run/watch';
import { Narrator } from './show/narrator';
import { Screen } from './show/screen';
import type { StaleLogin } from './show/snapshot';
import { findFailures, renderSummary } from './show/summary';

export interface DemoPlace {
  /** Folder of the project. */
  readonly project: string;
  /** The bundled app of the pod. */
  readonly app: string;
}

/** What every step of the demo is given. */
interface Run {
  readonly place: DemoPlace;
  readonly options: DemoOptions;
  readonly screen: Screen;
  readonly narrator: Narrator;
  readonly interrupt: Interrupt;
  /** A folder for all that is made, removed at the end. */
  readonly folder: string;
  /** Has something undone at the end: the last step first. */
  readonly atEnd: (undo: Undo) => void;
}

type Undo = () => Promise<void> | void;

/** Runs the demo and cleans up after it. Resolves to the exit code: 0 only if nothing failed. */
export async function main(place: DemoPlace): Promise<number> {
  const screen = new Screen(process.stdout);
  const narrator = new Narrator((...lines) => screen.print(...lines));
  const undos: Undo[] = [];
  const interrupt = watchInterrupts(() => {
    screen.settle();
    narrator.say('', 'Interrupted: stopping everything.');
  });
  try {
    const options = readOptions(process.env);
    const folder = tempFolder('rds-iam-demo');
    undos.push(() => removeFolder(folder));
    const atEnd = (undo: Undo) => void undos.push(undo);
    return await demo({ place, options, screen, narrator, interrupt, folder, atEnd });
  } catch (error) {
    if (interrupt.signal.aborted) return interrupt.exitCode;
    screen.settle();
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    for (const undo of undos.reverse()) await undo();
    if (interrupt.signal.aborted) narrator.say('Everything is stopped and removed.');
  }
}

async function demo(run: Run): Promise<number> {
  const { narrator, interrupt, options } = run;
  const { signal } = interrupt;
  narrator.say(
    'A pod that logs in to RDS by IAM. All is real but AWS, and the 15 minutes that',
    `a token lives are ${options.tokenLifetimeSeconds} seconds here, so that you can watch many of them expire.`,
    '',
  );

  const pgbouncer = await ensurePgbouncer(line => narrator.say(line));
  const tokenSize = chooseTokenSize(pgbouncer.version);
  if (tokenSize.note !== undefined) narrator.say(tokenSize.note);
  signal.throwIfAborted();

  const example = readExample(run);
  const database = await startDatabase(run, example);
  signal.throwIfAborted();

  const stack = await synthesizeExample(run, example, database, tokenSize);
  signal.throwIfAborted();

  const pod = readPod(stack);
  const credentials = await startCredentials(run, stack, pod, database, tokenSize);
  const { kubelet, local } = await startPod(run, pod, { database, credentials, pgbouncer });

  const { probePort, userlist } = findRefresher(local);
  const firstToken = firstPassword(readFileSync(userlist, 'utf8')) ?? '';
  const observer = new Observer({
    probePort,
    rds: database.rds,
    credentials: credentials.endpoint,
    appOutput: () => kubelet.output(pod.containers.find(({ isApp }) => isApp)?.name ?? ''),
    totalSeconds: options.totalSeconds,
    tokenLifetimeSeconds: options.tokenLifetimeSeconds,
  });
  const end = await Promise.race([watch(observer, run.screen, signal), kubelet.failure]);

  // The zeros above mean something only if a stale token would have made them ones.
  const answer = await database.tryLogin(firstToken);
  const stale: StaleLogin = { ...answer, ageSeconds: observer.firstTokenAgeSeconds };
  run.screen.erase();
  narrator.say(...renderSummary(end, stale));
  return findFailures(end, stale).length === 0 ? 0 : 1;
}

function readExample({ place }: Run): EnvironmentInput {
  return JSON.parse(readFileSync(join(place.project, EXAMPLE), 'utf8')) as EnvironmentInput;
}

async function startDatabase(run: Run, example: EnvironmentInput): Promise<Database> {
  const { user, database } = findLogin(example);
  const { region } = example.aws;
  const { tokenLifetimeSeconds } = run.options;
  const started = await run.narrator.step(
    'database',
    () => Database.start({ user, database, region, tokenLifetimeSeconds }),
    ({ version, rds }) => [
      `PostgreSQL ${version} on ${rds.host}:${rds.port}`,
      'behind a stand-in for RDS, which verifies each token as RDS does',
    ],
  );
  run.atEnd(() => started.stop());
  return started;
}

async function synthesizeExample(
  { narrator, place, folder }: Run,
  example: EnvironmentInput,
  { rds }: Database,
  { pgbouncerVersion }: TokenSize,
): Promise<SynthesizedStack> {
  const environment = demoEnvironment(example, {
    databaseHost: rds.host,
    databasePort: rds.port,
    pgbouncerVersion,
  });
  return narrator.step(
    'synthesis',
    () => synthesize(environment, { project: place.project, folder }),
    ({ resourceCount }) => [
      `${basename(EXAMPLE)} -> cdk.tf.json, ${resourceCount} resources`,
      'the example, with the address of this database and PgBouncer',
    ],
  );
}

async function startCredentials(
  run: Run,
  stack: SynthesizedStack,
  pod: Pod,
  { registry }: Database,
  { sessionTokenBytes }: TokenSize,
): Promise<CredentialSource> {
  const source = await startCredentialSource(readIdentity(stack, pod), registry, {
    lifetimeSeconds: run.options.tokenLifetimeSeconds,
    sessionTokenBytes,
  });
  run.atEnd(() => source.endpoint.stop());
  run.narrator.item('identity', source.description);
  return source;
}

interface Surroundings {
  readonly database: Database;
  readonly credentials: CredentialSource;
  readonly pgbouncer: InstalledPgbouncer;
}

async function startPod(
  { place, folder, narrator, atEnd, interrupt }: Run,
  pod: Pod,
  { database, credentials, pgbouncer }: Surroundings,
): Promise<{ kubelet: Kubelet; local: LocalPod }> {
  const imageOf = await buildImages({
    project: place.project,
    folder: join(folder, 'images'),
    app: place.app,
    pgbouncer: pgbouncer.path,
    authority: database.rds.ca,
  });
  const local = localize(pod, {
    root: join(folder, 'pod'),
    imageOf,
    env: { ...credentials.env, HOME: folder, PATH: process.env.PATH ?? '' },
    ports: await replaceTaken(listeningPorts(pod)),
  });
  narrator.item(
    'pod',
    `${pod.namespace}/${pod.name} of that JSON as processes; the app queries once a second`,
  );
  const kubelet = new Kubelet();
  atEnd(() => kubelet.stop());
  await kubelet.start(local, {
    signal: interrupt.signal,
    onStarted: (process, ms) => narrator.item('', `${process.name.padEnd(15)}${describeStart(process, ms)}`),
  });
  narrator.say('');
  return { kubelet, local };
}

function describeStart({ role, startupProbe }: LocalProcess, ms: number): string {
  const took = `in ${(ms / 1000).toFixed(1)} s`;
  if (role === 'init') return `ran to its end ${took}`;
  return startupProbe ? `passed startup probe ${startupProbe.path} ${took}` : 'started';
}
