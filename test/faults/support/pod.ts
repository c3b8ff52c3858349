import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RefresherConfigInput } from '../../../sidecar-image/src/config/schema';
import type { Status } from '../../../sidecar-image/src/serve/status';
import { ContainerCredentials } from '../../support/aws/container-credentials';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { LoginPath } from '../../support/login-path';
import { Refresher, type RefresherOptions } from '../../support/refresher';
import { Load } from './load';
import { ProbeWatch } from './probe-watch';
import { PublishedToken } from './published';
import { Secrets } from './secrets';
import { record, type Section } from './table';

/** Seconds that a token lives here, in place of 900; long enough for a busy machine to keep up. */
export const TOKEN_SECONDS = 7;

/** Longest delay between retries here, in seconds, in place of 30. */
export const BACKOFF_CAP_SECONDS = 0.5;

/** A fault of so many seconds, begun just before a renewal, is over while the published token still lives. */
export const HICCUP_SECONDS = 2;

/** A fault of so many seconds outlives any token that was published before it. */
export const OUTAGE_SECONDS = TOKEN_SECONDS + 2;

/** PgBouncer's `server_login_retry` here, in seconds: how long it sulks after a failed login. */
const LOGIN_RETRY_SECONDS = 1;

/** What a busy machine may add to anything that is measured, in seconds. */
const SLACK_SECONDS = 1.5;

export interface PodOptions {
  readonly tokenSeconds?: number;
  readonly config?: Partial<RefresherConfigInput>;
  /** Where credentials come from. @default - the cluster's own agent, with sessions of an hour */
  readonly env?: Readonly<Record<string, string>>;
  readonly renewal?: RefresherConfigInput['renewal'];
  /** Whether to leave the pooler to the test. @default false */
  readonly withoutPooler?: boolean;
}

export interface Fault {
  readonly section: Section;
  readonly fault: string;
  /** Seconds from `begin` to `end`. */
  readonly seconds: number;
  readonly begin: () => unknown;
  readonly end?: () => unknown;
  /** Begin right before the next renewal is due, so that the fault meets it. */
  readonly atRenewal?: boolean;
  /** Seconds to watch on after the fault. @default - until the token was renewed once more */
  readonly restSeconds?: number;
  readonly note?: string;
}

/** What a fault did. */
export interface Outcome {
  readonly failed: number;
  /** Failed while there was a living token on the volume, and not in the wake of a dead one. */
  readonly failedWhileValid: number;
  readonly failures: readonly string[];
  readonly refused: number;
  readonly refusedWhileValid: number;
  readonly unreadySeconds: number;
  /** Seconds that the published token was dead. */
  readonly deadSeconds: number;
  /** Seconds from the end of the fault until the refresher was whole again. */
  readonly refresherRecovery: number;
  /** Seconds from the end of the fault to the last failed transaction or refused login. */
  readonly loginRecovery: number;
  readonly rotations: number;
  readonly reloads: number;
}

/** A `LoginPath` that watches what secrets come to be. One pod at a time lives on it. */
export class FaultPath {
  /** Left behind by a test that failed: it must not trouble the next one. */
  pod: Pod | undefined;

  private constructor(
    readonly path: LoginPath,
    readonly secrets: Secrets,
    /** The agent of a cluster where nothing is wrong. */
    readonly agent: ContainerCredentials,
  ) {}

  static async start(): Promise<FaultPath> {
    const path = await LoginPath.start({ tokenValiditySeconds: TOKEN_SECONDS });
    const secrets = new Secrets(path.registry);
    return new FaultPath(path, secrets, await ContainerCredentials.start({ registry: path.registry }));
  }

  async stop(): Promise<void> {
    await this.pod?.abandon();
    await this.agent.stop();
    await this.path.stop();
  }
}

/** A refresher with a pooler and an application beside it, all of them watched. */
export class Pod {
  readonly published: PublishedToken;
  readonly watch: ProbeWatch;
  private load: Load | undefined;
  private readonly startedAt = Date.now();
  /** All that the refresher showed to anybody. */
  private shown = '';

  private constructor(
    private readonly scene: FaultPath,
    private readonly refresherOptions: RefresherOptions,
    private current: Refresher,
  ) {
    const { path } = scene;
    this.published = new PublishedToken(path.userlist, path.rds, path.registry);
    this.watch = new ProbeWatch(current.probePort, this.published);
    scene.pod = this;
  }

