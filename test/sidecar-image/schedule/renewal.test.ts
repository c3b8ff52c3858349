import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instant } from '../../../sidecar-image/src/clock';
import type { RefresherConfigInput, RenewalConfig } from '../../../sidecar-image/src/config/schema';
import { refresherConfigSchema } from '../../../sidecar-image/src/config/schema';
import {
  afterFailure,
  afterPublish,
  backoffMs,
  CLOCK_STEP_MS,
  clockStepped,
  dueInMs,
  outlives,
  remainingMs,
  renewalMarginMs,
  selectDue,
  type TargetSchedule,
  UNPUBLISHED,
} from '../../../sidecar-image/src/schedule/renewal';
import { configInput, renewalConfig, token } from '../../support/builders';

const START: Instant = { wall: Date.parse('2026-01-02T03:04:05Z'), monotonic: 5_000 };

/** The moment `ms` later, on a wall clock that was stepped by `stepMs` meanwhile. */
const later = (ms: number, stepMs = 0): Instant => ({
  wall: START.wall + ms + stepMs,
  monotonic: START.monotonic + ms,
});

const DEFAULTS = renewalConfig();

/** Any renewal that the schema accepts. */
const renewal: fc.Arbitrary<RenewalConfig> = fc
  .record({
    tokenLifetimeSeconds: fc.integer({ min: 2, max: 900 }),
    threshold: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
    jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
    initialBackoffSeconds: fc.double({ min: 0.05, max: 60, noNaN: true }),
    maxBackoffSeconds: fc.double({ min: 0.05, max: 300, noNaN: true }),
  } satisfies { [K in keyof NonNullable<RefresherConfigInput['renewal']>]?: unknown })
  .map(input => refresherConfigSchema.safeParse(configInput({ renewal: input })))
  .filter(({ success }) => success)
  .map(({ data }) => {
    if (data === undefined) throw new Error('filtered before');
    return data.renewal;
  });

/** Uniform in [0, 1), with its ends. */
const random = fc.oneof(
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  fc.constantFrom(0, 1 - Number.EPSILON),
);
const lifeSeconds = fc.integer({ min: 1, max: 900 });
const elapsed = fc.integer({ min: 0, max: 10_000_000 });
const step = fc.oneof(fc.constant(0), fc.integer({ min: -10_000_000, max: 10_000_000 }));

describe('remainingMs', () => {
  it.each([
    ['at once', 0, 0, 900_000],
    ['a while later', 100_000, 0, 800_000],
    ['at the end', 900_000, 0, 0],
    ['past the end', 901_000, 0, -1_000],
    ['on a clock set forward', 100_000, 50_000, 750_000],
    ['on a clock set back: real time counts', 100_000, -50_000, 800_000],
    ['on a clock set back for long: real time counts', 950_000, -3_600_000, -50_000],
  ])('%s', (_, ms, stepMs, expected) => {
    expect(remainingMs(token(START), later(ms, stepMs))).toBe(expected);
  });

  it('is what the more pessimistic clock says', () => {
    fc.assert(
      fc.property(lifeSeconds, elapsed, step, (life, ms, stepMs) => {
        const left = remainingMs(token(START, life), later(ms, stepMs));
        expect(left).toBe(life * 1000 - ms - Math.max(0, stepMs));
      }),
    );
  });
});

describe('clockStepped', () => {
  it.each([
    [0, false],
    [CLOCK_STEP_MS, false],
    [CLOCK_STEP_MS + 1, true],
    [-CLOCK_STEP_MS, false],
    [-CLOCK_STEP_MS - 1, true],
    [450, false],
  ])('by %i ms: %s', (stepMs, expected) => {
    expect(clockStepped(token(START), later(600_000, stepMs))).toBe(expected);
  });
});

