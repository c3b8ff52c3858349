import type { RenewalConfig } from '../config/schema';
import { dueInMs, selectDue } from '../schedule/renewal';
import { type RenewalEvents, type RenewalPorts, renew, repair } from './renew';
import type { GroupState, TargetState } from './state';

/**
 * Longest sleep between two looks, in milliseconds. A look costs microseconds; this is how soon a stepped clock, a
 * process that was stopped, or a file that somebody removed is noticed.
 */
export const LOOK_MS = 1_000;

/** Starts what is due and sleeps until something else is, until `signal` aborts. */
export class RenewalLoop {
  private wake = new AbortController();
  private readonly attempts = new Set<Promise<void>>();

  constructor(
    private readonly groups: readonly GroupState[],
    private readonly renewal: RenewalConfig,
    private readonly ports: RenewalPorts,
    private readonly events: RenewalEvents & { repairFailed(error: unknown): void },
    /** Puts back what is published but no target's. Throws kind `publish`. */
    private readonly repairOthers: () => void = () => {},
  ) {}

  /** Tries every due target once. Resolves when all attempts have ended, well or not. */
  async attemptAll(): Promise<void> {
    this.look();
    await Promise.all(this.attempts);
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.wake.abort();
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      this.wake = new AbortController();
      const delay = this.look();
      await this.ports.clock.sleep(delay, this.wake.signal);
    }
    signal.removeEventListener('abort', stop);
  }

  /** Looks at once: somebody saw that time has passed differently than was slept. */
  nudge(): void {
    this.wake.abort();
  }

  /** Starts what is due. Returns the milliseconds until the next look. */
  private look(): number {
    const now = this.ports.clock.now();
    let delay = LOOK_MS;
    this.keepIntact(this.repairOthers);
    for (const group of this.groups) {
      if (group.busy) continue;
      this.keepIntact(() => repair(group, this.ports, this.events));
      const due = selectDue(group.targets, now);
      if (due.length > 0) this.start(group, due);
      else for (const { schedule } of group.targets) delay = Math.min(delay, dueInMs(schedule, now));
    }
    // A timer may fire a fraction early; without a floor that would spin.
    return Math.max(delay, 1);
  }

  private keepIntact(repairs: () => void): void {
    try {
      repairs();
    } catch (error) {
      this.events.repairFailed(error);
    }
  }

  private start(group: GroupState, due: readonly TargetState[]): void {
    group.busy = true;
    const attempt = renew(group, due, this.renewal, this.ports, this.events).finally(() => {
      group.busy = false;
      this.attempts.delete(attempt);
      this.nudge();
    });
    this.attempts.add(attempt);
  }
}