  static async start(scene: FaultPath, options: PodOptions = {}): Promise<Pod> {
    const { path, agent } = scene;
    const { tokenSeconds = TOKEN_SECONDS, env = agent.environment(), config = {}, renewal = {} } = options;
    await scene.pod?.abandon();
    path.rds.tokenValiditySeconds = tokenSeconds;
    const refresherOptions: RefresherOptions = {
      config: path.config({
        renewal: {
          tokenLifetimeSeconds: tokenSeconds,
          // Leaves as large a share for retries in seconds as the default leaves in minutes.
          threshold: 0.4,
          initialBackoffSeconds: 0.25,
          maxBackoffSeconds: BACKOFF_CAP_SECONDS,
          attemptTimeoutSeconds: 2,
          ...renewal,
        },
        listen: { probePort: await freePort(), controlPort: await freePort() },
        ...config,
      }),
      env: { ...env, AWS_REGION: path.rds.region },
    };
    const refresher = await Refresher.start(refresherOptions);
    if (options.withoutPooler) {
      await refresher.waitForCode('/liveness', 200);
      return new Pod(scene, refresherOptions, refresher);
    }
    await refresher.waitForCode('/startup', 200);
    const pod = new Pod(scene, refresherOptions, refresher);
    await path.startPgbouncer();
    pod.startLoad();
    // Whatever follows is laid at the fault's door: it must have run well before.
    await sleep(1_000);
    expect(pod.load?.failures).toEqual([]);
    return pod;
  }

  get refresher(): Refresher {
    return this.current;
  }

  get application(): Load {
    if (this.load === undefined) throw new Error('startLoad first');
    return this.load;
  }

  startLoad(): void {
    this.load = new Load(this.scene.path.poolerPort);
  }

  /** Puts another process of the refresher in its place, on the same ports. */
  async restartRefresher(end: (old: Refresher) => Promise<unknown>): Promise<void> {
    const old = this.current;
    await end(old);
    this.shown += old.output;
    this.current = await Refresher.start(this.refresherOptions);
  }

  /** Lets a fault happen, waits until all is well again, and ends the pod. Asserts what must hold under any fault. */
  async suffer(suffered: Fault): Promise<Outcome> {
    const { section, fault, seconds, begin, end = () => {}, note } = suffered;
    const { path } = this.scene;
    if (suffered.atRenewal) await this.untilAlmostDue();
    const before = await this.counts();
    const begun = Date.now();
    await begin();
    await sleep(Math.max(0, seconds * 1000 - (Date.now() - begun)));
    await end();
    const ended = Date.now();

    const whole = await this.untilWhole(ended);
    // And it must stay so.
    if (suffered.restSeconds === undefined) await this.oneMoreRotation();
    else await sleep(suffered.restSeconds * 1000);

    const after = await this.counts();
    await this.stop();

    const { watch, application } = this;
    const refused = path.rds.logins.all.filter(login => !login.accepted && login.at >= this.startedAt);
    const wake = (LOGIN_RETRY_SECONDS + SLACK_SECONDS) * 1000;
    const whileValid = <T extends { at: number }>(events: readonly T[]) =>
      events.filter(({ at }) => !watch.wasDead(at, wake));
    const lastTrouble = Math.max(0, ...[...application.failures, ...refused].map(({ at }) => at));
    const outcome: Outcome = {
      failed: application.failures.length,
      failures: application.failures.map(
        ({ at, message }) => `${((at - begun) / 1000).toFixed(2)} s: ${message}`,
      ),
      failedWhileValid: whileValid(application.failures).length,
      refused: refused.length,
      refusedWhileValid: whileValid(refused).length,
      unreadySeconds: watch.unreadySeconds,
      deadSeconds: watch.deadPeriods.reduce((sum, { from, to }) => sum + (to - from) / 1000, 0),
      refresherRecovery: Math.max(0, (whole - ended) / 1000),
      loginRecovery: Math.max(0, (lastTrouble - ended) / 1000),
      // A process that was replaced began to count anew.
      rotations: after.publishes - (after.publishes < before.publishes ? 0 : before.publishes),
      reloads: after.reloads - (after.reloads < before.reloads ? 0 : before.reloads),
    };
    record({
      section,
      fault,
      seconds: (ended - begun) / 1000,
      transactions: application.transactions,
      failed: outcome.failed,
      refused: outcome.refused,
      unready: outcome.unreadySeconds,
      recovery: Math.max(outcome.refresherRecovery, outcome.loginRecovery),
      note: note ?? `longest wait ${(application.longest / 1000).toFixed(1)} s`,
    });
    return outcome;
  }

