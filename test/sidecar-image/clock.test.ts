import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../sidecar-image/src/clock';

describe('systemClock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  async function isDone(promise: Promise<void>): Promise<boolean> {
    let done = false;
    void promise.then(() => {
      done = true;
    });
    await Promise.resolve();
    await Promise.resolve();
    return done;
  }

  it('tells the wall clock and one that a step of it leaves alone', () => {
    const before = systemClock.now();
    vi.setSystemTime(before.wall + 3_600_000);
    const after = systemClock.now();
    expect(after.wall - before.wall).toBe(3_600_000);
    expect(after.monotonic - before.monotonic).toBeLessThan(3_600_000);
  });

  it('sleeps as long as asked and leaves nothing behind', async () => {
    const controller = new AbortController();
    const sleep = systemClock.sleep(1_000, controller.signal);
    vi.advanceTimersByTime(999);
    expect(await isDone(sleep)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await isDone(sleep)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('wakes when told to, without an error and without a timer left', async () => {
    const controller = new AbortController();
    const sleep = systemClock.sleep(1_000_000, controller.signal);
    controller.abort();
    expect(await isDone(sleep)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not sleep at all once told so', async () => {
    expect(await isDone(systemClock.sleep(1_000_000, AbortSignal.abort()))).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