describe('a renewal', () => {
  it.each([
    // threshold, jitter, draw, and the second of 900 at which it is due
    [0.66, 0.1, 0, 594],
    [0.66, 0.1, 0.5, 549],
    [0.66, 0.1, 1, 504],
    [0.5, 0, 0.9, 450],
    [0.9, 0, 0, 810],
  ])('with threshold %d, jitter %d and draw %d is due at second %i', (threshold, jitter, draw, second) => {
    const config = renewalConfig({ threshold, jitter });
    expect(900 - renewalMarginMs(900_000, config, draw) / 1000).toBeCloseTo(second, 6);
  });

  it('is due after the publish and before the end, whatever the configuration, the life and the draw', () => {
    fc.assert(
      fc.property(renewal, lifeSeconds, random, (config, life, draw) => {
        const due = dueInMs(afterPublish(token(START, life), START, config, draw), START);
        expect(due).toBeGreaterThan(0);
        expect(due).toBeLessThan(life * 1000);
      }),
    );
  });

  it('counts from the publish, however long that took', () => {
    fc.assert(
      fc.property(renewal, fc.integer({ min: 0, max: 899_000 }), random, (config, took, draw) => {
        const now = later(took);
        const due = dueInMs(afterPublish(token(START), now, config, draw), now);
        expect(due).toBeGreaterThan(0);
        expect(due).toBeLessThan(900_000 - took);
      }),
    );
  });

  it('of a token that its credentials cut short is due in proportion', () => {
    const schedule = afterPublish(token(START, 60), START, DEFAULTS, 0);
    expect(dueInMs(schedule, START)).toBeCloseTo(39_600, 6);
  });

  it('of a token that is dead on arrival is due at once', () => {
    expect(dueInMs(afterPublish(token(START, 1), later(5_000), DEFAULTS, 0.5), later(5_000))).toBe(0);
  });

  it('is due at once after the clock was stepped', () => {
    const schedule = afterPublish(token(START), START, DEFAULTS, 0);
    expect(dueInMs(schedule, later(1_000))).toBeGreaterThan(500_000);
    expect(dueInMs(schedule, later(1_000, 5_000))).toBe(0);
    expect(dueInMs(schedule, later(1_000, -5_000))).toBe(0);
  });

  it('is due at once where nothing was published', () => {
    expect(dueInMs(UNPUBLISHED, START)).toBe(0);
  });

  it('forgets earlier failures', () => {
    const failed = afterFailure(UNPUBLISHED, START, DEFAULTS, 0.5);
    expect(failed.failures).toBe(1);
    expect(afterPublish(token(START), START, DEFAULTS, 0.5)).toMatchObject({ failures: 0 });
  });
});

describe('the backoff', () => {
  it.each([
    [1, 500, 1_000],
    [2, 1_000, 2_000],
    [3, 2_000, 4_000],
    [5, 8_000, 16_000],
    [6, 15_000, 30_000],
    [2_000, 15_000, 30_000],
  ])('after %i failures lies between %i and %i ms', (failures, least, most) => {
    expect(backoffMs(failures, DEFAULTS, 0)).toBe(least);
    expect(backoffMs(failures, DEFAULTS, 1)).toBe(most);
  });

  it('lies within half and the whole of its cap, and never falls with more failures', () => {
    fc.assert(
      fc.property(renewal, fc.integer({ min: 1, max: 5_000 }), random, (config, failures, draw) => {
        const delay = backoffMs(failures, config, draw);
        expect(delay).toBeGreaterThanOrEqual(config.initialBackoffSeconds * 500);
        expect(delay).toBeLessThanOrEqual(config.maxBackoffSeconds * 1000);
        expect(backoffMs(failures + 1, config, draw)).toBeGreaterThanOrEqual(delay);
        if (failures > 20) expect(delay).toBeGreaterThanOrEqual(config.maxBackoffSeconds * 500);
      }),
    );
  });

  it('rules alone: neither a due renewal nor a stepped clock comes before it', () => {
    const published = afterPublish(token(START, 10), START, DEFAULTS, 0);
    const failed = afterFailure(published, START, DEFAULTS, 1);
    expect(dueInMs(failed, START)).toBe(1_000);
    expect(dueInMs(failed, later(999, 60_000))).toBe(1);
    expect(dueInMs(failed, later(1_000))).toBe(0);
  });

  it('keeps the published token and when it was to be renewed', () => {
    const published = afterPublish(token(START), START, DEFAULTS, 0);
    const failed = afterFailure(afterFailure(published, START, DEFAULTS, 1), START, DEFAULTS, 1);
    expect(failed).toEqual({ ...published, failures: 2, retryAt: START.monotonic + 2_000 });
  });
});