  async status(): Promise<Status> {
    return this.current.status();
  }

  /** Looks at every page once more for secrets, and ends all. */
  async stop(): Promise<void> {
    const { secrets } = this.scene;
    await this.endWatch();
    for (const page of ['/startup', '/readiness', '/liveness', '/status', '/metrics', '/poolers/pgbouncer']) {
      this.shown += await this.current.get(page).then(
        ({ body }) => body,
        () => '',
      );
    }
    await this.endProcesses();
    this.shown += this.current.output;
    expect(secrets.foundIn(this.shown, this.published.seen)).toEqual([]);
  }

  /** Ends all without judging it. */
  async abandon(): Promise<void> {
    await this.endWatch();
    await this.endProcesses();
  }

  private async endWatch(): Promise<void> {
    await Promise.all([this.load?.stop(), this.watch.stop()]);
  }

  private async endProcesses(): Promise<void> {
    const { path } = this.scene;
    await this.current.stop();
    await path.stopPgbouncer();
    path.rds.dropConnections();
    this.scene.pod = undefined;
  }

  /** When the refresher had nothing left to mend, milliseconds since the epoch; at once if nothing was wrong. */
  private async untilWhole(ended: number): Promise<number> {
    let first = true;
    return eventually(
      async () => {
        const at = first ? ended : Date.now();
        const { ready, targets, poolers } = await this.status();
        first = false;
        const bad = [
          ...targets.filter(({ alive, failuresInARow }) => !alive || failuresInARow > 0),
          ...poolers.filter(({ reloadPending }) => reloadPending),
        ];
        if (!ready || bad.length > 0) throw new Error(`not whole yet: ${JSON.stringify(bad)}`);
        return at;
      },
      { timeout: 60_000 },
    );
  }

  private async untilAlmostDue(): Promise<void> {
    const due = async () =>
      Math.min(...(await this.status()).targets.map(target => target.nextAttemptInSeconds));
    await eventually(async () => (await due()) > 0.7);
    await eventually(async () => (await due()) < 0.5);
  }

  private async oneMoreRotation(): Promise<void> {
    const { publishes } = await this.counts();
    await eventually(async () => (await this.counts()).publishes > publishes, { timeout: 60_000 });
    await eventually(async () => (await this.status()).poolers.every(({ reloadPending }) => !reloadPending));
    await sleep(1_000);
  }

  private async counts(): Promise<{ publishes: number; reloads: number }> {
    const { targets, poolers } = await this.status();
    return {
      publishes: targets.reduce((sum, target) => sum + target.publishes, 0),
      reloads: poolers.reduce((sum, pooler) => sum + pooler.reloads, 0),
    };
  }
}

/** The rules that hold for any fault, whatever it is. */
export function expectTruthful({ watch }: Pod): void {
  expect(watch.unreadyWhileValid).toEqual([]);
  expect(watch.readyWhileDead).toEqual([]);
  expect(watch.livenessFailures).toBe(0);
}

/** A fault that nobody may notice. */
export function expectUnnoticed(pod: Pod, outcome: Outcome): void {
  expectTruthful(pod);
  expect(outcome.failures).toEqual([]);
  expect(outcome).toMatchObject({ refused: 0, unreadySeconds: 0, deadSeconds: 0 });
}

/** Whatever failed, failed because no living token could be had; and it ended one step of the backoff after the fault. */
export function expectUnavoidable(pod: Pod, outcome: Outcome, extraSeconds = 0): void {
  expectTruthful(pod);
  expect(outcome).toMatchObject({ failedWhileValid: 0, refusedWhileValid: 0 });
  const step = BACKOFF_CAP_SECONDS + SLACK_SECONDS + extraSeconds;
  expect(outcome.refresherRecovery).toBeLessThanOrEqual(step);
  expect(outcome.loginRecovery).toBeLessThanOrEqual(step + LOGIN_RETRY_SECONDS);
}
