import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Instant } from '../../sidecar-image/src/clock';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private wall: number;
  private monotonic = 1_000;
  private readonly sleepers = new Set<Sleeper>();
  /** Milliseconds of every sleep that was asked for, in order. */
  readonly slept: number[] = [];

  constructor(start: string | number = '2026-01-02T03:04:05Z') {
    this.wall = new Date(start).getTime();
  }

  now(): Instant {
    return { wall: this.wall, monotonic: this.monotonic };
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.slept.push(ms);
    return new Promise(resolve => {
      if (signal.aborted) return resolve();
      const wake = () => {
        this.sleepers.delete(sleeper);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { until: this.monotonic + ms, wake };
      this.sleepers.add(sleeper);
      signal.addEventListener('abort', wake);
    });
  }

  /** Sleeps under way. */
  get sleeping(): number {
    return this.sleepers.size;
  }

  /** Lets time go by on both clocks, waking every sleeper at its moment and letting it act before time goes on. */
  async advance(ms: number): Promise<void> {
    const end = this.monotonic + ms;
    await settled();
    for (;;) {
      const [next] = [...this.sleepers].sort((a, b) => a.until - b.until);
      if (next === undefined || next.until > end) break;
      this.moveTo(Math.max(next.until, this.monotonic));
      next.wake();
      await settled();
    }
    this.moveTo(end);
    await settled();
  }

  /** Sets the wall clock forward, or back where negative, without any time going by. */
  step(ms: number): void {
    this.wall += ms;
  }

  private moveTo(monotonic: number): void {
    this.wall += monotonic - this.monotonic;
    this.monotonic = monotonic;
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}