describe('dueInMs', () => {
  it('is a finite number and never negative', () => {
    const draws = fc.record({ config: renewal, life: lifeSeconds, ms: elapsed, stepMs: step, draw: random });
    fc.assert(
      fc.property(draws, fc.nat(5), ({ config, life, ms, stepMs, draw }, failures) => {
        let schedule: TargetSchedule = afterPublish(token(START, life), START, config, draw);
        for (let i = 0; i < failures; i++) schedule = afterFailure(schedule, later(i), config, draw);
        const due = dueInMs(schedule, later(ms, stepMs));
        expect(due).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(due)).toBe(true);
      }),
    );
  });
});

describe('outlives', () => {
  const candidate = (expiresInMs: number) => ({ ...token(START), expiresAt: START.wall + expiresInMs });

  it('is true of the first token', () => {
    expect(outlives(candidate(1), undefined, START)).toBe(true);
  });

  it.each([
    [899_000, false],
    [900_000, false],
    [900_500, false],
    [900_501, true],
    [1_000_000, true],
  ])('of one that lives %i ms, beside one of 900,000: %s', (ms, expected) => {
    expect(outlives(candidate(ms), token(START), START)).toBe(expected);
  });

  it('is true of any living token beside one that a step of the clock killed', () => {
    const now = later(1_000, 3_600_000);
    const fresh = { ...token(now, 60) };
    expect(outlives(fresh, token(START), now)).toBe(true);
  });
});

describe('selectDue', () => {
  const now = later(600_000);
  const member = (name: string, schedule: TargetSchedule) => ({ name, schedule });
  const unpublished = member('unpublished', UNPUBLISHED);
  const fresh = member('fresh', afterPublish(token(later(590_000)), later(590_000), DEFAULTS, 0));
  const due = member('due', afterPublish(token(START), START, DEFAULTS, 0));
  const waiting = member('waiting', afterFailure(due.schedule, now, DEFAULTS, 1));
  const retrying = member('retrying', afterFailure(due.schedule, later(500_000), DEFAULTS, 1));
  const waitingForFirst = member('waiting-for-first', afterFailure(UNPUBLISHED, now, DEFAULTS, 1));

  it.each([
    ['nothing where nothing is due', [fresh, waiting, waitingForFirst], []],
    ['what is due', [due], ['due']],
    ['with a renewal, all that hold a token', [fresh, due], ['fresh', 'due']],
    ['nobody who backs off', [waiting, due, waitingForFirst], ['due']],
    ['what was never published, alone', [unpublished, fresh], ['unpublished']],
    ['a retry, alone', [retrying, fresh], ['retrying']],
    [
      'a renewal, a retry and a first publish together',
      [fresh, retrying, due, unpublished],
      ['fresh', 'retrying', 'due', 'unpublished'],
    ],
  ])('takes %s', (_, group, names) => {
    expect(selectDue(group, now).map(({ name }) => name)).toEqual(names);
  });

  it('takes everybody who is due, in the order of the group', () => {
    const any = fc.constantFrom(unpublished, fresh, due, waiting, retrying, waitingForFirst);
    fc.assert(
      fc.property(fc.array(any), group => {
        const selected = selectDue(group, now);
        expect(selected).toEqual(group.filter(one => selected.includes(one)));
        for (const one of group) if (dueInMs(one.schedule, now) === 0) expect(selected).toContain(one);
        for (const one of selected) {
          expect(one.schedule.failures === 0 || dueInMs(one.schedule, now) === 0).toBe(true);
        }
      }),
    );
  });
});
