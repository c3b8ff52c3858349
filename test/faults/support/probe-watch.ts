import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PublishedToken } from './published';

/** Milliseconds between two looks: a rule about a second wants to be watched more closely than that. */
const INTERVAL = 20;
const PATIENCE_MS = 1_000;
/** How fast readiness must follow the token: the rule that this suite is about. */
const WITHIN_MS = 1_000;

/** Asks the probes as fast as is polite, and holds each answer against the truth. */
export class ProbeWatch {
  /** Seconds in which readiness was not answered with 200. */
  unreadySeconds = 0;
  /** When it last was not, milliseconds since the epoch. */
  lastUnready = 0;
  /** Answers of liveness other than 200, or none at all. */
  livenessFailures = 0;
  /** Not ready though the published token was alive, and had been for a second. */
  readonly unreadyWhileValid: string[] = [];
  /** Ready though the published token had been dead for more than a second. */
  readonly readyWhileDead: string[] = [];
  /** Periods without a living token on the volume, `[from, to)` in milliseconds since the epoch. */
  readonly deadPeriods: { readonly from: number; to: number }[] = [];
  private stopped = false;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 2 });
  private readonly done: Promise<void>;

  constructor(
    private readonly port: number,
    private readonly published: PublishedToken,
  ) {
    this.done = this.watch();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
    this.agent.destroy();
  }

  /** Whether the volume held no living token at that time, or had held none until `grace` milliseconds before. */
  wasDead(at: number, grace: number): boolean {
    return this.deadPeriods.some(({ from, to }) => at >= from && at < to + grace);
  }

  private async watch(): Promise<void> {
    let validSince = Number.NEGATIVE_INFINITY;
    let deadSince = Number.POSITIVE_INFINITY;
    let last = Date.now();
    for (let round = 0; !this.stopped; round += 1) {
      const asked = Date.now();
      const code = await this.ask('/readiness');
      const now = Date.now();
      const valid = this.published.isValid(now);
      if (valid && deadSince !== Number.POSITIVE_INFINITY) {
        validSince = now;
        deadSince = Number.POSITIVE_INFINITY;
      } else if (!valid && deadSince === Number.POSITIVE_INFINITY) {
        deadSince = now;
        // It may have died any time since it was last seen alive.
        this.deadPeriods.push({ from: last, to: Number.POSITIVE_INFINITY });
      }
      const period = this.deadPeriods.at(-1);
      if (valid && period?.to === Number.POSITIVE_INFINITY) period.to = now;

      if (code !== 200) {
        this.unreadySeconds += (now - last) / 1000;
        this.lastUnready = now;
        if (valid && asked - validSince > WITHIN_MS) this.unreadyWhileValid.push(`${code} at ${iso(now)}`);
      } else if (asked - deadSince > WITHIN_MS) {
        this.readyWhileDead.push(`${code} at ${iso(now)}, dead since ${iso(deadSince)}`);
      }
      last = now;
      if (round % 5 === 0 && (await this.ask('/liveness')) !== 200) this.livenessFailures += 1;
      await sleep(INTERVAL);
    }
  }

  /** 0 where nothing answers in time. */
  private ask(path: string): Promise<number> {
    return new Promise(resolve => {
      const outgoing = request(
        { host: '127.0.0.1', port: this.port, path, agent: this.agent, timeout: PATIENCE_MS },
        response => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
          response.on('error', () => resolve(0));
        },
      );
      outgoing.on('timeout', () => outgoing.destroy());
      outgoing.on('error', () => resolve(0));
      outgoing.end();
    });
  }
}

const iso = (ms: number) => new Date(ms).toISOString();
